//! Deliveries: the list, one with its attempts, and discarding one.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::extract::{JsonBody, Path, Query};
use super::formats::{DeliveryIdText, RevisionText, read_time};
use super::masking::{EventTexts, hide_in_delivery};
use super::{
    DeliveryDetail, DeliveryList, DeliveryState, DiscardResult, RetryRequest, RetryResult, events, query,
    selections,
};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::db::{DeliveryFilter, Discard};
use crate::delivery::{self, BadDeliveryId, DeliveryId};
use crate::replay::Selection;
use crate::token::Permission;

/// Which deliveries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct DeliveryQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<DeliveryIdText>, inline)]
    pub(in crate::admin) cursor: Option<String>,
    /// Deliveries on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub(in crate::admin) limit: Option<u32>,
    /// Only in this state; `dead` means unresolved dead letters.
    #[param(value_type = Option<DeliveryState>, inline)]
    pub(in crate::admin) state: Option<String>,
    /// Only to this plugin.
    pub(in crate::admin) plugin: Option<String>,
    /// Only of events of this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub(in crate::admin) event_type: Option<String>,
    /// Only of events of this source.
    pub(in crate::admin) source: Option<String>,
    /// Only of events received at this time or after, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) since: Option<u64>,
    /// Only of events received before this time, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) until: Option<u64>,
    /// Only those whose last attempt's reason has this text in it. It needs the permission to see personal values.
    pub(in crate::admin) reason: Option<String>,
    /// Whether `reason` is the whole reason, as the list shows it. An empty one stands for none.
    #[serde(default)]
    pub(in crate::admin) whole_reason: bool,
    /// Only those that this replay made.
    pub(in crate::admin) replay: Option<i64>,
    /// Only those whose last attempt ran on this revision: the first digits of its digest, at least 4.
    #[param(value_type = Option<RevisionText>, inline)]
    pub(in crate::admin) failed_on: Option<String>,
}

impl DeliveryQuery {
    /// Those that a replay made and that are in this state.
    pub(in crate::admin) fn of_replay(replay: i64, state: &str, cursor: Option<String>, limit: u32) -> Self {
        let (state, limit, replay) = (Some(state.to_owned()), Some(limit), Some(replay));
        Self { cursor, limit, state, replay, ..Self::default() }
    }

    fn into_selection(self) -> Selection {
        Selection {
            event_type: self.event_type,
            source: self.source,
            plugin: self.plugin,
            since: self.since,
            until: self.until,
            reason: self.reason,
            whole_reason: self.whole_reason,
            replay: self.replay,
            failed_on: self.failed_on,
            ..Selection::default()
        }
    }
}

/// Deliveries, the newest event's first.
#[utoipa::path(get, path = "/deliveries", tag = "deliveries", params(DeliveryQuery), responses(
    (status = 200, description = "One page", body = DeliveryList),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn list(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<DeliveryList>, Problem> {
    let limit = query::limit(query.limit)?;
    let before = query::cursor(query.cursor.as_deref(), |cursor| cursor.parse().ok())?;
    let state = query::state(query.state.as_deref())?;
    selections::check_digits("failed_on", query.failed_on.as_deref())?;
    let plugin = query.plugin.clone();
    if query.reason.is_some() {
        // Reasons quote values of payloads: a reader without personal values could find them out one by one.
        reader.require(Permission::Unmask)?;
    }
    let filter = DeliveryFilter { state, selection: query.into_selection(), plugins: reader.patterns() };
    if let Some(plugin) = &plugin {
        reader.check(plugin)?;
    }
    let mut page: DeliveryList = admin.db.deliveries(&filter, before, limit).await?.into();
    if !reader.may_unmask() {
        let mut texts = EventTexts::new(&admin);
        for listed in &mut page.items {
            let number = listed.delivery.id.parse().map_or(0, |id: DeliveryId| id.event);
            if let Some(reason) = &mut listed.reason {
                texts.of(&listed.source, number).await?.hide(reason);
            }
        }
    }
    Ok(Json(page))
}

/// One delivery: its attempts, what its plugin logged, and what it asked for.
#[utoipa::path(get, path = "/deliveries/{id}", tag = "deliveries",
    params(("id" = inline(DeliveryIdText), Path, description = "Its id, such as 12-1")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryDetail),
        (status = 400, description = "Not an id"),
        (status = 404, description = "No such delivery"),
        Problem))]
