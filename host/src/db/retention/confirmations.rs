//! Marks confirmations that nobody decided about in time, and removes those that were decided long ago.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{DAY_MS, Db, FailureLog};
use crate::clock;
use crate::config::Config;

const EVERY: Duration = Duration::from_hours(1);

/// Works until the host ends.
pub(super) async fn run(db: Db, mut config: watch::Receiver<Arc<Config>>) {
    let mut failures = FailureLog::default();
    loop {
        let days = config.borrow_and_update().retention.events_days;
        // Both times are of the host's own clock, which no jump of the system clock changes.
        let passed = db.prune_confirmations(clock::now_ms().saturating_sub(days * DAY_MS)).await;
        failures.note(&passed, "old confirmations");
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = config.changed() => if changed.is_err() { return },
        }
    }
}
