//! What alerts use of other rooms, and what operators see of them.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::admin::AlertFunctions;
use crate::alerts::{Alerts, CountVerified};
use crate::ingress::Sources;

/// Counts the verified events of each source.
pub(super) fn counter(sources: &Arc<ArcSwap<Sources>>) -> CountVerified {
    let sources = Arc::clone(sources);
    Arc::new(move || sources.load().verified_counts())
}

/// Alerts, for the operators' side.
pub(super) fn functions(alerts: &Alerts) -> AlertFunctions {
    let (listed, failing, tested) = (alerts.clone(), alerts.clone(), alerts.clone());
    AlertFunctions {
        list: Arc::new(move || listed.list()),
        failing: Arc::new(move || failing.failing()),
        test: Arc::new(move |name| {
            let alerts = tested.clone();
            Box::pin(async move { alerts.test(&name).await })
        }),
    }
}
