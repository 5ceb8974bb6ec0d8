//! The operators' side: an API under `/api/v1`, health, metrics and a page that says what is here.
//!
//! Owns the admin address. Reads `db` and a listing of plugins that it is given, and asks `db` for what
//! operators decide: pauses, replays, dealing with dead letters. Never touches `runtime`.
//!
//! Everything under `/api/v1` wants the bearer token. `/healthz`, `/readyz`, `/metrics` and `/` are
//! open to whoever reaches the address, which is this machine unless the operator says otherwise;
//! they say nothing of payloads and nothing secret.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::db::{Db, Stock};
use crate::event::PluginName;
use crate::plugins::PluginView;

mod auth;
mod cached;
mod deliveries;
mod effects;
mod events;
mod health;
mod hosts;
mod index;
pub mod metrics;
mod openapi;
mod plugins;
mod problem;
mod query;
mod readiness;
mod replays;
mod starting;
pub mod view;

pub use auth::Token;
pub use hosts::Hosts;
pub use problem::{PROBLEM_JSON, Problem};
pub use readiness::Readiness;
pub use starting::{Front, front};

/// Tells which plugins there are, now.
pub type ListPlugins = Arc<dyn Fn() -> Vec<PluginView> + Send + Sync>;

/// Loads a plugin's file again, whatever is known of it.
pub type RetryPlugin = Arc<dyn Fn(&PluginName) + Send + Sync>;

/// Tells what is wrong with the work of the host, beside its database.
pub type FindFault = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What the operators' side reads.
#[derive(Clone)]
pub struct Parts {
    /// The events.
    pub db: Db,
    /// The plugins.
    pub plugins: ListPlugins,
    /// Loads one of them again.
    pub retry_plugin: RetryPlugin,
    /// Whether the host is ready.
    pub readiness: Readiness,
    /// Whether it does its work.
    pub fault: FindFault,
    /// The names that it answers to.
    pub hosts: Hosts,
    /// What opens `/api/v1`.
    pub token: Token,
    /// The process's numbers, from [`metrics::install`].
    pub metrics: PrometheusHandle,
}

/// What endpoints are given.
#[derive(Clone)]
struct Side {
    parts: Parts,
    pulse: cached::Cached<()>,
    stock: cached::Cached<Stock>,
}

impl Side {
    /// A plugin that is here.
    fn plugin(&self, name: &str) -> Result<PluginView, Problem> {
        let plugins = (self.parts.plugins)();
        let names = || plugins.iter().map(|plugin| plugin.name.as_str()).collect::<Vec<_>>().join(", ");
        let unknown = || Problem::not_found(format!("no plugin `{name}` is here; there are: {}", names()));
        plugins.iter().find(|plugin| plugin.name == name).cloned().ok_or_else(unknown)
    }
}

/// The endpoints.
pub fn router(parts: Parts) -> Router {
    let api = Router::new()
        .route("/events", get(events::list))
        .route("/events/{source}/{id}", get(events::show))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/{id}", get(deliveries::show))
        .route("/deliveries/{id}/discard", post(deliveries::discard))
        .route("/effects", get(effects::list))
        .route("/effects/replay", post(effects::replay))
        .route("/effects/discard", post(effects::discard))
        .route("/replays", get(replays::list).post(replays::begin))
        .route("/replays/{id}", get(replays::show))
        .route("/replays/{id}/stop", post(replays::stop))
        .route("/plugins", get(plugins::list))
        .route("/plugins/{name}/pause", post(plugins::pause))
        .route("/plugins/{name}/resume", post(plugins::resume))
        .route("/plugins/{name}/retry", post(plugins::retry))
        .route("/openapi.json", get(openapi::openapi))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(parts.token, auth::require));
    Router::new()
        .route("/", get(index::index))
        .route("/metrics", get(metrics::scrape))
        .nest("/api/v1", api)
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(parts.hosts.clone(), hosts::require))
        // Load balancers ask these under names of their own.
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn(careful))
        .with_state(Side { parts, pulse: cached::Cached::default(), stock: cached::Cached::default() })
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("nothing is at `{}`; `/` says what is here", uri.path()))
}

async fn not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("`{}` does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// What operators see is nobody's to keep or to guess the type of.
async fn careful(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
