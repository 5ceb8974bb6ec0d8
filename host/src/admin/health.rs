//! `/healthz` and `/readyz`: whether the process is up, and whether it can accept and run events.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdminState, Problem};
use crate::event::PluginName;

/// Names of plugins, and of alerts, that `/readyz` lists. It answers everyone, and there may be many.
const LISTED_MAX: usize = 20;

/// A short answer for load balancers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    /// `ok` or `ready`.
    status: &'static str,
    /// The host's version.
    version: &'static str,
    /// Plugins that were there when the host started and are not loaded yet, at most 20 of them. Their events are
    /// accepted, and run when they are loaded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    loading: Vec<String>,
    /// How many plugins that are.
    #[serde(skip_serializing_if = "is_zero")]
    loading_count: usize,
    /// Alerts whose latest notification could not be handed over so far, at most 20. The host works.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alerts_failing: Vec<String>,
    /// Verifiers that sources have and that do not run, at most 20: their sources are answered 503.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    verifiers_missing: Vec<String>,
    /// Verifiers whose latest files are refused, at most 20. Of those that are not missing, the files before them run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    verifiers_refused: Vec<String>,
    /// Event numbers that the search index is behind; absent when it has all. The host works.
    #[serde(skip_serializing_if = "is_none_behind")]
    search_index_lag_events: u64,
}

impl Health {
    fn new(status: &'static str, loading: &[PluginName], mut alerts_failing: Vec<String>) -> Json<Self> {
        alerts_failing.truncate(LISTED_MAX);
        let listed = loading.iter().take(LISTED_MAX).map(ToString::to_string).collect();
        Json(Self {
            status,
            version: env!("CARGO_PKG_VERSION"),
            loading: listed,
            loading_count: loading.len(),
            alerts_failing,
            verifiers_missing: Vec::new(),
            verifiers_refused: Vec::new(),
            search_index_lag_events: 0,
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_none_behind(lag: &u64) -> bool {
    *lag == 0
}

/// The endpoints and their descriptions.
pub(super) fn endpoints() -> OpenApiRouter<AdminState> {
    OpenApiRouter::default().routes(routes!(healthz)).routes(routes!(readyz))
}

/// The process is up.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "The process is up", body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    Health::new("ok", &[], Vec::new())
}

/// The database works, events are accepted, and deliveries are dispatched.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "Events are accepted, and run by the plugins that are loaded", body = Health),
    (status = 503, description = "Not yet, or no longer")))]
pub(super) async fn readyz(State(admin): State<AdminState>) -> Result<Json<Health>, Problem> {
    let fault = || admin.db.fault().or_else(|| (admin.fault)());
    if let Some(reason) = admin.readiness.reason().or_else(fault) {
        return Err(Problem::unavailable(reason));
    }
    admin.cache.ping.get(admin.db.ping()).await?;
    let Json(health) = Health::new("ready", &(admin.loading_plugins)(), (admin.alerts.failing)());
    let search_index_lag_events = admin.db.index_status().lag_events;
    let missing = admin.missing_verifiers();
    let verifiers_missing = missing.iter().take(LISTED_MAX).map(ToString::to_string).collect();
    let verifiers = (admin.verifiers)();
    let refused = verifiers.iter().filter(|of| of.refusal.is_some());
    let verifiers_refused = refused.take(LISTED_MAX).map(|of| of.name.to_string()).collect();
    Ok(Json(Health { verifiers_missing, verifiers_refused, search_index_lag_events, ..health }))
}
