//! Effects over all events: the list, and dead ones tried again or dealt with.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use serde::Deserialize;

use super::problem::Problem;
use super::view::{Dealt, EffectList};
use super::{Side, query};
use crate::db::EffectFilter;
use crate::effect::{EffectId, Selection};
use crate::replay::Action;

/// Which effects to list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Effects on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// Only `pending`, `waiting`, `done` or `dead` (those that nobody has dealt with).
    pub state: Option<String>,
    /// Only those that this plugin asked for.
    pub plugin: Option<String>,
}

/// Effects, the newest event's first.
#[utoipa::path(get, path = "/api/v1/effects", tag = "effects", params(Filter), responses(
    (status = 200, description = "One page", body = EffectList),
    (status = 400, description = "A wrong parameter", body = Problem,
        content_type = "application/problem+json"),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn list(
    State(side): State<Side>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<EffectList>, Problem> {
    let Query(filter) = filter.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let limit = query::limit(filter.limit)?;
    let before = query::cursor(filter.cursor.as_deref(), parse_cursor)?;
    let state = query::state(filter.state.as_deref())?;
    let page = side.parts.db.effects(&EffectFilter { state, plugin: filter.plugin }, before, limit).await?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(Json(EffectList { items: page.effects, next_cursor }))
}

/// Has dead effects tried again, under the idempotency keys that they had.
#[utoipa::path(post, path = "/api/v1/effects/replay", tag = "effects", request_body = Selection, responses(
    (status = 200, description = "How many", body = Dealt),
    (status = 400, description = "Not a selection", body = Problem,
        content_type = "application/problem+json"),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn replay(
    State(side): State<Side>,
    selection: Result<Json<Selection>, JsonRejection>,
) -> Result<Json<Dealt>, Problem> {
    deal_with(&side, selection, Action::Replay).await
}

/// Counts dead effects as dealt with.
#[utoipa::path(post, path = "/api/v1/effects/discard", tag = "effects", request_body = Selection, responses(
    (status = 200, description = "How many", body = Dealt),
    (status = 400, description = "Not a selection", body = Problem,
        content_type = "application/problem+json"),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn discard(
    State(side): State<Side>,
    selection: Result<Json<Selection>, JsonRejection>,
) -> Result<Json<Dealt>, Problem> {
    deal_with(&side, selection, Action::Discard).await
}

async fn deal_with(
    side: &Side,
    selection: Result<Json<Selection>, JsonRejection>,
    action: Action,
) -> Result<Json<Dealt>, Problem> {
    let Json(selection) = selection.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let effects = side.parts.db.resolve_effects(&selection, action).await?;
    Ok(Json(Dealt { effects }))
}

fn parse_cursor(text: &str) -> Option<EffectId> {
    let (delivery, number) = text.rsplit_once('-')?;
    Some(EffectId { delivery: delivery.parse().ok()?, number: number.parse().ok()? })
}
