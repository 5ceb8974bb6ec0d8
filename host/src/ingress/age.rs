//! The limit on the age of events. Pure.

use super::envelope::ReadEvent;

const DAY_MS: u64 = 24 * 3_600_000;
/// Idempotency keys are kept for 30 days at least (`retention.keys_days`).
const AGE_ALWAYS_ACCEPTED_MS: u64 = 29 * DAY_MS;

/// The limits on an event's age.
#[derive(Debug, Clone, Copy)]
pub(super) struct AgeLimit {
    /// The configured limit: 0 = no limit, `None` = as long as ids are known.
    pub(super) max_days: Option<u64>,
    /// The days for which ids are known.
    pub(super) keys_days: u64,
}

impl AgeLimit {
    /// The reason why an event that is received at `now` is too old, if it is: its id may have been pruned, so it may be a
    /// duplicate. `steady` corrects `now` by a clock that does not jump, and `ids_known_since` is the time since which ids
    /// are known, by the corrected time and [`Self::keys_days`].
    pub(super) fn find_staleness(
        self,
        read: &ReadEvent,
        now: u64,
        steady: impl Fn(u64) -> u64,
        ids_known_since: impl Fn(u64, u64) -> u64,
    ) -> Option<String> {
        let created_at = read.created_at?;
        // A young event's id is always known.
        let is_young = created_at.saturating_add(AGE_ALWAYS_ACCEPTED_MS) > now;
        let Self { max_days, keys_days } = self;
        if is_young && max_days.is_none() {
            return None;
        }
        let now = steady(now);
        let (since, limit) = match max_days {
            Some(0) => return None,
            Some(days) => (now.saturating_sub(days * DAY_MS), "sources.*.created_age_max_days"),
            None => (ids_known_since(now, keys_days), "retention.keys_days"),
        };
        (created_at < since)
            .then(|| format!("created at {}, which is too old: see {limit}", read.event.created))
    }
}
