//! Replays: begin, stop and list them, and read their progress.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::extract::{JsonBody, Path, Query};
use super::{ReplayList, ReplayProgress, ReplayRequest, query};
use crate::admin::{AdminState, Problem};
use crate::replay::Request;

/// A page of replays.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReplayQuery {
    /// `next_cursor` of the page before.
    cursor: Option<i64>,
    /// Replays on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Begins to replay dead letters or events, or to discard dead letters. The replay continues by itself, also after a
/// restart; `GET` returns its progress.
#[utoipa::path(post, path = "/replays", tag = "replays", request_body = ReplayRequest, responses(
    (status = 202, description = "It has begun", body = ReplayProgress),
    (status = 400, description = "Not a request, or one that contradicts itself"),
    (status = 404, description = "No such plugin"),
    Problem))]
pub(super) async fn begin(
    State(admin): State<AdminState>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<(StatusCode, Json<ReplayProgress>), Problem> {
    let request = Request::from(request);
    request.check().map_err(Problem::bad_request)?;
    if let Some(to) = &request.to {
        admin.find_plugin(to.as_str())?;
    }
    let id = admin.db.begin_replay(request).await?;
    Ok((StatusCode::ACCEPTED, Json(find(&admin, id).await?)))
}

/// The progress of a replay.
#[utoipa::path(get, path = "/replays/{id}", tag = "replays",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The replay", body = ReplayProgress),
        (status = 400, description = "Not a number"),
        (status = 404, description = "No such replay"),
        Problem))]
pub(super) async fn show(
    State(admin): State<AdminState>,
    Path(id): Path<i64>,
) -> Result<Json<ReplayProgress>, Problem> {
    find(&admin, id).await.map(Json)
}

/// Stops a replay. Deliveries that it made remain.
#[utoipa::path(post, path = "/replays/{id}/stop", tag = "replays",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "It is stopped", body = ReplayProgress),
        (status = 400, description = "Not a number"),
        (status = 404, description = "No such replay"),
        (status = 409, description = "It has ended"),
        Problem))]
pub(super) async fn stop(
    State(admin): State<AdminState>,
    Path(id): Path<i64>,
) -> Result<Json<ReplayProgress>, Problem> {
    let is_stopped = admin.db.stop_replay(id).await?;
    let progress = find(&admin, id).await?;
    if is_stopped { Ok(Json(progress)) } else { Err(Problem::conflict(format!("replay {id} has ended"))) }
}

/// Replays, newest first.
#[utoipa::path(get, path = "/replays", tag = "replays", params(ReplayQuery), responses(
    (status = 200, description = "One page", body = ReplayList),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(super) async fn list(
    State(admin): State<AdminState>,
    Query(query): Query<ReplayQuery>,
) -> Result<Json<ReplayList>, Problem> {
    let limit = query::limit(query.limit)?;
    let replays = admin.db.replays(query.cursor, limit).await?;
    let last = replays.last().filter(|_| replays.len() >= limit as usize);
    let next_cursor = last.map(|replay| replay.id.to_string());
    Ok(Json(ReplayList { items: replays.into_iter().map(Into::into).collect(), next_cursor }))
}

async fn find(admin: &AdminState, id: i64) -> Result<ReplayProgress, Problem> {
    let found = admin.db.replay(id).await?;
    found.map(Into::into).ok_or_else(|| Problem::not_found(format!("no replay {id}")))
}
