//! Prunes old idempotency keys whose events are gone, with the other payloads kept under the same id.
//!
//! An index by age would cost every event. Instead all keys are checked once a day in order of acceptance,
//! a page at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use super::rule::{REST, RetentionClock, keys_before};
use super::{DAY_MS, Db, DbError, FailureLog, Removal};
use crate::config::{Config, Retention};

const EVERY: Duration = Duration::from_hours(24);
/// Keys checked in one step.
const PAGE: usize = 256;
/// After a failure.
const RETRY: Duration = Duration::from_mins(1);

/// Prunes until the host ends.
pub(super) async fn run(db: Db, clock: RetentionClock, mut config: watch::Receiver<Arc<Config>>) {
    metrics::counter!("hookyard_pruned_keys_total").increment(0);
    let mut failures = FailureLog::default();
    loop {
        let keep = config.borrow_and_update().retention.clone();
        let passed = pass(&db, &clock, &keep).await;
        failures.note(&passed, "old idempotency keys");
        let pause = if passed.is_ok() { EVERY } else { RETRY };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = config.changed() => if changed.is_err() { return },
        }
    }
}

/// Checks all keys.
pub(super) async fn pass(db: &Db, clock: &RetentionClock, keep: &Retention) -> Result<(), DbError> {
    let (mut after, mut count) = (0, 0);
    loop {
        let before = keys_before(keep, clock.now());
        let found = db.inner.reads.old_keys(after, before, clock.ahead(), PAGE).await?;
        let removed = db.remove(Removal::Keys(found.keys)).await?;
        if removed > 0 {
            db.inner.ids_pruned_before.fetch_max(before + DAY_MS, Ordering::Relaxed);
        }
        count += removed;
        metrics::counter!("hookyard_pruned_keys_total").increment(removed);
        let Some(last) = found.last else { break };
        after = last;
        tokio::time::sleep(REST).await;
    }
    if count > 0 {
        tracing::info!(count, "idempotency keys of pruned events were pruned");
    }
    Ok(())
}
