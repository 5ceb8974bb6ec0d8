//! Room for the effects of a call that ended well, before they are committed.

use super::deliveries::Deliveries;
use crate::completion::Work;
use crate::db::{Bounds, Crossed};
use crate::delivery::{Attempt, Cause, Delivery, Failure, Outcome};
use crate::plugins::Live;

impl Deliveries {
    /// Reserves room for what the call asked for. Without room it waits as after a failure of the host, and
    /// nothing of it is committed. A call that would emit more than its root event may lead to is rejected.
    pub(super) async fn reserve(
        &self,
        delivery: &Delivery,
        live: &Live,
        (mut attempt, mut work): (Attempt, Work),
    ) -> (Attempt, Work) {
        if work.effects.is_empty() || attempt.failure.is_some() {
            return (attempt, work);
        }
        let limits = &live.settings.effects;
        let bounds = Bounds {
            waiting_max: limits.waiting_max,
            waiting_max_bytes: limits.waiting_max_bytes,
            per_root_max: limits.per_root_max,
        };
        let reserved = self.db.reserve(&delivery.plugin, delivery.root(), &work.effects, &bounds).await;
        let (outcome, cause, reason) = match reserved {
            Ok(Ok(())) => return (attempt, work),
            Ok(Err(Crossed::Root(reason))) => (Outcome::Rejected, Cause::Trap, reason),
            Ok(Err(Crossed::Waiting(reason))) => (Outcome::Retry, Cause::Host, reason),
            Err(error) => (Outcome::Retry, Cause::Host, error.to_string()),
        };
        work.undo();
        attempt.failure = Some(Failure { outcome, cause, reason, after_ms: None });
        (attempt, work)
    }
}
