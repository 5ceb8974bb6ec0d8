//! Deliveries as they are shown.

use std::sync::LazyLock;

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::clock::shown;
use super::reader::Reader;
use super::rows::{id_of, placement_of};
use super::values::{integer, name_of, optional_digest_of, parse, unsigned};
use crate::db::types::{DbError, InMemoryState};
use crate::db::view::{
    AttemptView, DeliveryFilter, DeliveryPage, DeliverySummary, DeliveryView, EffectView, ListedDelivery,
    ReplayedView,
};
use crate::db::writer::batch::Placement;
use crate::delivery::{DeliveryId, HoldReason, Resolution, State};
use crate::event::PluginName;
use crate::replay::Selection;
use crate::token::PluginPattern;

const COLUMNS: &str = "SELECT d.event_seq, d.number, d.plugin, d.state, d.attempts, d.due_at,
    h.plugin IS NOT NULL, p.plugin IS NOT NULL, d.settled, r.replay, r.of_number, d.ordering, r.revision";
const HOLDS: &str = " LEFT JOIN held_plugin h ON h.plugin = d.plugin
    LEFT JOIN paused_plugin p ON p.plugin = d.plugin
    LEFT JOIN replayed r ON r.event_seq = d.event_seq AND r.delivery_number = d.number";
/// Deliveries come first: the conditions narrow them down, and they give the order.
pub(super) const WITH_EVENT: &str = " FROM delivery d CROSS JOIN event e ON e.seq = d.event_seq
    LEFT JOIN attempt a ON a.event_seq = d.event_seq AND a.delivery_number = d.number
        AND a.number = d.attempts";

