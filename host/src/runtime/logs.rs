//! The log of one attempt: the guest's lines, which are recorded with the attempt and also go to the host's log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Level;
use tracing::field::display;

use super::budget::{MemoryBudget, Reservation};
use crate::delivery::{Delivery, DeliveryId};
use crate::secrets::Mask;
use crate::trace::TraceId;

mod fatal_line;

use fatal_line::{ERROR_LINE_MAX_BYTES, FatalLine};

/// A line's severity: the levels of `wasi:logging/logging`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Severity {
    fn label(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

/// Standard output or standard error.
#[derive(Debug, Clone, Copy)]
pub(super) enum StdStream {
    Out,
    Err,
}

/// A printed line that is longer is broken.
const PRINTED_LINE_MAX_BYTES: usize = 8 * 1024;

/// Bytes of memory for a line beside its text.
const LINE_BYTES: usize = 64;

/// Collects lines up to a number of bytes, then counts the lines that it drops.
#[derive(Clone)]
pub(super) struct AttemptLog(Arc<Mutex<LogBuffer>>);

struct LogBuffer {
    lines: Vec<String>,
    /// Unfinished lines of standard output and standard error. A guest may open those again for each write.
    partial_lines: [Vec<u8>; 2],
    /// Of the lines on standard error and those with the severity critical, the one that explains the end.
    fatal: FatalLine,
    /// Requests that were sent. The counter goes on over the attempts of an instance.
    requests: u64,
    /// The grant that the last request sent lacked.
    denied: Option<String>,
    left_bytes: usize,
    max_bytes: usize,
    /// The lines' part of the instance's budget.
    held: Reservation,
    dropped: u64,
    plugin: String,
    event: String,
    delivery: Option<DeliveryId>,
    trace: Option<TraceId>,
    mask: Arc<Mask>,
}

impl AttemptLog {
    /// The log of an instance of this plugin.
    pub(super) fn new(max_bytes: usize, budget: &Arc<MemoryBudget>, plugin: &str, mask: &Arc<Mask>) -> Self {
        Self(Arc::new(Mutex::new(LogBuffer {
            lines: Vec::new(),
            partial_lines: Default::default(),
            fatal: FatalLine::default(),
            requests: 0,
            denied: None,
            left_bytes: max_bytes,
            max_bytes,
            held: Reservation::empty(budget),
            dropped: 0,
            plugin: plugin.into(),
            event: String::new(),
            delivery: None,
            trace: None,
            mask: Arc::clone(mask),
        })))
    }

    /// Clears the log and begins that of an attempt, which it names by its event and delivery in the host's log. `None` is
    /// a call outside of a delivery, when the plugin is loaded.
    pub(super) fn begin(&self, delivery: Option<&Delivery>) {
        let mut buffer = self.lock();
        buffer.lines = Vec::new();
        buffer.held.clear();
        buffer.partial_lines.iter_mut().for_each(Vec::clear);
        (buffer.fatal, buffer.denied) = (FatalLine::default(), None);
        (buffer.left_bytes, buffer.dropped) = (buffer.max_bytes, 0);
        delivery.map_or("(load)", |delivery| &delivery.event.id).clone_into(&mut buffer.event);
        buffer.delivery = delivery.map(|delivery| delivery.id);
        buffer.trace = delivery.and_then(|delivery| delivery.event.trace).map(|trace| trace.trace);
    }

    /// The mask that keeps secrets out of it.
    pub(super) fn mask(&self) -> Arc<Mask> {
        Arc::clone(&self.lock().mask)
    }

    /// Adds a line. A line without room is truncated or dropped.
    pub(super) fn push(&self, severity: Severity, context: &str, message: &str) {
        self.lock().push(severity, context, message);
    }

    /// Adds printed bytes. A line ends at a line break, where it is too long, or in [`AttemptLog::take`].
    pub(super) fn print(&self, stream: StdStream, bytes: &[u8]) {
        self.lock().print(stream, bytes);
    }

    /// The line of the guest's errors that explains its end. Languages print or log an exception before they end.
    pub(super) fn fatal_line(&self) -> Option<String> {
        let mut buffer = self.lock();
        buffer.end_lines();
        buffer.fatal.get().map(str::to_owned)
    }

    /// The number of a request that is sent. From now on, this is the last one.
    pub(super) fn begin_request(&self) -> u64 {
        let mut buffer = self.lock();
        buffer.denied = None;
        buffer.requests += 1;
        buffer.requests
    }

    /// Remembers that the request was denied because a grant is missing, which the text names, unless another was sent
    /// since: requests that are under way together end in any order.
    pub(super) fn deny_request(&self, number: u64, missing: &str) {
        let mut buffer = self.lock();
        if buffer.requests == number {
            buffer.denied = Some(missing.to_owned());
        }
    }

    /// The grant that the last request of the attempt lacked.
    pub(super) fn denied(&self) -> Option<String> {
        self.lock().denied.clone()
    }

    /// Takes all lines. If some were truncated or dropped, a last line gives their number.
    pub(super) fn take(&self) -> Vec<String> {
        let mut buffer = self.lock();
        buffer.end_lines();
        let mut lines = std::mem::take(&mut buffer.lines);
        if buffer.dropped > 0 {
            let (dropped, max) = (buffer.dropped, buffer.max_bytes);
            lines.push(format!("WARN hookyard: {dropped} lines cut or dropped, log_max_bytes is {max}"));
        }
        lines
    }

    fn lock(&self) -> MutexGuard<'_, LogBuffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogBuffer {
    fn print(&mut self, stream: StdStream, bytes: &[u8]) {
        for &byte in bytes {
            let partial = &mut self.partial_lines[stream as usize];
            if byte != b'\n' {
                partial.push(byte);
            }
            if byte == b'\n' || partial.len() >= PRINTED_LINE_MAX_BYTES {
                self.end_line(stream);
            }
        }
    }

    fn end_lines(&mut self) {
        for stream in [StdStream::Out, StdStream::Err] {
            if !self.partial_lines[stream as usize].is_empty() {
                self.end_line(stream);
            }
        }
    }

    fn end_line(&mut self, stream: StdStream) {
        let line = std::mem::take(&mut self.partial_lines[stream as usize]);
        let line = String::from_utf8_lossy(&line);
        let severity = match stream {
            StdStream::Out => Severity::Info,
            StdStream::Err => Severity::Warn,
        };
        if matches!(stream, StdStream::Err) {
            self.fatal.push(&self.mask.hide(&line));
        }
        self.push(severity, "", &line);
    }

    fn push(&mut self, severity: Severity, context: &str, message: &str) {
        let space = if context.is_empty() { "" } else { ": " };
        let (label, message) = (severity.label(), message.trim_end_matches('\n'));
        let mask = Arc::clone(&self.mask);
        // Only the part that has room is masked, for texts of any length.
        let (context, context_is_whole) = mask.hide_within(context, self.left_bytes);
        let (message, message_is_whole) =
            mask.hide_within(message, self.left_bytes.max(ERROR_LINE_MAX_BYTES));
        if severity == Severity::Critical {
            self.fatal.set_critical(&message);
        }
        let size = (label.len() + context.len() + message.len() + 3).min(self.left_bytes);
        if self.left_bytes == 0 || self.held.grow(size + LINE_BYTES).is_err() {
            self.dropped += 1;
            return;
        }
        let mut line = String::with_capacity(size);
        let mut is_whole = context_is_whole && message_is_whole;
        for part in [label, " ", &context, space, &message] {
            let end = part.floor_char_boundary(self.left_bytes.saturating_sub(line.len()));
            line.push_str(&part[..end]);
            if end < part.len() {
                is_whole = false;
                break;
            }
        }
        if !is_whole {
            self.dropped += 1;
            self.left_bytes = line.len();
        }
        self.left_bytes -= line.len();
        self.forward(severity, &line[line.len().min(label.len() + 1)..]);
        self.lines.push(line);
    }

    fn forward(&self, severity: Severity, text: &str) {
        let (plugin, event) = (self.plugin.as_str(), self.event.as_str());
        let (delivery, trace) = (self.delivery.map(display), self.trace.map(display));
        // The level is part of a call site in tracing, so each level needs a call site of its own.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(target: "plugin", $level, plugin, event, delivery, trace, "{text}")
            };
        }
        match severity {
            Severity::Trace => line!(Level::TRACE),
            Severity::Debug => line!(Level::DEBUG),
            Severity::Info => line!(Level::INFO),
            Severity::Warn => line!(Level::WARN),
            Severity::Error | Severity::Critical => line!(Level::ERROR),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(max_bytes: usize) -> AttemptLog {
        AttemptLog::new(max_bytes, &MemoryBudget::new(1 << 20), "p", &Arc::default())
    }

    #[test]
    fn lines_are_reserved_in_the_budget() {
        let budget = MemoryBudget::new(1000);
        let logs = AttemptLog::new(100_000, &budget, "p", &Arc::default());
        for _ in 0..1000 {
            logs.push(Severity::Info, "", "x");
        }
        assert!(budget.held_bytes() <= 1000);
        let lines = logs.take();
        assert!(
            lines.len() <= 1000 / LINE_BYTES + 1 && lines.last().unwrap().contains("dropped"),
            "{lines:?}"
        );
        logs.begin(None);
        assert_eq!(budget.held_bytes(), 0);
    }

    #[test]
    fn truncates_a_line_before_a_secret_that_does_not_fit() {
        let mask = Arc::new(Mask::new(&[("key".to_owned(), "0123456789".to_owned())].into()));
        let logs = AttemptLog::new(60, &MemoryBudget::new(1 << 20), "p", &mask);
        logs.push(Severity::Info, "", &format!("{}0123456789", "a".repeat(52)));
        assert!(!logs.take().concat().contains("01"));
    }

    #[test]
    fn keeps_level_and_context_of_lines() {
        let logs = logs(100);
        logs.push(Severity::Info, "", "one");
        logs.push(Severity::Warn, "desk", "two\n");
        assert_eq!(logs.take(), ["INFO one", "WARN desk: two"]);
    }

    #[test]
    fn joins_printed_bytes_to_lines_and_ends_the_last_line_with_the_attempt() {
        let logs = logs(100_000);
        for (stream, text) in [
            (StdStream::Out, "a\nb"),
            (StdStream::Err, "x"),
            (StdStream::Out, "c\n\nd"),
            (StdStream::Err, "y"),
        ] {
            logs.print(stream, text.as_bytes());
        }
        assert_eq!(logs.take(), ["INFO a", "INFO bc", "INFO ", "INFO d", "WARN xy"]);
        logs.print(StdStream::Out, &[b'z'; PRINTED_LINE_MAX_BYTES + 1]);
        logs.begin(None);
        assert_eq!(logs.take(), [""; 0]);
        logs.print(StdStream::Out, &[b'z'; PRINTED_LINE_MAX_BYTES + 1]);
        let lengths: Vec<usize> = logs.take().iter().map(|line| line.len() - "INFO ".len()).collect();
        assert_eq!(lengths, [PRINTED_LINE_MAX_BYTES, 1]);
    }

    #[test]
    fn remembers_the_line_that_explains_the_end() {
        let logs = logs(100_000);
        logs.push(Severity::Error, "", "not that");
        logs.print(StdStream::Out, b"nor that\n");
        assert_eq!(logs.fatal_line(), None);
        logs.print(StdStream::Err, b"Traceback\n  File\nKeyError: 'x'\n\n");
        assert_eq!(logs.fatal_line().unwrap(), "KeyError: 'x'");
        logs.push(Severity::Critical, "", "TypeError: x\n    at f");
        assert_eq!(logs.fatal_line().unwrap(), "TypeError: x");
        logs.push(Severity::Critical, "", "panicked at src/lib.rs:1:2:\nno such office");
        assert_eq!(logs.fatal_line().unwrap(), "panicked at src/lib.rs:1:2: no such office");
        logs.begin(None);
        logs.print(StdStream::Err, b"without an end");
        assert_eq!(logs.fatal_line().unwrap(), "without an end");
    }

    #[test]
    fn only_the_last_request_sent_may_have_been_denied() {
        let logs = logs(100);
        let (first, last) = (logs.begin_request(), logs.begin_request());
        logs.deny_request(first, "ended last, but sent first");
        assert_eq!(logs.denied(), None);
        logs.deny_request(last, "x is not granted");
        logs.deny_request(first, "ended last, but sent first");
        assert_eq!(logs.denied().unwrap(), "x is not granted");
        logs.begin_request();
        assert_eq!(logs.denied(), None);
    }

    #[test]
    fn truncates_at_the_limit_between_characters_and_counts_dropped_lines() {
        let logs = logs(10);
        logs.push(Severity::Info, "", "aaaéé");
        logs.push(Severity::Info, "", "gone");
        let lines = logs.take();
        assert_eq!(lines[0], "INFO aaaé");
        assert!(lines[1].contains("2 lines") && lines[1].contains("log_max_bytes is 10"), "{lines:?}");
        logs.begin(None);
        logs.push(Severity::Info, "", "room");
        assert_eq!(logs.take(), ["INFO room"]);
    }
}
