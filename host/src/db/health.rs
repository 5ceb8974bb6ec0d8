//! Whether the database can be relied on while the host runs: its files are in their places, its writer moves,
//! and no other process keeps its log from being emptied.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::handle::Db;
use super::types::DbError;
use super::writer::inbox::{Operation, Request};

/// How often the database is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A transaction that takes longer than this, and than twice the wait for a lock, hangs.
const STUCK_AFTER: Duration = Duration::from_secs(10);
/// Where `SQLite` locks the log's index for its readers: <https://www.sqlite.org/walformat.html#locks>.
const READ_LOCKS: std::ops::RangeInclusive<u64> = 123..=127;

/// How to judge a database.
#[derive(Debug, Clone, Copy)]
pub struct Judgement {
    /// Size of the log from which on it is told who keeps it.
    pub log_warn_bytes: u64,
    /// Longest wait for a lock that another process holds.
    pub busy_timeout: Duration,
}

impl Db {
    /// Why nothing can be accepted, if the database cannot be relied on.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.inner.shared.fault.load().as_deref().cloned()
    }

    /// Looks at the database twice a second, for ever: [`Db::fault`] says what is wrong, and so does the log,
    /// once for each fault.
    pub async fn watch(self, judgement: Judgement) {
        let mut log = LogWatch::new(judgement.log_warn_bytes);
        let path = self.inner.reader.log_path().to_owned();
        let mut tick = tokio::time::interval(LOOK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.look(judgement.busy_timeout);
            log.look(&path);
        }
    }

    fn look(&self, busy_timeout: Duration) {
        let fault = self.find_fault(busy_timeout);
        let before = self.fault();
        match (&before, &fault) {
            (None, Some(fault)) => {
                tracing::error!("nothing is accepted any more: {fault}");
                // If the log is what is gone, the database itself gets what is in it.
                self.request(Request::Operate(Operation::SaveLog));
            }
            (Some(before), Some(fault)) if before != fault => {
                tracing::error!("nothing is accepted: {fault}");
            }
            (Some(_), None) => tracing::info!("the database can be relied on again; events are accepted"),
            _ => {}
        }
        if before != fault {
            self.inner.shared.fault.store(fault.map(Into::into));
        }
    }

    fn find_fault(&self, busy_timeout: Duration) -> Option<String> {
        let lock = self.inner.lock.upgrade();
        let found = self.inner.file.check().and_then(|()| lock.map_or(Ok(()), |lock| lock.keep()));
        match found {
            Ok(()) => {}
            Err(DbError::Unavailable(what)) => return Some(what),
            Err(error) => return Some(error.to_string()),
        }
        let working = self.inner.shared.activity.working_for();
        (working > STUCK_AFTER.max(busy_timeout * 2)).then(|| {
            format!(
                "a transaction has not ended for {} s: the disk does not answer, or very much is written",
                STUCK_AFTER.as_secs()
            )
        })
    }
}

/// Tells of a log that is not emptied.
struct LogWatch {
    warn_bytes: u64,
    /// Its size when that was told.
    told_bytes: u64,
}

impl LogWatch {
    fn new(warn_bytes: u64) -> Self {
        Self { warn_bytes, told_bytes: 0 }
    }

    fn look(&mut self, path: &Path) {
        let Ok(log_bytes) = path.metadata().map(|log| log.len()) else { return };
        // Again for each doubling.
        if log_bytes >= self.warn_bytes.max(self.told_bytes.saturating_mul(2)) {
            self.told_bytes = log_bytes;
            let readers = readers_of(&index_of(path));
            let who = match readers.as_slice() {
                [] => "a long read of this host or of another process".to_owned(),
                readers => format!("a read by another process, {}", readers.join(", ")),
            };
            tracing::warn!(
                log_bytes,
                "the database's log grows: {who} keeps it from being emptied; it is emptied when that ends"
            );
        } else if self.told_bytes > 0 && log_bytes < self.warn_bytes {
            self.told_bytes = 0;
            tracing::info!(log_bytes, "the database's log was emptied");
        }
    }
}

/// The index of a log, where its readers have their locks.
fn index_of(log: &Path) -> PathBuf {
    let log = log.to_string_lossy();
    PathBuf::from(format!("{}-shm", log.strip_suffix("-wal").unwrap_or(&log)))
}

/// Other processes that read the database now. Empty where the system does not say.
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
            // Whoever has it open, the writer, and other kinds of locks.
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
