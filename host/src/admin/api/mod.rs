//! The API under `/api/v1`: its endpoints, their JSON, and its own description.
//!
//! Every path here requires a bearer token. An endpoint names its path, its method and the permission that it needs
//! itself, for the router and for the description.

use axum::routing::get;
use axum::{Extension, Router, middleware};
use utoipa_axum::router::OpenApiRouter;

use super::keyed::KeyedRequests;
use super::{AdminState, auth};
use permitted::endpoint;

pub(super) mod alerts;
pub(super) mod audit;
pub(super) mod changes;
pub(super) mod confirmations;
pub(super) mod deliveries;
pub(super) mod doctor;
pub(super) mod edits;
pub(super) mod effects;
mod erasures;
pub(super) mod events;
pub(super) mod extract;
mod formats;
pub(super) mod groups;
mod log;
mod masking;
mod openapi;
mod permitted;
pub(super) mod plugins;
mod query;
pub(super) mod replays;
pub(super) mod revisions;
mod search;
mod selections;
pub(super) mod sessions;
mod shapes;
pub(super) mod sources;
pub(super) mod stores;
pub(super) mod switches;
pub(super) mod tokens;
mod verifiers;

pub use super::doctor::{Diagnosis, Finding, Severity};
pub use shapes::*;

/// The common prefix of all endpoints' paths.
pub(super) const PREFIX: &str = "/api/v1";

/// The endpoints and their descriptions, without their prefix.
fn endpoints() -> OpenApiRouter<AdminState> {
    OpenApiRouter::default()
        .routes(endpoint!(events::list))
        .routes(endpoint!(events::show))
        .routes(endpoint!(events::export))
        .routes(endpoint!(search::show))
        .routes(endpoint!(edits::create))
        .routes(endpoint!(deliveries::list))
        .routes(endpoint!(groups::of_deliveries))
        .routes(endpoint!(deliveries::show))
        .routes(endpoint!(deliveries::retry))
        .routes(endpoint!(deliveries::discard))
        .routes(endpoint!(effects::list))
        .routes(endpoint!(groups::of_effects))
        .routes(endpoint!(effects::show))
        .routes(endpoint!(effects::replay))
        .routes(endpoint!(effects::discard))
        .routes(endpoint!(replays::list))
        .routes(endpoint!(replays::begin))
        .routes(endpoint!(replays::show))
        .routes(endpoint!(replays::stop))
        .routes(endpoint!(erasures::begin))
        .routes(endpoint!(erasures::show))
        .routes(endpoint!(plugins::list))
        .routes(endpoint!(plugins::show))
        .routes(endpoint!(plugins::pause))
        .routes(endpoint!(plugins::resume))
        .routes(endpoint!(plugins::retry))
        .routes(endpoint!(switches::matrix))
        .routes(endpoint!(switches::switches))
        .routes(endpoint!(switches::set_switch))
        .routes(endpoint!(switches::held_release))
        .routes(endpoint!(revisions::push))
        .routes(endpoint!(revisions::history))
        .routes(endpoint!(revisions::diff))
        .routes(endpoint!(revisions::rollback))
        .routes(endpoint!(revisions::pin))
        .routes(endpoint!(revisions::unpin))
        .routes(endpoint!(revisions::approve))
        .routes(endpoint!(revisions::reject))
        .routes(endpoint!(sources::list))
        .routes(endpoint!(sources::test))
        .routes(endpoint!(confirmations::list))
        .routes(endpoint!(confirmations::approve))
        .routes(endpoint!(confirmations::reject))
        .routes(endpoint!(verifiers::list))
        .routes(endpoint!(stores::list))
        .routes(endpoint!(stores::show))
        .routes(endpoint!(tokens::list))
        .routes(endpoint!(tokens::create))
        .routes(endpoint!(tokens::revoke))
        .routes(endpoint!(sessions::list))
        .routes(endpoint!(sessions::revoke))
        .routes(endpoint!(doctor::show))
        .routes(endpoint!(log::show_level))
        .routes(endpoint!(log::set_level))
        .routes(endpoint!(alerts::list))
        .routes(endpoint!(alerts::test))
        .routes(endpoint!(audit::list))
        .routes(endpoint!(audit::export))
        .routes(endpoint!(audit::verify))
        .routes(endpoint!(changes::follow))
}

/// The endpoints, for those who have a token.
pub(super) fn router(state: &AdminState) -> Router<AdminState> {
    let access = state.access.clone();
    let keyed = KeyedRequests::new(state.db.clone(), state.config.clone());
    Router::from(endpoints())
        .route("/openapi.json", get(openapi::openapi))
        .fallback(super::not_found)
        .method_not_allowed_fallback(super::method_not_allowed)
        .layer(Extension(keyed))
        .layer(middleware::from_fn_with_state(access, auth::require))
}
