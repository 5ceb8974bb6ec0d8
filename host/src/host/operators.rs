//! What the operators' side uses of other rooms.

use std::sync::Arc;

use arc_swap::ArcSwap;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use super::sockets::AdminSide;
use super::{alerts, source_test};
use crate::admin::{Access, AdminState, AnswerCache, Changes, LogLevel, PersonalFields, RecentHour};
use crate::alerts::Alerts;
use crate::config::{Config, ConfigState};
use crate::db::Db;
use crate::dispatch::{Acceptance, Confirmations, Dispatch};
use crate::ingress::Sources;
use crate::outbound::Outbound;
use crate::plugins::Plugins;
use crate::verifiers::Verifiers;

/// The parts of a host that operators see or change.
pub(super) struct OperatorParts<'a> {
    pub(super) db: &'a Db,
    pub(super) plugins: &'a Plugins,
    pub(super) verifiers: &'a Verifiers,
    pub(super) dispatch: &'a Dispatch,
    pub(super) acceptance: Arc<Acceptance>,
    pub(super) outbound: &'a Outbound,
    pub(super) alerts: &'a Alerts,
    pub(super) access: &'a Access,
    pub(super) config: watch::Receiver<Arc<Config>>,
    pub(super) config_state: Arc<ArcSwap<ConfigState>>,
    pub(super) sources: Arc<ArcSwap<Sources>>,
    pub(super) metrics: PrometheusHandle,
    pub(super) log_level: LogLevel,
    pub(super) hour: RecentHour,
    pub(super) side: &'a AdminSide,
}

/// The state of the operators' side of a host with these parts.
pub(super) fn state(parts: OperatorParts<'_>) -> AdminState {
    let OperatorParts { db, plugins, dispatch, acceptance, alerts, access, config, side, .. } = parts;
    let (listing, loading, retrying) = (plugins.clone(), plugins.clone(), plugins.clone());
    let (working, verifiers) = (dispatch.clone(), parts.verifiers.clone());
    let test_source = source_test::function(parts.sources, Arc::clone(&acceptance));
    let confirmations = Confirmations::new(db.clone(), parts.outbound.clone(), config.clone());
    AdminState {
        db: db.clone(),
        store_edit: Arc::new(move |edit, to| {
            let acceptance = Arc::clone(&acceptance);
            Box::pin(async move { acceptance.store_edit(edit, to.as_ref()).await })
        }),
        plugins: Arc::new(move || listing.list()),
        loading_plugins: Arc::new(move || loading.snapshot().expected().cloned().collect()),
        retry_plugin: Arc::new(move |plugin| retrying.retry(plugin)),
        revisions: Some(plugins.clone()),
        readiness: side.readiness.clone(),
        fault: Arc::new(move || working.fault()),
        test_source,
        approve_confirmation: Arc::new(move |source, id, by| {
            let confirmations = confirmations.clone();
            Box::pin(async move { confirmations.approve(source, id, by).await })
        }),
        verifiers: Arc::new(move || verifiers.list()),
        personal: PersonalFields::new(config.clone()),
        config,
        config_state: parts.config_state,
        alerts: alerts::functions(alerts),
        metrics: parts.metrics,
        log_level: parts.log_level,
        hour: parts.hour,
        access: access.clone(),
        changes: Changes::new(side.stop.subscribe()),
        cache: AnswerCache::default(),
    }
}
