//! The endpoints of a host that starts: it is alive, why it is not ready, and its metrics.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use super::hosts::{self, Hosts};
use super::{Problem, Readiness, add_security_headers, health, index};

/// A router that is replaced while it serves: first [`starting_router`], then [`super::router`].
pub type SwappableRouter = Arc<ArcSwap<Router>>;

#[derive(Clone)]
struct Starting {
    readiness: Readiness,
    metrics: PrometheusHandle,
}

/// The endpoints of a host that starts.
#[must_use]
pub fn starting_router(readiness: Readiness, metrics: PrometheusHandle, hosts: Hosts) -> SwappableRouter {
    let router = Router::new()
        .route("/", get(index::index))
        .route("/metrics", get(scrape))
        .fallback(not_ready)
        .layer(middleware::from_fn_with_state(hosts, hosts::require))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(not_ready))
        .layer(middleware::from_fn(add_security_headers))
        .with_state(Starting { readiness, metrics });
    Arc::new(ArcSwap::from_pointee(router))
}

async fn not_ready(State(starting): State<Starting>) -> Problem {
    Problem::unavailable(starting.readiness.reason().unwrap_or_else(|| "starting".into()))
}

async fn scrape(State(starting): State<Starting>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, super::metrics::CONTENT_TYPE)], starting.metrics.render())
}