pub(in crate::admin) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(id): Path<String>,
) -> Result<Json<DeliveryDetail>, Problem> {
    let id = parse(&id)?;
    let missing = || reader.missing(unknown(id));
    let plugin = admin.db.plugin_of(id).await?;
    if !plugin.is_some_and(|plugin| reader.sees(plugin.as_str())) {
        return Err(missing());
    }
    let (source, event) = admin.db.event_of(id).await?.ok_or_else(missing)?;
    let found = events::find(&admin.db, &source, &event).await?;
    let text = id.to_string();
    let delivery = found.deliveries.into_iter().find(|delivery| delivery.id == text);
    let mut delivery = delivery.ok_or_else(missing)?;
    if !reader.may_unmask() {
        hide_in_delivery(EventTexts::new(&admin).of(&source, id.event).await?, &mut delivery);
    }
    Ok(Json(DeliveryDetail { source, event, event_type: found.event_type, delivery }))
}

/// Deliveries that a dry run shows.
const EXAMPLES: u32 = 5;
/// Most deliveries that a request names.
const NAMED_MAX: usize = 1000;

/// Makes waiting deliveries due now. Those that are held or blocked stay so, and no attempt is added.
#[utoipa::path(post, path = "/deliveries/retry", tag = "deliveries", request_body = RetryRequest, responses(
    (status = 200, description = "How many", body = RetryResult),
    (status = 400, description = "Not a selection"),
    (status = 422, description = "Not a selection of waiting deliveries"),
    Problem))]
pub(in crate::admin) async fn retry(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    JsonBody(request): JsonBody<RetryRequest>,
) -> Result<Json<RetryResult>, Problem> {
    let selection = Selection::from(request.selection);
    selections::check(&selection)?;
    if selection.unhandled {
        return Err(Problem::unprocessable("`where.unhandled` is for events: no delivery of these waits"));
    }
    if selection.keys.is_some() {
        return Err(Problem::unprocessable("`where.keys` is for effects, not for deliveries"));
    }
    let named = [selection.deliveries.as_ref().map(Vec::len), selection.events.as_ref().map(Vec::len)];
    if named.into_iter().flatten().any(|named| named > NAMED_MAX) {
        return Err(Problem::bad_request(format!("name at most {NAMED_MAX} deliveries or events at once")));
    }
    let operator =
        operator.plugin_or_all(selection.plugin.as_deref(), "name the plugin in `where.plugin`")?;
    if !request.dry_run {
        let deliveries = admin.db.retry(selection, operator.decision()?).await?;
        return Ok(Json(RetryResult { deliveries, first: Vec::new() }));
    }
    let deliveries = admin.db.count_waiting(selection.clone()).await?;
    let filter = DeliveryFilter { state: Some(delivery::State::Waiting), selection, plugins: Vec::new() };
    let first: DeliveryList = admin.db.deliveries(&filter, None, EXAMPLES).await?.into();
    Ok(Json(RetryResult { deliveries, first: first.items }))
}

/// Discards a delivery: an open one is skipped, which unblocks the next one of its ordering key, and a dead letter is
/// resolved.
#[utoipa::path(post, path = "/deliveries/{id}/discard", tag = "deliveries",
    params(("id" = inline(DeliveryIdText), Path, description = "Its id, such as 12-1")),
    responses(
        (status = 200, description = "It is discarded", body = DiscardResult),
        (status = 400, description = "Not an id"),
        (status = 404, description = "No such delivery"),
        (status = 409, description = "It is running, is done, or was resolved before"),
        Problem))]
pub(in crate::admin) async fn discard(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(id): Path<String>,
) -> Result<Json<DiscardResult>, Problem> {
    let id = parse(&id)?;
    let plugin = admin.db.plugin_of(id).await?.ok_or_else(|| operator.missing(unknown(id)))?;
    if !operator.sees(plugin.as_str()) {
        return Err(operator.missing(unknown(id)));
    }
    let by = operator.plugin(plugin.as_str())?.decision()?;
    let done = match admin.db.discard(id, by).await? {
        Discard::Skipped => "skipped",
        Discard::Resolved => "resolved",
        Discard::Closed => {
            return Err(Problem::conflict(format!("delivery {id} is done, or was resolved before")));
        }
        Discard::Busy => {
            return Err(Problem::conflict(format!(
                "an attempt at delivery {id} is under way or about to begin: try again when it has ended"
            )));
        }
        Discard::Unknown => return Err(unknown(id)),
    };
    Ok(Json(DiscardResult { done: done.into() }))
}

fn parse(id: &str) -> Result<DeliveryId, Problem> {
    id.parse().map_err(|error: BadDeliveryId| Problem::bad_request(error.to_string()))
}

fn unknown(id: DeliveryId) -> Problem {
    Problem::not_found(format!("no delivery {id}"))
}
