//! Events: the list, and one with its deliveries.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::extract::{Path, Query};
use super::formats::{NumberCursor, read_time};
use super::masking::{hide_in_delivery, hide_in_metadata};
use super::{EventList, EventState, EventView, ExportedEvent, query, search};
use crate::admin::auth::{Allowed, need};
use crate::admin::personal::{MaskedJson, mask_body, to_raw};
use crate::admin::{AdminState, Problem};
use crate::config::Pointer;
use crate::db::{self, Db, DbError, EventFilter, IndexedField, SearchFilter, StoredBody};
use crate::effect::EMITTED_PREFIX;
use crate::event::{parse_number, rfc3339};
use crate::personal;
use crate::token::Permission;

/// Which events to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct EventQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<NumberCursor>, inline)]
    pub(in crate::admin) cursor: Option<String>,
    /// Events on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub(in crate::admin) limit: Option<u32>,
    /// Only this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub(in crate::admin) event_type: Option<String>,
    /// Only of this source.
    pub(in crate::admin) source: Option<String>,
    /// Only in this state.
    #[param(value_type = Option<EventState>, inline)]
    pub(in crate::admin) state: Option<String>,
    /// Only with this id (ids are unique within a source only). Goes with `type`, `source` and `state`.
    pub(in crate::admin) id: Option<String>,
    /// Only with a value that is this text, begins with it, or ends with it: the id, type, source, a plugin, the
    /// ordering key, the id of the event that caused it, a word of a reason, or a value at the source's `search`
    /// pointers. Letters may be of either case. Types, sources, plugins and words are found by their beginning only. A
    /// value of digits and separators, such as a phone number, is found by its digits. Callers who may not see personal
    /// values find nothing by them.
    pub(in crate::admin) search: Option<String>,
    /// Only with a delivery to this plugin.
    pub(in crate::admin) plugin: Option<String>,
    /// Only received at this time or after, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) since: Option<u64>,
    /// Only received before this time, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) until: Option<u64>,
    /// Only with this ordering key.
    pub(in crate::admin) ordering_key: Option<String>,
    /// Only those that this replay ran again.
    pub(in crate::admin) replay: Option<i64>,
    /// Only those that a handler of an event with this id emitted.
    pub(in crate::admin) caused_by: Option<String>,
    /// Only with a failed attempt whose reason has these words; the last one may be the beginning of a word.
    pub(in crate::admin) reason: Option<String>,
    /// Only with a failed attempt of this outcome: `retry` or `rejected`.
    pub(in crate::admin) outcome: Option<String>,
}

impl EventQuery {
    fn into_filter(self, state: Option<EventState>) -> SearchFilter {
        SearchFilter {
            text: self.search,
            event_type: self.event_type,
            source: self.source,
            plugin: self.plugin,
            state: state.map(Into::into),
            since: self.since,
            until: self.until,
            ordering_key: self.ordering_key,
            replay: self.replay,
            caused_by: self.caused_by,
            reason: self.reason,
            outcome: self.outcome,
        }
    }
}

/// Whether to show personal values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct MaskingQuery {
    /// Show values at the source's `personal` pointers too. Needs the permission `unmask`, which the roles `operate` and
    /// `admin` have.
    #[serde(default)]
    pub(in crate::admin) unmasked: bool,
}

/// Events, newest first.
#[utoipa::path(get, path = "/events", tag = "events", params(EventQuery), responses(
    (status = 200, description = "One page", body = EventList),
    (status = 400, description = "A wrong parameter"),
    (status = 410, description = "The event with the `id` asked for was pruned"),
    (status = 422, description = "A text without a letter or digit to search for, or `id` beside a search"),
    Problem))]
pub(in crate::admin) async fn list(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    Query(query): Query<EventQuery>,
) -> Result<Json<EventList>, Problem> {
    let limit = query::limit(query.limit)?;
    let cursor = query::cursor(query.cursor.as_deref(), parse_number)?;
    let state: Option<EventState> = query::state(query.state.as_deref())?;
    let id = query.id.clone();
    let filter = query.into_filter(state);
    if let Some(id) = &id {
        if filter.needs_search() {
            let why =
                "`id` goes with `type`, `source` and `state` only: `search` finds an event by its id too";
            return Err(Problem::unprocessable(why));
        }
        return list_by_id(&admin.db, &filter, id).await.map(Json);
    }
    search::check(&filter)?;
    if filter.needs_search() || admin.db.prefers_index(&filter) {
        let may_unmask = reader.may_unmask();
        let is_visible = |field: &IndexedField| may_unmask || search::is_impersonal(&admin.personal, field);
        let page = admin.db.search(&filter, &is_visible, cursor, limit).await?;
        if page.is_complete || filter.needs_search() {
            return Ok(Json(page.into()));
        }
    }
    let SearchFilter { event_type, source, state, .. } = filter;
    let page = admin.db.events(&EventFilter { event_type, source, state }, cursor, limit).await?;
    Ok(Json(page.into()))
}

/// One event: its payload, its deliveries, their attempts, and what the plugins logged.
#[utoipa::path(get, path = "/events/{source}/{id}", tag = "events",
    params(("source" = String, Path, description = "Who sent it"),
        ("id" = String, Path, description = "The sender's id"), MaskingQuery),
    responses(
        (status = 200, description = "The event", body = EventView),
        (status = 400, description = "A path that is not text, or a wrong parameter"),
        (status = 404, description = "No such event"),
        (status = 410, description = "It was pruned, and its id is still known"),
        Problem))]