/// The deliveries to read.
pub(super) enum DeliveryScope<'a> {
    Events(&'a [i64]),
    These(&'a [DeliveryId]),
}

/// A delivery as it stands.
pub(super) struct Stored {
    pub(super) id: DeliveryId,
    pub(super) plugin: String,
    pub(super) state: State,
    pub(super) resolution: Option<Resolution>,
    held_because: Option<HoldReason>,
    attempts: u32,
    due_at: Option<u64>,
    cause: Option<ReplayedView>,
    /// The hash of its ordering key.
    order: Option<i64>,
    pub(super) blocked_by: Option<DeliveryId>,
}

impl Stored {
    /// The hash of its ordering key, if an earlier delivery of that blocks it.
    pub(super) fn blocked_order(&self) -> Option<i64> {
        self.order.filter(|_| self.held_because == Some(HoldReason::Order))
    }

    pub(super) fn summary(self) -> DeliverySummary {
        DeliverySummary {
            id: self.id.to_string(),
            plugin: self.plugin,
            state: self.state,
            held_because: self.held_because,
            blocked_by: self.blocked_by,
            resolution: self.resolution,
            attempts: self.attempts,
        }
    }

    pub(super) fn view(self, attempts: Vec<AttemptView>, effects: Vec<EffectView>) -> DeliveryView {
        DeliveryView {
            id: self.id.to_string(),
            plugin: self.plugin,
            state: self.state,
            held_because: self.held_because,
            blocked_by: self.blocked_by,
            resolution: self.resolution,
            cause: self.cause,
            due_at: self.due_at,
            attempts,
            effects,
        }
    }
}

/// Reads deliveries in their order.
pub(super) async fn deliveries_of(
    moment: &mut SqliteConnection,
    whose: DeliveryScope<'_>,
    memory: &InMemoryState,
) -> Result<Vec<Stored>, DbError> {
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    query.push(" FROM delivery d").push(HOLDS).push(" WHERE ");
    match whose {
        DeliveryScope::Events(events) => among(query.push("d.event_seq"), events),
        DeliveryScope::These(ids) => among_ids(&mut query, ids),
    }
    query.push(" ORDER BY d.event_seq, d.number");
    let rows = query.build().fetch_all(moment).await?;
    rows.iter().map(|row| stored_of(row, memory)).collect()
}

fn stored_of(row: &SqliteRow, memory: &InMemoryState) -> Result<Stored, DbError> {
    let id = id_of(row)?;
    let due_at: Option<i64> = row.try_get(5)?;
    let plugin: String = row.try_get(2)?;
    let (absent, paused): (bool, bool) = (row.try_get(6)?, row.try_get(7)?);
    let because = match due_at.map(placement_of) {
        None => None,
        _ if memory.running.contains(&id) => None,
        _ if absent => Some(HoldReason::Absent),
        _ if paused => Some(HoldReason::Paused),
        Some(Placement { switched_on: false, .. }) => Some(HoldReason::SwitchedOff),
        Some(Placement { matched: false, .. }) => Some(HoldReason::Unmatched),
        Some(Placement { blocked: true, .. }) => Some(HoldReason::Order),
        _ if memory.broken.iter().any(|broken| broken.as_str() == plugin) => Some(HoldReason::Breaker),
        Some(_) => None,
    };
    let state = match parse::<State>(row.try_get(3)?)? {
        closed @ (State::Done | State::Dead) => closed,
        _ if memory.running.contains(&id) => State::Running,
        _ if because.is_some() => State::Held,
        open => open,
    };
    let resolution: Option<&str> = row.try_get(8)?;
    let replay: Option<i64> = row.try_get(9)?;
    let revision = optional_digest_of(row, 12)?.map(|revision| revision.to_string());
    let of: Option<i64> = row.try_get(10)?;
    let of = of.map(|number| DeliveryId { number, ..id }.to_string());
    Ok(Stored {
        id,
        plugin,
        state,
        resolution: resolution.map(parse).transpose()?,
        held_because: because,
        attempts: row.try_get(4)?,
        due_at: due_at.filter(|_| state == State::Waiting).map(shown),
        cause: replay.map(|replay| ReplayedView { replay, of, revision }),
        order: row.try_get(11)?,
        blocked_by: None,
    })
}

/// ` IN (…)` of whole numbers.
fn among(query: &mut QueryBuilder<Sqlite>, numbers: &[i64]) {
    query.push(" IN (");
    let mut list = query.separated(", ");
    // SQLite finds no plan with a named index for an empty list.
    list.push("NULL");
    for number in numbers {
        list.push_bind(*number);
    }
    query.push(")");
}

/// The part of a reason without names, as [`crate::delivery::reason_without_names`] finds it: after
/// `PLUGIN REVISION on EVENT: ` and the interface of a typed handler.
pub(super) static SHOWN_REASON: LazyLock<String> = LazyLock::new(|| {
    let rest =
        "substr(a.reason, length(d.plugin) + 19 + instr(substr(a.reason, length(d.plugin) + 18), ': '))";
    let name = format!("substr({rest}, 1, instr({rest}, ': ') - 1)");
    format!(
        "CASE
            WHEN substr(a.reason, 1, length(d.plugin) + 17) IS NOT
                d.plugin || ' ' || substr(lower(hex(a.revision)), 1, 12) || ' on '
            THEN a.reason
            WHEN instr({name}, ':') > 0 AND instr({name}, '/') > 0 AND instr({name}, ' ') = 0
            THEN substr({rest}, instr({rest}, ': ') + 2)
            ELSE {rest} END"
    )
});

fn among_ids(query: &mut QueryBuilder<Sqlite>, ids: &[DeliveryId]) {
    query.push("(d.event_seq, d.number) IN (VALUES ");
    let mut list = query.separated(", ");
    // VALUES needs one at least; no event has the number 0.
    list.push("(0, 0)");
    for id in ids {
        list.push("(").push_bind_unseparated(id.event);
        list.push_unseparated(", ").push_bind_unseparated(id.number).push_unseparated(")");
    }
    query.push(")");
}

/// Appends ` AND …` for each condition of a selection on the event.
pub(super) fn select_events(query: &mut QueryBuilder<Sqlite>, selection: &Selection) {
    let Selection { events, event_type, source, since, until, unhandled, .. } = selection;
    if let Some(events) = events {
        among(query.push(" AND e.seq"), events);
    }
    if let Some(event_type) = event_type {
        query.push(" AND e.type = ").push_bind(event_type.clone());
    }
    if let Some(source) = source {
        query.push(" AND e.source = ").push_bind(source.clone());
    }
    if let Some(since) = since {
        query.push(" AND e.received_at >= ").push_bind(integer(*since));
    }
    if let Some(until) = until {
        query.push(" AND e.received_at < ").push_bind(integer(*until));
    }
    if *unhandled {
        query.push(" AND e.deliveries = 0");
    }
}

/// Appends the same for the delivery, its event, and its last attempt.
pub(super) fn select_deliveries(query: &mut QueryBuilder<Sqlite>, selection: &Selection) {
    select_events(query, selection);
    if let Some(ids) = &selection.deliveries {
        among_ids(query.push(" AND "), ids);
    }
    if let Some(plugin) = &selection.plugin {
        query.push(" AND d.plugin = ").push_bind(plugin.clone());
    }
    if let Some(replay) = selection.replay {
        query.push(" AND (d.event_seq, d.number) IN (SELECT event_seq, delivery_number FROM replayed WHERE replay = ");
        query.push_bind(replay).push(")");
    }
    if let Some(digits) = &selection.failed_on {
        query.push(" AND substr(lower(hex(a.revision)), 1, ").push_bind(integer(digits.len() as u64));
        query.push(") = ").push_bind(digits.clone());
    }
    match &selection.reason {
        Some(reason) if selection.whole_reason => {
            query.push(" AND coalesce(").push(&*SHOWN_REASON).push(", '') = ").push_bind(reason.clone());
        }
        Some(reason) => {
            query.push(" AND instr(a.reason, ").push_bind(reason.clone()).push(") > 0");
        }
        None => {}
    }
}

/// Appends ` AND …` for plugins that match one of these patterns; nothing if there is none.
pub(super) fn of_plugins(query: &mut QueryBuilder<Sqlite>, column: &str, patterns: &[PluginPattern]) {
    let mut word = " AND (";
    for pattern in patterns {
        query.push(word).push(column).push(" GLOB ").push_bind(pattern.as_str().to_owned());
        word = " OR ";
    }
    if !patterns.is_empty() {
        query.push(")");
    }
}

/// Whether something holds an open delivery `d`, to which [`HOLDS`] are joined.
pub(super) fn held(query: &mut QueryBuilder<Sqlite>, memory: &InMemoryState) {
    query.push("(h.plugin IS NOT NULL OR p.plugin IS NOT NULL OR d.due_at < 0");
    if !memory.broken.is_empty() {
        query.push(" OR d.plugin IN (");
        let mut list = query.separated(", ");
        for plugin in &memory.broken {
            list.push_bind(plugin.to_string());
        }
        query.push(")");
    }
    query.push(")");
}

/// Appends ` AND …` for a state. A running delivery is stored under another state.
fn in_state(query: &mut QueryBuilder<Sqlite>, state: State, memory: &InMemoryState) {
    match state {
        State::Pending => held(query.push(" AND d.due_at = 0 AND NOT "), memory),
        State::Waiting => held(query.push(" AND d.due_at > 0 AND NOT "), memory),
        State::Held => held(query.push(" AND d.due_at IS NOT NULL AND "), memory),
        State::Done => _ = query.push(" AND d.state = 'done'"),
        State::Dead => _ = query.push(" AND d.state = 'dead' AND d.settled IS NULL"),
        State::Running => {
            let running: Vec<_> = memory.running.iter().copied().collect();
            among_ids(query.push(" AND "), &running);
        }
    }
}

impl Reader {
    pub(super) async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Option<DeliveryId>,
        limit: u32,
        memory: &InMemoryState,
    ) -> Result<DeliveryPage, DbError> {
        let limit = limit.max(1);
        let before = before.unwrap_or(DeliveryId { event: i64::MAX, number: 0 });
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query
            .push(", e.source, e.id, e.type, e.received_at, a.reason, a.revision")
            .push(WITH_EVENT)
            .push(HOLDS);
        query.push(" WHERE (d.event_seq, d.number) < (").push_bind(before.event);
        query.push(", ").push_bind(before.number).push(")");
        select_deliveries(&mut query, &filter.selection);
        of_plugins(&mut query, "d.plugin", &filter.plugins);
        if let Some(state) = filter.state {
            in_state(&mut query, state, memory);
        }
        query.push(" ORDER BY d.event_seq DESC, d.number DESC LIMIT ").push_bind(limit);
        // The page and what blocks it are read at one moment.
        let mut moment = self.pool().begin().await?;
        let rows = query.build().fetch_all(&mut *moment).await?;
        let next = rows.last().filter(|_| rows.len() >= limit as usize).map(id_of).transpose()?;
        let mut stored = rows.iter().map(|row| stored_of(row, memory)).collect::<Result<Vec<_>, _>>()?;
        self.name_blockers(&mut moment, &mut stored).await?;
        let listed = rows.iter().zip(stored).map(|(row, stored)| listed_of(row, stored));
        let listed = listed.collect::<Result<Vec<_>, _>>()?;
        let wanted =
            |listed: &ListedDelivery| filter.state.is_none_or(|state| state == listed.delivery.state);
        Ok(DeliveryPage { deliveries: listed.into_iter().filter(wanted).collect(), next })
    }

    /// The event of a delivery: its source and id.
    pub(super) async fn event_of(&self, id: DeliveryId) -> Result<Option<(String, String)>, DbError> {
        let sql = "SELECT e.source, e.id FROM delivery d JOIN event e ON e.seq = d.event_seq
            WHERE d.event_seq = ? AND d.number = ?";
        Ok(sqlx::query_as(sql).bind(id.event).bind(id.number).fetch_optional(self.pool()).await?)
    }

    pub(super) async fn plugin_of(&self, id: DeliveryId) -> Result<Option<PluginName>, DbError> {
        let sql = "SELECT plugin FROM delivery WHERE event_seq = ? AND number = ?";
        let query = sqlx::query_scalar(sql).bind(id.event).bind(id.number);
        let name: Option<String> = query.fetch_optional(self.pool()).await?;
        name.as_deref().map(name_of).transpose()
    }
}

fn listed_of(row: &SqliteRow, stored: Stored) -> Result<ListedDelivery, DbError> {
    let delivery = stored.summary();
    let open = !matches!(delivery.state, State::Done | State::Dead);
    let revision = optional_digest_of(row, 18)?.map(|revision| revision.to_string());
    Ok(ListedDelivery {
        revision,
        source: row.try_get(13)?,
        event: row.try_get(14)?,
        event_type: row.try_get(15)?,
        received_at: unsigned(row.try_get(16)?),
        reason: row.try_get::<Option<String>, _>(17)?.filter(|_| open || delivery.state == State::Dead),
        delivery,
    })
}
