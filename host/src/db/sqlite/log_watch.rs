//! Whether another process keeps the database's log from being emptied.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The bytes of the log's index that `SQLite` locks for its readers:
/// <https://www.sqlite.org/walformat.html#locks>.
const READ_LOCKS: std::ops::RangeInclusive<u64> = 123..=127;

/// Reports a log that is not emptied.
#[derive(Debug, Default)]
pub(super) struct LogWatch {
    /// Its size at the last report; 0 when there is nothing to report.
    reported_bytes: u64,
}

impl LogWatch {
    /// Checks the log at `path`: reports it from `warn_bytes` on, and again for each doubling.
    pub(super) fn check(&mut self, path: &Path, warn_bytes: u64) {
        let Ok(log_bytes) = path.metadata().map(|log| log.len()) else { return };
        if log_bytes >= warn_bytes.max(self.reported_bytes.saturating_mul(2)) {
            self.reported_bytes = log_bytes;
            let readers = readers_of(&index_of(path));
            let who = match readers.as_slice() {
                [] => "a long read of this host or of another process".to_owned(),
                readers => format!("a read by another process, {}", readers.join(", ")),
            };
            tracing::warn!(
                log_bytes,
                "the database's log grows: {who} keeps it from being emptied; it is emptied when that ends"
            );
        } else if self.reported_bytes > 0 && log_bytes < warn_bytes {
            self.reported_bytes = 0;
            tracing::info!(log_bytes, "the write-ahead log was truncated");
        }
    }
}

/// The index of a log, where its readers have their locks.
fn index_of(log: &Path) -> PathBuf {
    let log = log.to_string_lossy();
    PathBuf::from(format!("{}-shm", log.strip_suffix("-wal").unwrap_or(&log)))
}

/// Lists other processes that read the database now. Empty on systems that do not list locks.
fn readers_of(index: &Path) -> Vec<String> {
    let Ok(inode) = index.metadata().map(|found| found.ino()) else { return Vec::new() };
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut pids: Vec<u32> = locks.lines().filter_map(|line| reader_in(line, inode)).collect();
    pids.sort_unstable();
    pids.dedup();
    pids.retain(|pid| *pid != std::process::id());
    pids.into_iter().map(named).collect()
}

/// The process that reads, in a line of `/proc/locks` (proc(5)):
/// `1: POSIX  ADVISORY  READ 12345 08:01:1234567 124 124`.
fn reader_in(line: &str, inode: u64) -> Option<u32> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_, "POSIX", _, _, pid, file, start, end] = fields.as_slice() else { return None };
    let of_inode = file.rsplit(':').next()?.parse() == Ok(inode);
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
    let is_read = start <= *READ_LOCKS.end() && end >= *READ_LOCKS.start() && start >= *READ_LOCKS.start();
    if of_inode && is_read { pid.parse().ok() } else { None }
}

fn named(pid: u32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("{pid} ({})", name.trim_end()),
        Err(error) if error.kind() == ErrorKind::NotFound => format!("{pid}, which has ended"),
        Err(_) => pid.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_found_by_its_lock_on_the_index_of_the_log() {
        for (line, reader) in [
            ("1: POSIX  ADVISORY  READ 12345 08:01:77 124 124", Some(12345)),
            ("1: POSIX  ADVISORY  READ 12345 08:01:77 123 127", Some(12345)),
            ("1: POSIX  ADVISORY  READ 12345 08:01:78 124 124", None),
            // A process that has it open, the writer, and other kinds of locks.
            ("1: POSIX  ADVISORY  READ 12345 08:01:77 128 128", None),
            ("1: POSIX  ADVISORY  WRITE 12345 08:01:77 120 120", None),
            ("1: FLOCK  ADVISORY  WRITE 12345 08:01:77 0 EOF", None),
            ("1: POSIX  ADVISORY  READ 12345 08:01:77 0 EOF", None),
            ("", None),
        ] {
            assert_eq!(reader_in(line, 77), reader, "{line}");
        }
        assert_eq!(index_of(Path::new("a/x.db-wal")), Path::new("a/x.db-shm"));
    }
}