pub(in crate::admin) async fn show(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    Path((source, id)): Path<(String, String)>,
    Query(query): Query<MaskingQuery>,
) -> Result<Json<EventView>, Problem> {
    find_whole(&reader, &admin, &source, &id, &query).await.map(Json)
}

/// One event with its context, to be run again elsewhere: `hookyard plugin run --event FILE` takes it.
#[utoipa::path(get, path = "/events/{source}/{id}/export", tag = "events",
    params(("source" = String, Path, description = "Who sent it"),
        ("id" = String, Path, description = "The sender's id"), MaskingQuery),
    responses(
        (status = 200, description = "The event", body = ExportedEvent),
        (status = 400, description = "A path that is not text, or a wrong parameter"),
        (status = 404, description = "No such event"),
        (status = 410, description = "It was pruned, and its id is still known"),
        Problem))]
pub(in crate::admin) async fn export(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    Path((source, id)): Path<(String, String)>,
    Query(query): Query<MaskingQuery>,
) -> Result<Json<ExportedEvent>, Problem> {
    let event = find_whole(&reader, &admin, &source, &id, &query).await?;
    let package = admin.personal.package(&source);
    event.into_export(package).map(Json).ok_or_else(|| unknown(&source, &id))
}

/// Reads an event with its payload.
async fn find_whole(
    reader: &Allowed<need::Read>,
    admin: &AdminState,
    source: &str,
    id: &str,
    query: &MaskingQuery,
) -> Result<EventView, Problem> {
    if query.unmasked {
        reader.require(Permission::Unmask)?;
    }
    let mut event = find(&admin.db, source, id).await?;
    let configured = admin.personal.source(source);
    // Nobody says any more what is personal in events of a source that was removed: all of it may be.
    let is_removed = configured.is_none() && !source.starts_with(EMITTED_PREFIX);
    // What a plugin emits may have values of the events that it was made of, anywhere.
    let is_derived = configured.is_none() && !reader.may_unmask() && admin.personal.has_any(source);
    let whole = [Pointer::to(&[])];
    let pointers = match &configured {
        _ if query.unmasked => &[][..],
        // A preset is for those who may not see the values. Pointers of an operator's are for all who do not ask.
        Some(source) if source.is_personal_preset && reader.may_unmask() => &[],
        Some(source) => &source.personal,
        None if is_removed || is_derived => &whole,
        None => &[],
    };
    let mut is_key_personal = is_removed && !query.unmasked;
    let stored = admin.db.body(event.number).await?;
    let body = stored.as_ref().map(|stored| stored.body.clone()).unwrap_or_default();
    if let Some(StoredBody { body, payload }) = stored {
        if !reader.may_unmask() {
            let texts = admin.personal.texts(source, &body);
            event.deliveries.iter_mut().for_each(|delivery| hide_in_delivery(&texts, delivery));
        }
        if let Some(key) = &event.ordering_key {
            let at = configured.as_ref().map(|source| &source.ordering_key);
            is_key_personal = personal::is_key_personal(at, pointers, &body, key);
        }
        let MaskedJson { text, masked } = mask_body(&body, payload, pointers);
        let (payload, is_text) = to_raw(&text);
        (event.payload, event.payload_is_text, event.masked) = (Some(payload), is_text, masked);
    }
    hide_in_metadata(&mut event, pointers, &body);
    for conflict in &mut event.conflicts {
        conflict.body = mask_body(conflict.body.as_bytes(), 0..conflict.body.len(), pointers).text;
        if !pointers.is_empty() {
            // With the rest of the body it gives away a short value to a caller who tries all.
            conflict.digest = "[masked]".into();
        }
    }
    if is_key_personal {
        event.ordering_key = event.ordering_key.map(|_| "[masked]".into());
    }
    Ok(event)
}

/// Reads an event.
///
/// # Errors
/// A problem if there is none, or if it was pruned.
pub(in crate::admin) async fn find(db: &Db, source: &str, id: &str) -> Result<EventView, Problem> {
    if let Some(event) = db.event(Some(source), id).await?.pop() {
        return Ok(event.into());
    }
    let pruned = find_pruned(db, Some(source), id).await?;
    Err(pruned.unwrap_or_else(|| unknown(source, id)))
}

fn unknown(source: &str, id: &str) -> Problem {
    Problem::not_found(format!("no event `{id}` of source `{source}`"))
}

/// The problem that an event was pruned, if it was.
async fn find_pruned(db: &Db, source: Option<&str>, id: &str) -> Result<Option<Problem>, DbError> {
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
async fn list_by_id(db: &Db, filter: &SearchFilter, id: &str) -> Result<EventList, Problem> {
    let source = filter.source.as_deref();
    let found = db.event(source, id).await?;
    if found.is_empty()
        && let Some(pruned) = find_pruned(db, source, id).await?
    {
        return Err(pruned);
    }
    let is_wanted = |event: &db::EventView| {
        filter.event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type)
            && filter.state.is_none_or(|wanted| wanted == event.state)
    };
    let events = found.into_iter().filter(is_wanted).map(EventView::from);
    let items = events.map(Into::into).collect();
    Ok(EventList { items, next_cursor: None, complete: true, indexed_through: None })
}
