//! Deliveries: the list, one with all that was done with it, and doing away with one.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::problem::Problem;
use super::view::{DeliveryDetail, DeliveryList, Discarded};
use super::{Side, events, query};
use crate::db::{DeliveryFilter, Discard};
use crate::delivery::DeliveryId;
use crate::replay::Selection;

/// Which deliveries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Deliveries on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// Only in this state; of dead ones those that nobody has dealt with.
    pub state: Option<String>,
    /// Only to this plugin.
    pub plugin: Option<String>,
    /// Only of events of this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub event_type: Option<String>,
    /// Only of events of this source.
    pub source: Option<String>,
    /// Only of events received at this time or after, ms since the Unix epoch.
    pub since: Option<u64>,
    /// Only of events received before this time, ms since the Unix epoch.
    pub until: Option<u64>,
    /// Only those whose last attempt's reason has this text in it.
    pub reason: Option<String>,
}

impl Filter {
    fn into_selection(self) -> Selection {
        Selection {
            event_type: self.event_type,
            source: self.source,
            plugin: self.plugin,
            since: self.since,
            until: self.until,
            reason: self.reason,
            ..Selection::default()
        }
    }
}

/// Deliveries, the newest event's first.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(Filter), responses(
    (status = 200, description = "One page", body = DeliveryList),
    (status = 400, description = "A wrong parameter", body = Problem,
        content_type = "application/problem+json"),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn list(
    State(side): State<Side>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<DeliveryList>, Problem> {
    let Query(filter) = filter.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let limit = query::limit(filter.limit)?;
    let before = query::cursor(filter.cursor.as_deref(), |cursor| cursor.parse().ok())?;
    let state = query::state(filter.state.as_deref())?;
    let filter = DeliveryFilter { state, selection: filter.into_selection() };
    let page = side.parts.db.deliveries(&filter, before, limit).await?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(Json(DeliveryList { items: page.deliveries, next_cursor }))
}

/// One delivery: its attempts, what its plugin logged, and what it asked for.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries",
    params(("id" = String, Path, description = "Its id, such as 12-1")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryDetail),
        (status = 400, description = "Not an id", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such delivery", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn show(
    State(side): State<Side>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<DeliveryDetail>, Problem> {
    let id = id(path)?;
    let db = &side.parts.db;
    let (source, event) = db.event_of(id).await?.ok_or_else(|| unknown(id))?;
    let found = events::find(db, &source, &event).await?;
    let of_id = id.to_string();
    let delivery = found.deliveries.into_iter().find(|delivery| delivery.id == of_id);
    let delivery = delivery.ok_or_else(|| unknown(id))?;
    Ok(Json(DeliveryDetail { source, event, event_type: found.event_type, delivery }))
}

/// Sees to it that a delivery is not run any more: an open one is skipped, so that what waits behind it
/// goes on, and a dead letter counts as dealt with.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/discard", tag = "deliveries",
    params(("id" = String, Path, description = "Its id, such as 12-1")),
    responses(
        (status = 200, description = "It is done", body = Discarded),
        (status = 400, description = "Not an id", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such delivery", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It is running, is done, or was dealt with", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn discard(
    State(side): State<Side>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Discarded>, Problem> {
    let id = id(path)?;
    let done = match side.parts.db.discard(id).await? {
        Discard::Skipped => "skipped",
        Discard::Resolved => "settled",
        Discard::Closed => {
            return Err(Problem::conflict(format!("delivery {id} is done, or was dealt with before")));
        }
        Discard::Busy => {
            return Err(Problem::conflict(format!(
                "an attempt at delivery {id} is under way or about to begin: try again when it has ended"
            )));
        }
        Discard::Unknown => return Err(unknown(id)),
    };
    Ok(Json(Discarded { done: done.into() }))
}

fn id(path: Result<Path<String>, PathRejection>) -> Result<DeliveryId, Problem> {
    let Path(id) = path.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    id.parse().map_err(|error: crate::delivery::BadDeliveryId| Problem::bad_request(error.to_string()))
}

fn unknown(id: DeliveryId) -> Problem {
    Problem::not_found(format!("no delivery {id}"))
}
