//! Sessions of the pages: the list, and ending one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::extract::Path;
use super::{SessionList, SessionView};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// The browsers that are logged in to the pages with the token of this request; for the role `admin`, with any token.
#[utoipa::path(get, path = "/sessions", tag = "sessions", responses(
    (status = 200, description = "The sessions that are not over", body = SessionList),
    Problem))]
pub(in crate::admin) async fn list(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
) -> Result<Json<SessionList>, Problem> {
    let current = reader.caller().session().map(|session| session.stored.id);
    let tokens = admin.access.tokens.list();
    let sessions = admin.access.sessions.list();
    let items = sessions.iter().filter_map(|known| {
        let token = tokens.iter().find(|token| token.stored.id == known.stored.session.token)?;
        let is_seen = reader.caller().owns(known) && admin.access.continues(known);
        let is_current = current == Some(known.stored.id);
        let name = token.stored.token.name.to_string();
        is_seen.then(|| SessionView::new(&known.stored, name, known.used_at(), is_current))
    });
    Ok(Json(SessionList { items: items.collect(), next_cursor: None }))
}

/// Ends a session: its browser is logged out at once. The role `admin` ends any session, other roles those of their
/// token.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 400, description = "Not a number"),
        (status = 404, description = "No such session, or it was over before"),
        Problem))]
pub(in crate::admin) async fn revoke(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    let unknown = || {
        let detail = format!("no session {id}, or it was over before; `hookyard session list` shows all");
        reader.missing(Problem::not_found(detail))
    };
    let sessions = admin.access.sessions.list();
    let known = sessions.iter().find(|known| known.stored.id == id).ok_or_else(unknown)?;
    if !reader.caller().owns(known) || !admin.access.continues(known) {
        return Err(unknown());
    }
    if admin.access.end_session(id, reader.clone().own_decision()?).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(unknown())
    }
}
