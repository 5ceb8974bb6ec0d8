//! Rows of the bulk statements: their SQL, and the conversion of values to columns and back.

use std::sync::Arc;

use bytes::Bytes;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, Row as _};

use super::clock::offset_of;
use super::values::{digest_of, integer, metadata_of, name_of, optional_digest_of, trace_of, unsigned};
use crate::clock;
use crate::completion::FinishedAttempt;
use crate::db::types::DbError;
use crate::db::writer::batch::{NewDelivery, NumberedEvent, Placement};
use crate::delivery::{Delivery, DeliveryId, NextStep, OrderingHash, ReadySince};
use crate::event::{Event, Origin};

// The `due_at` of an open delivery that cannot be leased is minus the sum of what it waits for. So unblocking adds 1,
// matching adds 2, and switching on adds 4.

/// It is blocked by an earlier one of its ordering key.
const BLOCKED: i64 = 1;
/// Its plugin's handlers are not known yet.
const UNMATCHED: i64 = 2;
/// Its plugin is switched off for its event's type.
const SWITCHED_OFF: i64 = 4;

pub(super) const EVENTS: &str =
    "INSERT INTO event (seq, source, id, type, created, received_at, ordering_key,
        deliveries, payload_start, payload_end, digest, body, trace, metadata)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
pub(super) const DELIVERIES: &str =
    "INSERT INTO delivery (event_seq, number, plugin, ordering, due_at, state, attempts)
    SELECT *, 'pending', 0 FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
pub(super) const UNBLOCK: &str = "UPDATE delivery SET due_at = due_at + 1 WHERE due_at IN (-1, -3, -5, -7)
    AND (event_seq, number) IN (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)
    RETURNING event_seq, number, due_at";
pub(super) const ATTEMPTS: &str =
    "INSERT OR IGNORE INTO attempt (event_seq, delivery_number, number, outcome,
        cause, reason, revision, started_at, duration_us, peak_memory_bytes, logs)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
pub(super) const STATES: &str =
    "UPDATE delivery SET state = v.column3, attempts = v.column4, due_at = v.column5, failures = v.column6
    FROM (VALUES {rows}) v WHERE event_seq = v.column1 AND number = v.column2";
pub(super) const LEASED: &str = concat!(
    "SELECT d.event_seq, d.number, d.attempts, e.source, e.id, e.type, e.created,
        e.received_at, e.ordering_key, e.payload_start, e.payload_end, e.digest, e.body,
        c.caused_by_event, c.caused_by_number, c.depth, d.plugin, d.ordering, d.failures, r.at, c.root, ",
    offset_of!("e.seq"),
    ", r.revision, e.trace, d.due_at, e.metadata
    FROM (VALUES {rows}) v
    CROSS JOIN delivery d ON d.event_seq = v.column1 AND d.number = v.column2
    CROSS JOIN event e ON e.seq = d.event_seq
    LEFT JOIN cause c ON c.event_seq = e.seq
    LEFT JOIN replayed r ON r.event_seq = d.event_seq AND r.delivery_number = d.number"
);
pub(super) const CAUSES: &str =
    "INSERT INTO cause (event_seq, caused_by_event, caused_by_number, depth, root)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";

pub(super) fn bind_event(row: &mut SqliteArguments, new: &NumberedEvent) -> Result<(), BoxDynError> {
    let event = &*new.event;
    row.add(new.seq)?;
    row.add(text(event.source.as_str()))?;
    row.add(text(&event.id))?;
    row.add(text(&event.event_type))?;
    row.add(text(&event.created))?;
    row.add(integer(event.received_at))?;
    row.add(event.ordering_key.as_deref().map(text))?;
    row.add(integer(new.to.len() as u64))?;
    row.add(integer(event.payload.start as u64))?;
    row.add(integer(event.payload.end as u64))?;
    row.add(&event.digest.0[..])?;
    row.add(&event.body[..])?;
    row.add(event.trace.map(|trace| trace.to_bytes().to_vec()))?;
    row.add(event.metadata.as_deref().map(serde_json::to_string).transpose()?)
}

pub(super) fn bind_cause(
    row: &mut SqliteArguments,
    (seq, origin): &(i64, Origin),
) -> Result<(), BoxDynError> {
    row.add(*seq)?;
    row.add(origin.event)?;
    row.add(origin.delivery)?;
    row.add(i64::from(origin.depth))?;
    row.add(origin.root)
}

pub(super) fn bind_delivery(row: &mut SqliteArguments, new: &NewDelivery<'_>) -> Result<(), BoxDynError> {
    bind_id(row, &new.id)?;
    row.add(text(new.plugin.as_str()))?;
    row.add(new.order.map(|OrderingHash(order)| order))?;
    row.add(due_at_of(new.placement))
}

