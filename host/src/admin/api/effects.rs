//! Effects of all events: the list, and dead ones replayed or discarded.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::extract::{JsonBody, Query};
use super::{EffectCount, EffectList, EffectSelection, query};
use crate::admin::{AdminState, Problem};
use crate::db::EffectFilter;
use crate::effect::EffectId;
use crate::replay::Action;

/// Which effects to list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EffectQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Effects on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Only `pending`, `waiting`, `done` or `dead` (unresolved).
    state: Option<String>,
    /// Only those that this plugin requested.
    plugin: Option<String>,
}

/// Effects, the newest event's first.
#[utoipa::path(get, path = "/effects", tag = "effects", params(EffectQuery), responses(
    (status = 200, description = "One page", body = EffectList),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(super) async fn list(
    State(admin): State<AdminState>,
    Query(query): Query<EffectQuery>,
) -> Result<Json<EffectList>, Problem> {
    let limit = query::limit(query.limit)?;
    let before = query::cursor(query.cursor.as_deref(), parse_cursor)?;
    let state = query::state(query.state.as_deref())?;
    let filter = EffectFilter { state, plugin: query.plugin };
    let page = admin.db.effects(&filter, before, limit).await?;
    Ok(Json(page.into()))
}

/// Tries dead effects again, with their idempotency keys.
#[utoipa::path(post, path = "/effects/replay", tag = "effects", request_body = EffectSelection,
    responses(
        (status = 200, description = "How many", body = EffectCount),
        (status = 400, description = "Not a selection"),
        Problem))]
pub(super) async fn replay(
    State(admin): State<AdminState>,
    JsonBody(selection): JsonBody<EffectSelection>,
) -> Result<Json<EffectCount>, Problem> {
    resolve(&admin, selection, Action::Replay).await
}

/// Resolves dead effects without another try.
#[utoipa::path(post, path = "/effects/discard", tag = "effects", request_body = EffectSelection,
    responses(
        (status = 200, description = "How many", body = EffectCount),
        (status = 400, description = "Not a selection"),
        Problem))]
pub(super) async fn discard(
    State(admin): State<AdminState>,
    JsonBody(selection): JsonBody<EffectSelection>,
) -> Result<Json<EffectCount>, Problem> {
    resolve(&admin, selection, Action::Discard).await
}

async fn resolve(
    admin: &AdminState,
    selection: EffectSelection,
    action: Action,
) -> Result<Json<EffectCount>, Problem> {
    let effects = admin.db.resolve_effects(&selection.into(), action).await?;
    Ok(Json(EffectCount { effects }))
}

fn parse_cursor(text: &str) -> Option<EffectId> {
    let (delivery, number) = text.rsplit_once('-')?;
    Some(EffectId { delivery: delivery.parse().ok()?, number: number.parse().ok()? })
}
