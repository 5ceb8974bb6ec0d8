//! Checks while the host runs that the database file is in its place and its writer makes progress.

use std::time::Duration;

use super::handle::Db;
use super::types::DbError;
use super::writer::inbox::{Operation, Request};

/// The interval of the checks.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A transaction counts as stuck if it takes longer than this and than twice the wait for a lock.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Limits of the checks.
#[derive(Debug, Clone, Copy)]
pub struct WatchLimits {
    /// The size of the write-ahead log above which the log names its readers.
    pub log_warn_bytes: u64,
    /// The longest wait for a lock of another process.
    pub busy_timeout: Duration,
}

impl Db {
    /// The reason why no event can be accepted, if the database has a fault.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.inner.shared.fault.load().as_deref().cloned()
    }

    /// Checks the database twice a second, without end. [`Db::fault`] returns the fault, and each fault is logged once.
    pub async fn watch(self, limits: WatchLimits) {
        let mut tick = tokio::time::interval(LOOK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.look(limits.busy_timeout);
            self.inner.reads.check_log(limits.log_warn_bytes);
        }
    }

    fn look(&self, busy_timeout: Duration) {
        let fault = self.find_fault(busy_timeout);
        let before = self.fault();
        match (&before, &fault) {
            (None, Some(fault)) => {
                tracing::error!("no more events are accepted: {fault}");
                // A removed write-ahead log is saved into the database.
                self.request(Request::Operate(Operation::Save));
            }
            (Some(before), Some(fault)) if before != fault => {
                tracing::error!("no events are accepted: {fault}");
            }
            (Some(_), None) => tracing::info!("the database works again; events are accepted"),
            _ => {}
        }
        if before != fault {
            self.inner.shared.fault.store(fault.map(Into::into));
        }
    }

    fn find_fault(&self, busy_timeout: Duration) -> Option<String> {
        match self.inner.reads.check() {
            Ok(()) => {}
            Err(DbError::Unavailable(what)) => return Some(what),
            Err(error) => return Some(error.to_string()),
        }
        let working = self.inner.shared.activity.working_for();
        (working > STUCK_AFTER.max(busy_timeout * 2)).then(|| {
            format!(
                "a transaction has taken {} s: the disk does not respond, or very much is written",
                STUCK_AFTER.as_secs()
            )
        })
    }
}
