//! The lines a guest logs in one attempt: kept with the attempt, repeated in the host's own log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Level;

use super::budget::{MemoryBudget, Reservation};
use crate::secrets::Mask;

/// A line's severity: `wasi:logging/logging`'s levels.
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

/// Where a guest prints: standard output or error.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Out,
    Err,
}

/// Longest line kept of what a guest prints without a line break.
const PRINTED_LINE_MAX_BYTES: usize = 8 * 1024;

/// What a line takes beside its text.
const LINE_BYTES: usize = 64;

/// Longest part of a line that stands for why a guest ended itself.
const WORDS_MAX_BYTES: usize = 500;

/// Collects lines up to a number of bytes, then counts what it drops.
#[derive(Clone)]
pub(super) struct Logs(Arc<Mutex<Buffer>>);

struct Buffer {
    lines: Vec<String>,
    /// Lines that were begun on standard output and error. Guests may open those anew for each write.
    begun: [Vec<u8>; 2],
    /// What was said last on standard error, or as critical.
    words: Option<String>,
    room_bytes: usize,
    max_bytes: usize,
    /// The lines' part of the instance's budget.
    held: Reservation,
    dropped: u64,
    plugin: String,
    event: String,
    mask: Arc<Mask>,
}

impl Logs {
    /// `plugin` and `event` name the attempt in the host's log.
    pub(super) fn new(
        max_bytes: usize,
        budget: &Arc<MemoryBudget>,
        (plugin, event): (&str, &str),
        mask: &Arc<Mask>,
    ) -> Self {
        Self(Arc::new(Mutex::new(Buffer {
            lines: Vec::new(),
            begun: Default::default(),
            words: None,
            room_bytes: max_bytes,
            max_bytes,
            held: Reservation::empty(budget),
            dropped: 0,
            plugin: plugin.into(),
            event: event.into(),
            mask: Arc::clone(mask),
        })))
    }

    /// Forgets what it has, for an attempt at another event.
    pub(super) fn begin(&self, event: &str) {
        let mut buffer = self.lock();
        buffer.lines = Vec::new();
        buffer.held.clear();
        buffer.begun.iter_mut().for_each(Vec::clear);
        buffer.words = None;
        (buffer.room_bytes, buffer.dropped) = (buffer.max_bytes, 0);
        event.clone_into(&mut buffer.event);
    }

    /// What keeps secrets out of it.
    pub(super) fn mask(&self) -> Arc<Mask> {
        Arc::clone(&self.lock().mask)
    }

    /// Takes a line; what has no room is cut off or dropped.
    pub(super) fn push(&self, severity: Severity, context: &str, message: &str) {
        self.lock().push(severity, context, message);
    }

    /// Takes what was printed. A line ends with a line break, where it is too long, or in [`Logs::take`].
    pub(super) fn print(&self, stream: Stream, bytes: &[u8]) {
        self.lock().print(stream, bytes);
    }

    /// What a guest said last before it ended itself: languages print there which exception it was.
    pub(super) fn last_words(&self) -> Option<String> {
        let mut buffer = self.lock();
        buffer.end_lines();
        buffer.words.clone()
    }

    /// All lines, and one that says how many were dropped if any were.
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

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    fn print(&mut self, stream: Stream, bytes: &[u8]) {
        for &byte in bytes {
            let begun = &mut self.begun[stream as usize];
            if byte != b'\n' {
                begun.push(byte);
            }
            if byte == b'\n' || begun.len() >= PRINTED_LINE_MAX_BYTES {
                self.end_line(stream);
            }
        }
    }

    fn end_lines(&mut self) {
        for stream in [Stream::Out, Stream::Err] {
            if !self.begun[stream as usize].is_empty() {
                self.end_line(stream);
            }
        }
    }

    fn end_line(&mut self, stream: Stream) {
        let line = std::mem::take(&mut self.begun[stream as usize]);
        let line = String::from_utf8_lossy(&line);
        let severity = match stream {
            Stream::Out => Severity::Info,
            Stream::Err => Severity::Warn,
        };
        if matches!(stream, Stream::Err) && !line.trim().is_empty() {
            self.words = Some(words(&self.mask.hide(&line)));
        }
        self.push(severity, "", &line);
    }

    fn push(&mut self, severity: Severity, context: &str, message: &str) {
        let space = if context.is_empty() { "" } else { ": " };
        let (label, message) = (severity.label(), message.trim_end_matches('\n'));
        let mask = Arc::clone(&self.mask);
        // However long they are, no more of them is looked at than there is room for.
        let (context, context_is_whole) = mask.hide_within(context, self.room_bytes);
        let (message, message_is_whole) = mask.hide_within(message, self.room_bytes.max(WORDS_MAX_BYTES));
        if severity == Severity::Critical {
            self.words = Some(words(&message));
        }
        let size = (label.len() + context.len() + message.len() + 3).min(self.room_bytes);
        if self.room_bytes == 0 || self.held.grow(size + LINE_BYTES).is_err() {
            self.dropped += 1;
            return;
        }
        let mut line = String::with_capacity(size);
        let mut is_whole = context_is_whole && message_is_whole;
        for part in [label, " ", &context, space, &message] {
            let end = part.floor_char_boundary(self.room_bytes.saturating_sub(line.len()));
            line.push_str(&part[..end]);
            if end < part.len() {
                is_whole = false;
                break;
            }
        }
        if !is_whole {
            self.dropped += 1;
            self.room_bytes = line.len();
        }
        self.room_bytes -= line.len();
        self.repeat(severity, &line[line.len().min(label.len() + 1)..]);
        self.lines.push(line);
    }

