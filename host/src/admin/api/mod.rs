//! The API under `/api/v1`: its endpoints, the JSON that they speak, and its own description.
//!
//! Everything here wants the bearer token.

use axum::routing::{get, post};
use axum::{Router, middleware};

use super::{AdminState, auth};

mod deliveries;
mod effects;
mod events;
mod extract;
mod openapi;
mod plugins;
mod query;
mod replays;
mod shapes;

pub use shapes::*;

/// The endpoints, without their prefix.
pub(super) fn router(token: auth::Token) -> Router<AdminState> {
    Router::new()
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
        .fallback(super::not_found)
        .method_not_allowed_fallback(super::method_not_allowed)
        .layer(middleware::from_fn_with_state(token, auth::require))
}
