//! Room for the effects of a call that ended well, before they are committed.

use super::deliveries::Deliveries;
use crate::completion::CallWork;
use crate::db::{Bounds, ExceededBound};
use crate::delivery::{Attempt, Cause, Delivery, Failure, Outcome};
use crate::plugins::ActivePlugin;

impl Deliveries {
    /// Reserves room for a call's effects. Without room the delivery waits as after a failure of the host,
    /// and nothing of the call is committed. A call that would exceed its root event's limit on emitted
    /// events is rejected.
    pub(super) async fn reserve(
        &self,
        delivery: &Delivery,
        active: &ActivePlugin,
        (mut attempt, mut work): (Attempt, CallWork),
    ) -> (Attempt, CallWork) {
        if work.effects.is_empty() || attempt.failure.is_some() {
            return (attempt, work);
        }
        let limits = &active.settings.effects;
        let bounds = Bounds {
            waiting_max: limits.waiting_max,
            waiting_max_bytes: limits.waiting_max_bytes,
            per_root_max: limits.per_root_max,
        };
        let reserved = self.db.reserve(&delivery.plugin, delivery.root(), &work.effects, &bounds).await;
        let (outcome, cause, reason) = match reserved {
            Ok(Ok(())) => return (attempt, work),
            Ok(Err(ExceededBound::Root(reason))) => (Outcome::Rejected, Cause::Trap, reason),
            Ok(Err(ExceededBound::Waiting(reason))) => (Outcome::Retry, Cause::Host, reason),
            Err(error) => (Outcome::Retry, Cause::Host, error.to_string()),
        };
        work.undo();
        attempt.failure = Some(Failure { outcome, cause, reason, after_ms: None });
        (attempt, work)
    }
}
