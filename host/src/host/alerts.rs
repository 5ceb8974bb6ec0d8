//! What alerts use of other rooms, and what operators see of them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::admin::AlertFunctions;
use crate::alerts::{AlertSetup, Alerts};
use crate::config::Config;
use crate::db::Db;
use crate::ingress::Sources;
use crate::outbound::Outbound;
use crate::plugins::Plugins;

/// The alerts of a host with these parts.
pub(super) fn set_up(
    config: watch::Receiver<Arc<Config>>,
    (db, plugins, outbound): (&Db, &Plugins, &Outbound),
    sources: &Arc<ArcSwap<Sources>>,
) -> Alerts {
    let counted = Arc::clone(sources);
    Alerts::new(AlertSetup {
        config,
        db: db.clone(),
        plugins: plugins.clone(),
        outbound: outbound.clone(),
        verified: Arc::new(move || counted.load().verified_counts()),
    })
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
