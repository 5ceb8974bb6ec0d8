//! Whether the database can be relied on while the host runs: it is in its place, and its writer moves.

use std::time::Duration;

use super::handle::Db;
use super::types::DbError;
use super::writer::inbox::{Operation, Request};

/// How often the database is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A transaction that takes longer than this, and than twice the wait for a lock, hangs.
const STUCK_AFTER: Duration = Duration::from_secs(10);

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
        let mut tick = tokio::time::interval(LOOK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.look(judgement.busy_timeout);
            self.inner.reads.check_log(judgement.log_warn_bytes);
        }
    }

    fn look(&self, busy_timeout: Duration) {
        let fault = self.find_fault(busy_timeout);
        let before = self.fault();
        match (&before, &fault) {
            (None, Some(fault)) => {
                tracing::error!("nothing is accepted any more: {fault}");
                // If the log is what is gone, the database itself gets what is in it.
                self.request(Request::Operate(Operation::Save));
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
        match self.inner.reads.check() {
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
