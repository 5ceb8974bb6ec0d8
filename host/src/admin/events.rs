//! Events: the list, and one with all that was done with it.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::problem::Problem;
use super::view::EventList;
use super::{Side, query};
use crate::db::{Db, DbError, DeliverySummary, EventFilter, EventState, EventSummary, EventView};
use crate::event::rfc3339;

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
    let db = &side.parts.db;
    let limit = query::limit(filter.limit)?;
    let cursor = query::cursor(filter.cursor.as_deref(), parse_cursor)?;
    let state = query::state(filter.state.as_deref())?;
    if let Some(id) = &filter.id {
        return with_id(db, &filter, state, id).await.map(Json);
    }
    let Filter { event_type, source, .. } = filter;
    let page = db.events(&EventFilter { event_type, source, state }, cursor, limit).await?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(Json(EventList { items: page.events, next_cursor }))
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
    find(&side.parts.db, &source, &id).await.map(Json)
}

/// The event, or the problem that there is none.
pub(super) async fn find(db: &Db, source: &str, id: &str) -> Result<EventView, Problem> {
    if let Some(event) = db.event(Some(source), id).await?.pop() {
        return Ok(event);
    }
    let pruned = pruned(db, Some(source), id).await?;
    Err(pruned.unwrap_or_else(|| Problem::not_found(format!("no event `{id}` of source `{source}`"))))
}

/// The problem of an event that was pruned, if it was.
async fn pruned(db: &Db, source: Option<&str>, id: &str) -> Result<Option<Problem>, DbError> {
    let received_at = db.pruned(source, id).await?;
    Ok(received_at.map(|at| {
        let at = rfc3339(at);
        Problem::gone(format!(
            "event `{id}`, received {at}, was pruned (`[retention]` in the config); its id is still known, so \
             that a copy of it runs nothing"
        ))
    }))
}

/// The events with an id: one per source at most, so there is one page.
async fn with_id(
    db: &Db,
    filter: &Filter,
    state: Option<EventState>,
    id: &str,
) -> Result<EventList, Problem> {
    let source = filter.source.as_deref();
    let found = db.event(source, id).await?;
    if found.is_empty()
        && let Some(pruned) = pruned(db, source, id).await?
    {
        return Err(pruned);
    }
    let wanted = |event: &EventView| {
        let typed = filter.event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type);
        typed && state.is_none_or(|state| state == event.state)
    };
    let items = found.into_iter().filter(wanted).map(summary).collect();
    Ok(EventList { items, next_cursor: None })
}

fn summary(event: EventView) -> EventSummary {
    let deliveries = event.deliveries.into_iter().map(|delivery| DeliverySummary {
        id: delivery.id,
        plugin: delivery.plugin,
        state: delivery.state,
        held_because: delivery.held_because,
        settled: delivery.settled,
        attempts: u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX),
    });
    EventSummary {
        source: event.source,
        id: event.id,
        event_type: event.event_type,
        state: event.state,
        created: event.created,
        received_at: event.received_at,
        deliveries: deliveries.collect(),
    }
}

fn parse_cursor(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_positive_number() {
        assert_eq!(parse_cursor("12"), Some(12));
        for wrong in ["", "-1", "0", "next", "1 "] {
            assert_eq!(parse_cursor(wrong), None, "{wrong}");
        }
    }
}
