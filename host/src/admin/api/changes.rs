//! Changes as they come: server-sent events.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::extract::Query;
use super::{ChangeKind, ChangeList};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::changes::Follower;
use crate::admin::{AdminState, Problem};

/// Which changes to send.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ChangesQuery {
    /// Only these kinds, with commas between them: `plugin,replay`. All without it.
    #[param(pattern = "^[a-z-]+(,[a-z-]+)*$")]
    types: Option<String>,
    /// As `Last-Event-ID`, for a page that follows anew: a browser sends the header only where it connects again by itself.
    last: Option<String>,
}

/// Changes as they come, as server-sent events (`text/event-stream`), until the client ends it.
///
/// An event `changes` has a list of changes as JSON. An event `reset` says that changes were missed, or that the stream
/// begins: read the lists again. An event `end` says why the host ends the stream. A client that connects again with the
/// `id` of its last event as `Last-Event-ID` gets what it missed, or a `reset`.
#[utoipa::path(get, path = "/changes", tag = "changes",
    params(ChangesQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that the client got")),
    responses(
        (status = 200, description = "The changes", body = ChangeList, content_type = "text/event-stream"),
        (status = 400, description = "A wrong parameter, or a `Last-Event-ID` that is none"),
        Problem))]
pub(in crate::admin) async fn follow(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Query(query): Query<ChangesQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kinds = query.types.as_deref().map(parse_kinds).transpose()?.unwrap_or_default();
    let header = headers.get("last-event-id").map(|last| last.to_str().unwrap_or_default());
    // The header is the later one.
    let last = header.or(query.last.as_deref());
    let body: Body = Follower::follow(&admin, reader.into_viewer(), kinds, last).await?;
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

fn parse_kinds(text: &str) -> Result<Vec<ChangeKind>, Problem> {
    let kind = |word: &str| serde_json::from_value(word.into());
    let kinds: Result<Vec<ChangeKind>, serde_json::Error> = text.split(',').map(kind).collect();
    kinds.map_err(|error| {
        let error = error.to_string().replace("unknown variant", "unknown kind");
        Problem::bad_request(format!("`types`: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_a_problem_that_names_the_known_ones() {
        assert_eq!(
            parse_kinds("plugin,dead-letters").unwrap(),
            [ChangeKind::Plugin, ChangeKind::DeadLetters]
        );
        for wrong in ["", "plugins", "plugin,"] {
            let problem = parse_kinds(wrong).unwrap_err();
            assert!(problem.detail.contains("`replay`"), "{problem:?}");
        }
    }
}
