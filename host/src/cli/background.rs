//! Writes to standard output or standard error without ever waiting for a reader.
//!
//! Lines go into a queue of bounded size, and a thread of its own writes them. While the queue is full, lines
//! are dropped and counted. When there is room again, one line reports their number.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes counted for a line beside its text: its place in the queue and its allocation.
const LINE_COST_BYTES: usize = 64;
/// A stream that takes nothing for so long at the end of the process gets nothing more.
const FLUSH_STALL: Duration = Duration::from_secs(1);
/// Longest time that the end of the process waits for a stream.
const FLUSH_MAX: Duration = Duration::from_secs(5);
/// Pause before a retry of a stream that others made non-blocking.
const WOULD_BLOCK_PAUSE: Duration = Duration::from_millis(10);

/// A stream that is written in the background. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct BackgroundWriter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Box<[u8]>>,
    /// Size of `lines`, and of the line that is being written.
    bytes: usize,
    /// Lines that were dropped and not yet reported.
    dropped: u64,
    /// Lines that were written.
    written: u64,
}

impl BackgroundWriter {
    /// Starts writing to a stream. At most `bytes_max` wait in memory. When there is room again, the writing
    /// thread calls `report_dropped` with the number of dropped lines.
    ///
    /// # Errors
    /// When the system has no descriptor or no thread for it.
    pub(super) fn start(
        stream: impl AsFd,
        name: &str,
        bytes_max: usize,
        report_dropped: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let stream = File::from(stream.as_fd().try_clone_to_owned()?);
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new(), bytes_max });
        let writer = Self { shared: Arc::clone(&shared) };
        thread::Builder::new().name(name.into()).spawn(move || shared.write(&stream, &report_dropped))?;
        Ok(writer)
    }

    /// Queues a line with its end, or drops it if the queue is full. Never blocks.
    pub(super) fn push(&self, line: &[u8]) {
        let cost = line.len() + LINE_COST_BYTES;
        let mut queue = self.shared.lock();
        if queue.bytes + cost > self.shared.bytes_max {
            queue.dropped += 1;
            drop(queue);
            return count_dropped(1);
        }
        queue.bytes += cost;
        queue.lines.push_back(line.into());
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// Waits until all lines are written, while the stream takes any.
    pub(super) fn flush(&self) {
        let end = Instant::now() + FLUSH_MAX;
        let mut queue = self.shared.lock();
        let mut last = (queue.written, Instant::now());
        while queue.bytes > 0 && Instant::now() < end && last.1.elapsed() < FLUSH_STALL {
            let waited = self.shared.changed.wait_timeout(queue, FLUSH_STALL / 10);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            if queue.written != last.0 {
                last = (queue.written, Instant::now());
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's work; it ends with the process.
    fn write(&self, mut stream: &File, report_dropped: &dyn Fn(u64)) {
        loop {
            let line = self.next();
            let written = write_all(&mut stream, &line);
            if written.is_err() {
                count_dropped(1);
            }
            let mut queue = self.lock();
            queue.bytes -= line.len() + LINE_COST_BYTES;
            queue.written += 1;
            queue.dropped += u64::from(written.is_err());
            // A failing stream would fail for the report too, and a full queue would drop it.
            let has_room = written.is_ok() && queue.bytes <= self.bytes_max / 2;
            let dropped = if has_room { std::mem::take(&mut queue.dropped) } else { 0 };
            drop(queue);
            self.changed.notify_all();
            if dropped > 0 {
                report_dropped(dropped);
            }
        }
    }

    fn next(&self) -> Box<[u8]> {
        let mut queue = self.lock();
        loop {
            if let Some(line) = queue.lines.pop_front() {
                return line;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// As [`io::Write::write_all`], for a stream that may be non-blocking too.
fn write_all(stream: &mut &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(WOULD_BLOCK_PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn count_dropped(lines: u64) {
    metrics::counter!("hookyard_log_lines_dropped_total").increment(lines);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::sync::mpsc;

    use super::*;

    /// Much longer than anything here takes, also on a busy machine.
    const PATIENCE: Duration = Duration::from_mins(1);
    /// More than a pipe of 64 KiB takes.
    const LINE: [u8; 1000] = [b'x'; 1000];

    #[test]
    fn drops_and_counts_lines_beyond_the_limit_and_reports_them_once_there_is_room() {
        let (reader, stream) = io::pipe().unwrap();
        let (told, tells) = mpsc::channel();
        let tell = move |dropped| told.send(dropped).unwrap();
        let writer = BackgroundWriter::start(stream, "test", 100_000, tell).unwrap();
        let line = [&LINE[..], b"\n"].concat();
        let began = Instant::now();
        for _ in 0..1000 {
            writer.push(&line);
        }
        assert!(writer.shared.lock().bytes <= 100_000);
        writer.flush();
        assert!(began.elapsed() < PATIENCE, "nobody reads, and nobody waits for that");
        let lines =
            thread::spawn(move || BufReader::new(reader).lines().map(Result::unwrap).collect::<Vec<_>>());
        let dropped = tells.recv_timeout(PATIENCE).unwrap();
        assert!((800..1000).contains(&dropped), "{dropped}");
        writer.flush();
        let written = writer.shared.lock().written;
        assert_eq!(written + dropped, 1000);
        // Without the writers' end the reader's thread would wait for more.
        drop(lines);
    }

    #[test]
    fn writes_all_lines_to_a_reader() {
        let (reader, stream) = io::pipe().unwrap();
        let writer = BackgroundWriter::start(stream, "test", 1 << 20, |_| ()).unwrap();
        let lines = thread::spawn(move || BufReader::new(reader).lines().take(500).count());
        for number in 0..500 {
            writer.push(format!("{number}\n").as_bytes());
        }
        writer.flush();
        assert_eq!(writer.shared.lock().bytes, 0);
        assert_eq!(lines.join().unwrap(), 500);
    }

    #[test]
    fn a_stream_without_a_reader_is_not_waited_for() {
        let (reader, stream) = io::pipe().unwrap();
        drop(reader);
        let writer = BackgroundWriter::start(stream, "test", 1 << 20, |_| ()).unwrap();
        for _ in 0..10 {
            writer.push(b"x\n");
        }
        writer.flush();
        let queue = writer.shared.lock();
        assert_eq!((queue.bytes, queue.dropped), (0, 10));
    }
}