/// The `due_at` of a new delivery.
pub(super) const fn due_at_of(Placement { matched, switched_on, blocked }: Placement) -> i64 {
    let blocked = if blocked { BLOCKED } else { 0 };
    let unmatched = if matched { 0 } else { UNMATCHED };
    let switched_off = if switched_on { 0 } else { SWITCHED_OFF };
    -(blocked + unmatched + switched_off)
}

/// The placement of an open delivery with this `due_at`.
pub(super) const fn placement_of(due_at: i64) -> Placement {
    let waits_for = if due_at < 0 { -due_at } else { 0 };
    Placement {
        matched: waits_for & UNMATCHED == 0,
        switched_on: waits_for & SWITCHED_OFF == 0,
        blocked: waits_for & BLOCKED != 0,
    }
}

pub(super) fn bind_attempt(row: &mut SqliteArguments, finished: &FinishedAttempt) -> Result<(), BoxDynError> {
    let attempt = &finished.attempt;
    let failure = attempt.failure.as_ref();
    let logs = (!attempt.logs.is_empty()).then(|| serde_json::to_string(&attempt.logs));
    row.add(finished.id.event)?;
    row.add(finished.id.number)?;
    row.add(i64::from(attempt.number))?;
    row.add(text(attempt.outcome().as_str()))?;
    row.add(failure.map(|failure| text(failure.cause.as_str())))?;
    row.add(failure.map(|failure| text(&failure.reason)))?;
    row.add(&attempt.revision.0[..])?;
    row.add(integer(attempt.started_at))?;
    row.add(integer(attempt.duration_us))?;
    row.add(integer(attempt.peak_memory_bytes))?;
    row.add(logs.transpose()?)
}

pub(super) fn bind_state(row: &mut SqliteArguments, finished: &FinishedAttempt) -> Result<(), BoxDynError> {
    let (state, due_at) = match finished.next {
        NextStep::Done => ("done", None),
        NextStep::Dead => ("dead", None),
        // 0 would mean pending.
        NextStep::Wait(time) => ("waiting", Some(integer(time.max(1)))),
    };
    row.add(finished.id.event)?;
    row.add(finished.id.number)?;
    row.add(text(state))?;
    row.add(i64::from(finished.attempt.number))?;
    row.add(due_at)?;
    row.add(i64::from(finished.failures))
}

pub(super) fn bind_id(row: &mut SqliteArguments, id: &DeliveryId) -> Result<(), BoxDynError> {
    row.add(id.event)?;
    row.add(id.number)
}

pub(super) fn id_of(row: &SqliteRow) -> Result<DeliveryId, DbError> {
    Ok(DeliveryId { event: row.try_get(0)?, number: row.try_get(1)? })
}

pub(super) fn delivery_of(row: &SqliteRow) -> Result<Delivery, DbError> {
    let position = |column| row.try_get(column).map(|value: i64| usize::try_from(value).unwrap_or(0));
    let event = Event {
        source: name_of(row.try_get(3)?)?,
        id: row.try_get(4)?,
        event_type: row.try_get(5)?,
        created: row.try_get(6)?,
        received_at: unsigned(row.try_get(7)?),
        ordering_key: row.try_get(8)?,
        payload: position(9)?..position(10)?,
        digest: digest_of(row, 11)?,
        body: Bytes::from(row.try_get::<Vec<u8>, _>(12)?),
        origin: match row.try_get(13)? {
            Some(event) => Some(Origin {
                event,
                delivery: row.try_get(14)?,
                depth: row.try_get(15)?,
                root: row.try_get(20)?,
            }),
            None => None,
        },
        trace: trace_of(row, 23)?,
        metadata: metadata_of(row, 25)?,
    };
    // Both are of the host's time.
    let since = match row.try_get::<Option<i64>, _>(19)? {
        Some(replayed_at) => unsigned(replayed_at),
        None => clock::measured(event.received_at, row.try_get(21)?),
    };
    let due_at = row.try_get::<Option<i64>, _>(24)?.map_or(0, unsigned);
    Ok(Delivery {
        id: id_of(row)?,
        since,
        event: Arc::new(event),
        plugin: name_of(row.try_get(16)?)?,
        attempts: row.try_get(2)?,
        failures: row.try_get(18)?,
        order: row.try_get::<Option<i64>, _>(17)?.map(OrderingHash),
        revision: optional_digest_of(row, 22)?,
        ready: ReadySince::Due(due_at.max(since)),
    })
}

/// One allocation instead of the two that `&str` takes.
pub(super) fn text(text: &str) -> Arc<str> {
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placement_is_minus_the_sum_of_what_a_delivery_waits_for() {
        for due_at in -7..=0 {
            assert_eq!(due_at_of(placement_of(due_at)), due_at);
        }
        assert!((-7..0).all(|due_at| !placement_of(due_at).is_due()));
        assert!([0, 1, i64::MAX].into_iter().all(|due_at| placement_of(due_at).is_due()));
        let all = Placement { matched: false, switched_on: false, blocked: true };
        assert_eq!(placement_of(-7), all);
    }
}
