//! The API under `/api/v1`: its endpoints, their JSON, and its own description.
//!
//! Every path here requires the bearer token. An endpoint names its path and method itself, for the router
//! and for the description.

use axum::routing::get;
use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdminState, Token, auth};

mod deliveries;
mod effects;
mod events;
mod extract;
mod openapi;
mod plugins;
mod query;
mod replays;
mod shapes;
mod stores;

pub use shapes::*;

/// The common prefix of all endpoints' paths.
pub(super) const PREFIX: &str = "/api/v1";

/// The endpoints and their descriptions, without their prefix.
fn endpoints() -> OpenApiRouter<AdminState> {
    OpenApiRouter::default()
        .routes(routes!(events::list))
        .routes(routes!(events::show))
        .routes(routes!(events::export))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::retry))
        .routes(routes!(deliveries::discard))
        .routes(routes!(effects::list))
        .routes(routes!(effects::show))
        .routes(routes!(effects::replay))
        .routes(routes!(effects::discard))
        .routes(routes!(replays::list, replays::begin))
        .routes(routes!(replays::show))
        .routes(routes!(replays::stop))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::pause))
        .routes(routes!(plugins::resume))
        .routes(routes!(plugins::retry))
        .routes(routes!(stores::list))
        .routes(routes!(stores::show))
}

/// The endpoints, for those who have the token.
pub(super) fn router(token: Token) -> Router<AdminState> {
    Router::from(endpoints())
        .route("/openapi.json", get(openapi::openapi))
        .fallback(super::not_found)
        .method_not_allowed_fallback(super::method_not_allowed)
        .layer(middleware::from_fn_with_state(token, auth::require))
}
