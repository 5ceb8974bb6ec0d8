//! Replays: asking for one, and seeing how far it is.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::problem::Problem;
use super::view::ReplayList;
use super::{Side, query};
use crate::replay::{Progress, Request};

/// A page of replays.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// `next_cursor` of the page before.
    cursor: Option<i64>,
    /// Replays on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Asks for dead letters or events to be run again, or for dead letters to be dealt with. It goes on by
/// itself, after a restart too: `GET` says how far it is.
#[utoipa::path(post, path = "/api/v1/replays", tag = "replays", request_body = Request, responses(
    (status = 202, description = "It is under way", body = Progress),
    (status = 400, description = "Something that cannot be asked for", body = Problem,
        content_type = "application/problem+json"),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json"),
    (status = 404, description = "No such plugin", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn begin(
    State(side): State<Side>,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<(StatusCode, Json<Progress>), Problem> {
    let Json(request) = request.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    request.check().map_err(Problem::bad_request)?;
    if let Some(to) = &request.to {
        side.plugin(to.as_str())?;
    }
    let id = side.parts.db.begin_replay(request).await?;
    Ok((StatusCode::ACCEPTED, Json(progress(&side, id).await?)))
}

/// How far a replay is.
#[utoipa::path(get, path = "/api/v1/replays/{id}", tag = "replays",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The replay", body = Progress),
        (status = 400, description = "Not a number", body = Problem,
            content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such replay", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn show(
    State(side): State<Side>,
    path: Result<Path<i64>, PathRejection>,
) -> Result<Json<Progress>, Problem> {
    let Path(id) = path.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    progress(&side, id).await.map(Json)
}

/// Stops a replay. What it made stays.
#[utoipa::path(post, path = "/api/v1/replays/{id}/stop", tag = "replays",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "It is stopped", body = Progress),
        (status = 400, description = "Not a number", body = Problem,
            content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such replay", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It does not run", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn stop(
    State(side): State<Side>,
    path: Result<Path<i64>, PathRejection>,
) -> Result<Json<Progress>, Problem> {
    let Path(id) = path.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let stopped = side.parts.db.stop_replay(id).await?;
    let progress = progress(&side, id).await?;
    if stopped { Ok(Json(progress)) } else { Err(Problem::conflict(format!("replay {id} has ended"))) }
}

/// Replays, newest first.
#[utoipa::path(get, path = "/api/v1/replays", tag = "replays", params(Paging), responses(
    (status = 200, description = "One page", body = ReplayList),
    (status = 400, description = "A wrong parameter", body = Problem,
        content_type = "application/problem+json"),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn list(
    State(side): State<Side>,
    paging: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<ReplayList>, Problem> {
    let Query(paging) = paging.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let limit = query::limit(paging.limit)?;
    let items = side.parts.db.replays(paging.cursor, limit).await?;
    let last = items.last().filter(|_| items.len() >= limit as usize);
    let next_cursor = last.map(|replay| replay.id.to_string());
    Ok(Json(ReplayList { items, next_cursor }))
}

async fn progress(side: &Side, id: i64) -> Result<Progress, Problem> {
    let found = side.parts.db.replay(id).await?;
    found.ok_or_else(|| Problem::not_found(format!("no replay {id}")))
}