    fn repeat(&self, severity: Severity, text: &str) {
        let (plugin, event) = (self.plugin.as_str(), self.event.as_str());
        // tracing's levels are part of the call site, so each needs its own.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(target: "plugin", $level, plugin, event, "{text}")
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

/// The first line, and the next one where the first only announces it, as Rust's panics do.
fn words(message: &str) -> String {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default().trim();
    let next = lines.next().filter(|_| first.ends_with(':'));
    let mut words = next.map_or_else(|| first.to_owned(), |next| format!("{first} {}", next.trim()));
    words.truncate(words.floor_char_boundary(WORDS_MAX_BYTES));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(max_bytes: usize) -> Logs {
        Logs::new(max_bytes, &MemoryBudget::new(1 << 20), ("p", "e"), &Arc::default())
    }

    #[test]
    fn lines_count_as_memory_of_the_host() {
        let budget = MemoryBudget::new(1000);
        let logs = Logs::new(100_000, &budget, ("p", "e"), &Arc::default());
        for _ in 0..1000 {
            logs.push(Severity::Info, "", "x");
        }
        assert!(budget.held_bytes() <= 1000);
        let lines = logs.take();
        assert!(
            lines.len() <= 1000 / LINE_BYTES + 1 && lines.last().unwrap().contains("dropped"),
            "{lines:?}"
        );
        logs.begin("another");
        assert_eq!(budget.held_bytes(), 0);
    }

    #[test]
    fn a_long_line_is_cut_before_a_secret_that_no_longer_fits() {
        let mask = Arc::new(Mask::new(&[("key".to_owned(), "0123456789".to_owned())].into()));
        let logs = Logs::new(60, &MemoryBudget::new(1 << 20), ("p", "e"), &mask);
        logs.push(Severity::Info, "", &format!("{}0123456789", "a".repeat(52)));
        assert!(!logs.take().concat().contains("01"));
    }

    #[test]
    fn keeps_lines_with_their_level_and_context() {
        let logs = logs(100);
        logs.push(Severity::Info, "", "one");
        logs.push(Severity::Warn, "desk", "two\n");
        assert_eq!(logs.take(), ["INFO one", "WARN desk: two"]);
    }

    #[test]
    fn joins_what_is_printed_to_lines_and_ends_the_last_ones_with_the_attempt() {
        let logs = logs(100_000);
        for (stream, text) in
            [(Stream::Out, "a\nb"), (Stream::Err, "x"), (Stream::Out, "c\n\nd"), (Stream::Err, "y")]
        {
            logs.print(stream, text.as_bytes());
        }
        assert_eq!(logs.take(), ["INFO a", "INFO bc", "INFO ", "INFO d", "WARN xy"]);
        logs.print(Stream::Out, &[b'z'; PRINTED_LINE_MAX_BYTES + 1]);
        logs.begin("another");
        assert_eq!(logs.take(), [""; 0]);
        logs.print(Stream::Out, &[b'z'; PRINTED_LINE_MAX_BYTES + 1]);
        let lengths: Vec<usize> = logs.take().iter().map(|line| line.len() - "INFO ".len()).collect();
        assert_eq!(lengths, [PRINTED_LINE_MAX_BYTES, 1]);
    }

    #[test]
    fn remembers_what_was_said_last_before_the_end() {
        let logs = logs(100_000);
        logs.push(Severity::Error, "", "not that");
        logs.print(Stream::Out, b"nor that\n");
        assert_eq!(logs.last_words(), None);
        logs.print(Stream::Err, b"Traceback\n  File\nKeyError: 'x'\n\n");
        assert_eq!(logs.last_words().unwrap(), "KeyError: 'x'");
        logs.push(Severity::Critical, "", "TypeError: x\n    at f");
        assert_eq!(logs.last_words().unwrap(), "TypeError: x");
        logs.push(Severity::Critical, "", "panicked at src/lib.rs:1:2:\nno such office");
        assert_eq!(logs.last_words().unwrap(), "panicked at src/lib.rs:1:2: no such office");
        logs.begin("another");
        logs.print(Stream::Err, b"without an end");
        assert_eq!(logs.last_words().unwrap(), "without an end");
    }

    #[test]
    fn cuts_at_the_limit_between_characters_and_counts_what_it_drops() {
        let logs = logs(10);
        logs.push(Severity::Info, "", "aaaéé");
        logs.push(Severity::Info, "", "gone");
        let lines = logs.take();
        assert_eq!(lines[0], "INFO aaaé");
        assert!(lines[1].contains("2 lines") && lines[1].contains("log_max_bytes is 10"), "{lines:?}");
        logs.begin("another");
        logs.push(Severity::Info, "", "room");
        assert_eq!(logs.take(), ["INFO room"]);
    }
}
