//! What is answered while the host starts: that it is alive, that it is not ready and why, and its numbers.

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
use super::problem::Problem;
use super::readiness::Readiness;
use super::{careful, health, index};

/// The endpoints of the moment: those of a host that starts, then [`super::router`].
pub type Front = Arc<ArcSwap<Router>>;

#[derive(Clone)]
struct Starting {
    readiness: Readiness,
    metrics: PrometheusHandle,
}

/// The endpoints of a host that starts.
#[must_use]
pub fn front(readiness: Readiness, metrics: PrometheusHandle, hosts: Hosts) -> Front {
    let router = Router::new()
        .route("/", get(index::index))
        .route("/metrics", get(scrape))
        .fallback(not_yet)
        .layer(middleware::from_fn_with_state(hosts, hosts::require))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(not_yet))
        .layer(middleware::from_fn(careful))
        .with_state(Starting { readiness, metrics });
    Arc::new(ArcSwap::from_pointee(router))
}

async fn not_yet(State(starting): State<Starting>) -> Problem {
    Problem::unavailable(starting.readiness.reason().unwrap_or_else(|| "starting".into()))
}

async fn scrape(State(starting): State<Starting>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, super::metrics::CONTENT_TYPE)], starting.metrics.render())
}
