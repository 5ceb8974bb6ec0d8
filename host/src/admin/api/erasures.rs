//! Erasures of personal values: begin one, and read its progress.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::extract::{JsonBody, Path};
use super::{ErasureProgress, ErasureRequest, ErasureSelection, selections};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::erasure::Request;

/// Begins to erase the personal values of events (`sources.NAME.personal`), in the database and in the search index. The
/// events and the outcomes of their deliveries stay, and they cannot run again. Values in plugins' stores, in backups,
/// in logs that were written elsewhere and at partners are not touched. It continues by itself, also after a restart;
/// `GET` returns its progress.
#[utoipa::path(post, path = "/erasures", tag = "erasures", request_body = ErasureRequest, responses(
    (status = 202, description = "It has begun", body = ErasureProgress),
    (status = 400, description = "Not a request"),
    (status = 422, description = "An empty `where` without `all`, or `all` with another one"),
    Problem))]
pub(super) async fn begin(
    operator: Allowed<need::Admin>,
    State(admin): State<AdminState>,
    JsonBody(request): JsonBody<ErasureRequest>,
) -> Result<(StatusCode, Json<ErasureProgress>), Problem> {
    let ErasureRequest { selection, all, dry_run } = request;
    match (selection == ErasureSelection::default(), all) {
        (true, false) => {
            let why = "`where` is empty, which means all events: narrow it down, or say `\"all\": true`";
            return Err(Problem::unprocessable(why));
        }
        (false, true) => {
            return Err(Problem::unprocessable("`all` means all events: leave it or `where` out"));
        }
        _ => {}
    }
    let request = Request { selection: selection.into(), dry_run };
    selections::check(&request.selection)?;
    let sources = admin.personal.erasable();
    let id = admin.db.begin_erasure(request, sources, operator.decision()?).await?;
    Ok((StatusCode::ACCEPTED, Json(find(&admin, id).await?)))
}

/// The progress of an erasure.
#[utoipa::path(get, path = "/erasures/{id}", tag = "erasures",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The erasure", body = ErasureProgress),
        (status = 400, description = "Not a number"),
        (status = 404, description = "No such erasure"),
        Problem))]
pub(super) async fn show(
    _operator: Allowed<need::Admin>,
    State(admin): State<AdminState>,
    Path(id): Path<i64>,
) -> Result<Json<ErasureProgress>, Problem> {
    Ok(Json(find(&admin, id).await?))
}

async fn find(admin: &AdminState, id: i64) -> Result<ErasureProgress, Problem> {
    let found = admin.db.erasure(id).await?;
    found.map(Into::into).ok_or_else(|| Problem::not_found(format!("no erasure {id}")))
}
