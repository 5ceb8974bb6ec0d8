//! Events: the list, and one with all that was done with it.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::problem::Problem;
use super::view::EventList;
use super::{Side, read};
use crate::db::EventView;

/// Events on a page when `limit` does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Most events on a page.
const LIMIT_MAX: u32 = 500;

/// Which events to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Events on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// Only this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub event_type: Option<String>,
    /// Only of this source.
    pub source: Option<String>,
    /// Only in this state.
    pub state: Option<String>,
    /// Only with this id (ids are unique within a source only).
    pub id: Option<String>,
}

impl Filter {
    /// How many events to read; a limit out of range is a problem.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        let ok = (1..=LIMIT_MAX).contains(&limit);
        ok.then_some(limit)
            .ok_or_else(|| Problem::bad_request(format!("`limit` is {limit}; give 1 to {LIMIT_MAX}")))
    }
}

/// Events, newest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(Filter), responses(
    (status = 200, description = "One page", body = EventList),
    (status = 400, description = "A wrong parameter", body = Problem,
        content_type = "application/problem+json"),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json"),
    (status = 410, description = "The event with the `id` asked for was pruned", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn list(
    State(side): State<Side>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<EventList>, Problem> {
    let Query(filter) = filter.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    read::events(&side.parts.db, &filter).await.map(Json)
}

/// One event: its deliveries, their attempts, and what the plugins logged.
#[utoipa::path(get, path = "/api/v1/events/{source}/{id}", tag = "events",
    params(("source" = String, Path, description = "Who sent it"),
        ("id" = String, Path, description = "The sender's id")),
    responses(
        (status = 200, description = "The event", body = EventView),
        (status = 400, description = "A path that is not text", body = Problem,
            content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such event", body = Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "It was pruned, and its id is still known", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn show(
    State(side): State<Side>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<EventView>, Problem> {
    let Path((source, id)) = path.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    read::event(&side.parts.db, &source, &id).await.map(Json)
}
