//! Replays in `SQLite`: requests, candidates, new deliveries and progress.

use std::collections::HashMap;

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::candidates::{CANDIDATE, candidate_of};
use super::deliveries::{DeliveryScope, WITH_EVENT, deliveries_of, select_deliveries, select_events};
use super::event_changes;
use super::orders::Orders;
use super::reader::Reader;
use super::replayed_effects;
use super::rows::{due_at_of, placement_of};
use super::values::{digest_of, integer, name_of, parse, unsigned};
use crate::clock;
use crate::db::types::{DbError, InMemoryState, ResolvedEffect};
use crate::db::writer::batch::Placement;
use crate::delivery::{DeliveryId, OrderingHash};
use crate::erasure::ERASED;
use crate::event::{Digest, PluginName, now_ms};
use crate::replay::{
    Candidate, EXAMPLES, EventDelivery, Example, Progress, ReplayCursor, ReplayInProgress, ReplayPage,
    ReplayTarget, ReplayedDelivery, Request,
};
use crate::switch::Switches;

const PROGRESS: &str = "SELECT id, asked_at, request, state, found, made, skipped, first FROM replay ";

/// The result of one step of a replay.
#[derive(Debug, Default)]
pub(super) struct Advanced {
    /// Deliveries or effects made or resolved; in a dry run, their expected number.
    pub(super) made: u64,
    /// Deliveries made.
    pub(super) opened: u64,
    /// These, with their plugins.
    pub(super) deliveries: Vec<(PluginName, DeliveryId)>,
    /// Of these, the ones blocked by an earlier delivery of their ordering key.
    pub(super) blocked: u64,
    /// Effects that are due again.
    pub(super) effects: Vec<ResolvedEffect>,
    /// The counts of the whole replay, if this was its last step.
    pub(super) ended: Option<FinalCounts>,
}

/// The final counts of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FinalCounts {
    pub(super) made: u64,
    pub(super) skipped: u64,
}

/// The result for a delivery that is not to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discarded {
    /// It was open.
    Skipped {
        /// It was blocked by an earlier one of its ordering key.
        blocked: bool,
        order: Option<OrderingHash>,
    },
    /// It was a dead letter.
    Resolved,
    /// It is done, or was resolved.
    Closed,
    /// There is no such delivery.
    Unknown,
}

/// Stores a request, and returns its number.
pub(super) async fn begin(
    conn: &mut SqliteConnection,
    request: &Request,
    found: u64,
    last_event: i64,
) -> Result<i64, DbError> {
    let sql = "INSERT INTO replay
            (asked_at, request, state, found, last_seq, after_seq, after_number, made, skipped, first)
        VALUES (?, ?, 'running', ?, ?, 0, 0, 0, 0, '[]')";
    let text = serde_json::to_string(request).map_err(damaged)?;
    let query = sqlx::query(sql).bind(integer(now_ms())).bind(text).bind(integer(found)).bind(last_event);
    Ok(query.execute(conn).await?.last_insert_rowid())
}

/// Makes the deliveries of a step and stores the replay's progress. A stopped replay is left as it
/// is.
pub(super) async fn advance(
    conn: &mut SqliteConnection,
    orders: &mut Orders,
    step: &ReplayPage,
    switches: &Switches,
) -> Result<Advanced, DbError> {
    let mut done = Advanced::default();
    let mut skipped = step.skipped;
    if !is_running(conn, step.replay).await? {
        return Ok(done);
    }
    if step.dry_run {
        let effects = step.effects_again.len() + step.effects_discard.len();
        done.made = (step.again.len() + step.discard.len() + effects) as u64;
    } else {
        for again in &step.again {
            match make(conn, (orders, switches), step, again).await? {
                Some((id, blocked)) => {
                    done.deliveries.push((again.plugin.clone(), id));
                    done.made += 1;
                    done.opened += 1;
                    done.blocked += u64::from(blocked);
                }
                None => skipped += 1,
            }
        }
        for id in &step.discard {
            let resolved = resolve(conn, *id, "discarded").await?;
            done.made += u64::from(resolved);
            skipped += u64::from(!resolved);
        }
        let effects = replayed_effects::advance(conn, step).await?;
        done.made += effects.discarded + effects.again.len() as u64;
        skipped += effects.skipped;
        done.effects = effects.again;
        let again: Vec<_> = step.again.iter().map(|again| again.event).collect();
        event_changes::note(conn, &again).await?;
    }
    let ended = note_progress(conn, step, done.made, skipped).await?;
    done.ended = step.after.is_none().then_some(ended);
    Ok(done)
}

async fn is_running(conn: &mut SqliteConnection, replay: i64) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM replay WHERE id = ? AND state = 'running')";
    Ok(sqlx::query_scalar(sql).bind(replay).fetch_one(conn).await?)
}

/// One delivery, unless one to this plugin is open or the dead letter was resolved meanwhile. Its id, and whether it is
/// blocked by another of its ordering key.
async fn make(
    conn: &mut SqliteConnection,
    (orders, switches): (&mut Orders, &Switches),
    step: &ReplayPage,
    again: &ReplayedDelivery,
) -> Result<Option<(DeliveryId, bool)>, DbError> {
    // An erased event is skipped too, if it was not yet when the page was computed.
    let sql = "SELECT EXISTS (SELECT 1 FROM delivery
            WHERE event_seq = ?1 AND plugin = ?2 AND due_at IS NOT NULL)
        OR EXISTS (SELECT 1 FROM erased_event WHERE event_seq = ?1)";
    let plugin = again.plugin.as_str();
    let is_skipped = sqlx::query_scalar(sql).bind(again.event).bind(plugin).fetch_one(&mut *conn).await?;
    if is_skipped {
        return Ok(None);
    }
    if let Some(number) = again.of {
        let id = DeliveryId { event: again.event, number };
        if !resolve(conn, id, "replayed").await? && again.dead {
            return Ok(None);
        }
    }
    let blocked = match again.order {
        Some(order) => !orders.open(conn, &[order]).await?.is_empty(),
        None => false,
    };
    let switched_on = is_switched_on(conn, switches, again).await?;
    let placement = Placement { matched: again.matched, switched_on, blocked };
    let id = insert(conn, step, again, placement).await?;
    orders.opened(conn, again.order.map(|order| (order, id)).into_iter()).await?;
    Ok(Some((id, blocked)))
}

/// Whether the plugin is switched on for the event's type.
async fn is_switched_on(
    conn: &mut SqliteConnection,
    switches: &Switches,
    again: &ReplayedDelivery,
) -> Result<bool, DbError> {
    if !switches.has(&again.plugin) {
        return Ok(true);
    }
    let query = sqlx::query_scalar("SELECT type FROM event WHERE seq = ?").bind(again.event);
    let event_type: String = query.fetch_one(conn).await?;
    Ok(switches.is_on(&again.plugin, &event_type))
}

async fn insert(
    conn: &mut SqliteConnection,
    step: &ReplayPage,
    again: &ReplayedDelivery,
    placement: Placement,
) -> Result<DeliveryId, DbError> {
    let sql = "INSERT INTO delivery (event_seq, number, plugin, ordering, due_at, state, attempts)
        SELECT ?1, ifnull(max(number), 0) + 1, ?2, ?3, ?4, 'pending', 0 FROM delivery WHERE event_seq = ?1
        RETURNING number";
    let number: i64 = sqlx::query_scalar(sql)
        .bind(again.event)
        .bind(again.plugin.as_str())
        .bind(again.order.map(|OrderingHash(order)| order))
        .bind(due_at_of(placement))
        .fetch_one(&mut *conn)
        .await?;
    let sql = "INSERT INTO replayed (event_seq, delivery_number, replay, of_number, at, revision)
        VALUES (?, ?, ?, ?, ?, ?)";
    let query = sqlx::query(sql).bind(again.event).bind(number).bind(step.replay).bind(again.of);
    let query = query.bind(integer(clock::now_ms())).bind(step.revision.as_ref().map(|of| &of.0[..]));
    query.execute(&mut *conn).await?;
    let sql = "UPDATE event SET deliveries = deliveries + 1 WHERE seq = ?";
    sqlx::query(sql).bind(again.event).execute(conn).await?;
    Ok(DeliveryId { event: again.event, number })
}

/// Resolves a dead letter. False when it is none, or was resolved.
pub(super) async fn resolve(conn: &mut SqliteConnection, id: DeliveryId, how: &str) -> Result<bool, DbError> {
    let sql = "UPDATE delivery SET settled = ?
        WHERE event_seq = ? AND number = ? AND state = 'dead' AND settled IS NULL";
    let resolved = sqlx::query(sql).bind(how).bind(id.event).bind(id.number).execute(conn).await?;
    Ok(resolved.rows_affected() > 0)
}

async fn note_progress(
    conn: &mut SqliteConnection,
    step: &ReplayPage,
    made: u64,
    skipped: u64,
) -> Result<FinalCounts, DbError> {
    let sql = "UPDATE replay SET made = made + ?2, skipped = skipped + ?3, state = ?4,
            after_seq = ifnull(?5, after_seq), after_number = ifnull(?6, after_number),
            after_effect = ifnull(?8, after_effect),
            first = (SELECT json_group_array(json(value)) FROM (
                SELECT value FROM json_each(first) UNION ALL SELECT value FROM json_each(?7)))
        WHERE id = ?1 RETURNING made, skipped";
    let first = serde_json::to_string(&without_erased(conn, &step.first).await?).map_err(damaged)?;
    let row = sqlx::query(sql)
        .bind(step.replay)
        .bind(integer(made))
        .bind(integer(skipped))
        .bind(if step.after.is_some() { "running" } else { "done" })
        .bind(step.after.map(|at| at.event))
        .bind(step.after.map(|at| at.delivery))
        .bind(first)
        .bind(step.after.map(|at| at.effect))
        .fetch_one(conn)
        .await?;
    ended_of(&row)
}

/// The examples of a page, without the reasons of events that were erased since the page was computed.
async fn without_erased(conn: &mut SqliteConnection, first: &[Example]) -> Result<Vec<Example>, DbError> {
    let mut first = first.to_vec();
    for example in first.iter_mut().filter(|example| example.reason.is_some()) {
        let Some(of) = example.of else { continue };
        let sql = "SELECT EXISTS (SELECT 1 FROM erased_event WHERE event_seq = ?)";
        if sqlx::query_scalar(sql).bind(of.event).fetch_one(&mut *conn).await? {
            example.reason = Some(ERASED.into());
        }
    }
    Ok(first)
}

fn ended_of(row: &SqliteRow) -> Result<FinalCounts, DbError> {
    Ok(FinalCounts { made: unsigned(row.try_get(0)?), skipped: unsigned(row.try_get(1)?) })
}

/// Closes an open delivery as a resolved dead letter, or resolves one that is dead. Returns its plugin too.
pub(super) async fn discard(
    conn: &mut SqliteConnection,
    orders: &mut Orders,
    id: DeliveryId,
) -> Result<(Discarded, Option<String>), DbError> {
    let sql = "SELECT due_at, ordering, plugin FROM delivery WHERE event_seq = ? AND number = ?";
    let row = sqlx::query(sql).bind(id.event).bind(id.number).fetch_optional(&mut *conn).await?;
    let Some(row) = row else { return Ok((Discarded::Unknown, None)) };
    let (due_at, order): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let plugin = row.try_get(2)?;
    let Some(due_at) = due_at else {
        let resolved = resolve(conn, id, "discarded").await?;
        return Ok((if resolved { Discarded::Resolved } else { Discarded::Closed }, plugin));
    };
    let sql = "UPDATE delivery SET state = 'dead', settled = 'discarded', due_at = NULL
        WHERE event_seq = ? AND number = ?";
    sqlx::query(sql).bind(id.event).bind(id.number).execute(&mut *conn).await?;
    let order = order.map(OrderingHash);
    orders.closed(conn, order.map(|order| (order, id)).into_iter()).await?;
    Ok((Discarded::Skipped { blocked: placement_of(due_at).blocked, order }, plugin))
}

/// Stops a replay, and returns its final counts. `None` when it does not run.
pub(super) async fn stop(conn: &mut SqliteConnection, replay: i64) -> Result<Option<FinalCounts>, DbError> {
    let sql =
        "UPDATE replay SET state = 'stopped' WHERE id = ? AND state = 'running' RETURNING made, skipped";
    sqlx::query(sql).bind(replay).fetch_optional(conn).await?.as_ref().map(ended_of).transpose()
}

fn damaged(error: serde_json::Error) -> DbError {
    DbError::Unavailable(format!("a replay is damaged: {error}"))
}

impl Reader {
    /// Counts the matches of a request, and returns the newest event.
    pub(super) async fn count(&self, request: &Request) -> Result<(u64, i64), DbError> {
        let mut moment = self.pool().begin().await?;
        let mut query = QueryBuilder::new("SELECT count(*)");
        push_from(&mut query, request);
        let found: i64 = query.build_query_scalar().fetch_one(&mut *moment).await?;
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(seq) FROM event").fetch_one(&mut *moment).await?;
        Ok((unsigned(found), last.unwrap_or(0)))
    }

    /// The next up to `limit` that a replay finds.
    pub(super) async fn candidates(
        &self,
        running: &ReplayInProgress,
        limit: u32,
    ) -> Result<Vec<Candidate>, DbError> {
        let (after, last) = (running.after, running.last_event);
        if running.request.of == ReplayTarget::Effects {
            let (mut moment, selection) = (self.pool().acquire().await?, &running.request.selection);
            return replayed_effects::candidates(&mut moment, selection, (after, last), limit).await;
        }
        let mut query = QueryBuilder::new(CANDIDATE);
        if running.request.of == ReplayTarget::Deliveries {
            query.push(", d.number, a.reason");
        }
        push_from(&mut query, &running.request);
        query.push(" AND e.seq <= ").push_bind(last);
        match running.request.of {
            ReplayTarget::Events => {
                query.push(" AND e.seq > ").push_bind(after.event).push(" ORDER BY e.seq LIMIT ");
            }
            ReplayTarget::Deliveries | ReplayTarget::Effects => {
                query.push(" AND (d.event_seq, d.number) > (").push_bind(after.event).push(", ");
                query.push_bind(after.delivery).push(") ORDER BY d.event_seq, d.number LIMIT ");
            }
        }
        query.push_bind(limit);
        let mut moment = self.pool().begin().await?;
        let rows = query.build().fetch_all(&mut *moment).await?;
        let mut found = rows.iter().map(candidate_of).collect::<Result<Vec<_>, _>>()?;
        match running.request.of {
            ReplayTarget::Events => all_deliveries(&mut moment, &mut found).await?,
            ReplayTarget::Deliveries | ReplayTarget::Effects => {
                found_deliveries(&mut moment, &mut found, &rows).await?;
            }
        }
        Ok(found)
    }

    /// Replays in progress, the oldest first.
    pub(super) async fn running_replays(&self) -> Result<Vec<ReplayInProgress>, DbError> {
        let sql =
            "SELECT id, request, after_seq, after_number, last_seq, json_array_length(first), after_effect
            FROM replay WHERE state = 'running' ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(self.pool()).await?;
        let running = |row: &SqliteRow| {
            let shown: i64 = row.try_get(5)?;
            Ok(ReplayInProgress {
                id: row.try_get(0)?,
                request: serde_json::from_str(row.try_get(1)?).map_err(damaged)?,
                after: ReplayCursor {
                    event: row.try_get(2)?,
                    delivery: row.try_get(3)?,
                    effect: row.try_get(6)?,
                },
                last_event: row.try_get(4)?,
                examples: EXAMPLES.saturating_sub(usize::try_from(shown).unwrap_or(EXAMPLES)),
            })
        };
        rows.iter().map(running).collect()
    }

    /// The revisions that open deliveries of replays run on.
    pub(super) async fn replayed_revisions(&self) -> Result<Vec<Digest>, DbError> {
        // The index has no closed deliveries.
        let sql = "SELECT DISTINCT r.revision FROM delivery d INDEXED BY delivery_open
            CROSS JOIN replayed r ON r.event_seq = d.event_seq AND r.delivery_number = d.number
            WHERE d.due_at IS NOT NULL AND r.revision IS NOT NULL";
        let rows = sqlx::query(sql).fetch_all(self.pool()).await?;
        rows.iter().map(|row| digest_of(row, 0)).collect()
    }

    /// A replay.
    pub(super) async fn replay(&self, id: i64) -> Result<Option<Progress>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(PROGRESS);
        query.push("WHERE id = ").push_bind(id);
        let row = query.build().fetch_optional(self.pool()).await?;
        row.as_ref().map(progress_of).transpose()
    }

    /// Replays, the newest first, before the one with this number.
    pub(super) async fn replays(&self, before: i64, limit: u32) -> Result<Vec<Progress>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(PROGRESS);
        query.push("WHERE id < ").push_bind(before).push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        query.build().fetch_all(self.pool()).await?.iter().map(progress_of).collect()
    }
}

/// Appends ` FROM … WHERE …` for the deliveries of a request.
fn push_from(query: &mut QueryBuilder<Sqlite>, request: &Request) {
    match request.of {
        ReplayTarget::Events => {
            query.push(" FROM event e WHERE true");
            select_events(query, &request.selection);
        }
        ReplayTarget::Deliveries => {
            query.push(WITH_EVENT);
            // A delivery that is named by id may be done.
            let all = request.selection.deliveries.is_some();
            query.push(if all {
                " WHERE d.due_at IS NULL"
            } else {
                " WHERE d.state = 'dead' AND d.settled IS NULL"
            });
            select_deliveries(query, &request.selection);
        }
        ReplayTarget::Effects => replayed_effects::push_from(query, &request.selection),
    }
}

async fn all_deliveries(moment: &mut SqliteConnection, found: &mut [Candidate]) -> Result<(), DbError> {
    let events: Vec<_> = found.iter().map(|candidate| candidate.event).collect();
    let mut made = made(moment, DeliveryScope::Events(&events)).await?;
    for candidate in found {
        candidate.deliveries = made.remove(&candidate.event).unwrap_or_default();
    }
    Ok(())
}

async fn found_deliveries(
    moment: &mut SqliteConnection,
    found: &mut [Candidate],
    rows: &[SqliteRow],
) -> Result<(), DbError> {
    let number = |row: &SqliteRow| row.try_get(7);
    let numbers = rows.iter().map(number).collect::<Result<Vec<i64>, _>>()?;
    let ids = found.iter().zip(&numbers).map(|(at, number)| DeliveryId { event: at.event, number: *number });
    let ids: Vec<_> = ids.collect();
    let made = made(moment, DeliveryScope::These(&ids)).await?;
    for ((candidate, id), row) in found.iter_mut().zip(ids).zip(rows) {
        let of_event = made.get(&candidate.event).into_iter().flatten();
        candidate.deliveries = of_event.filter(|made| made.number == id.number).cloned().collect();
        candidate.reason = row.try_get(8)?;
    }
    Ok(())
}

async fn made(
    moment: &mut SqliteConnection,
    whose: DeliveryScope<'_>,
) -> Result<HashMap<i64, Vec<EventDelivery>>, DbError> {
    let mut made: HashMap<i64, Vec<EventDelivery>> = HashMap::new();
    for stored in deliveries_of(moment, whose, &InMemoryState::default()).await? {
        made.entry(stored.id.event).or_default().push(EventDelivery {
            number: stored.id.number,
            plugin: name_of(&stored.plugin)?,
            state: stored.state,
            is_resolved: stored.resolution.is_some(),
        });
    }
    Ok(made)
}

fn progress_of(row: &SqliteRow) -> Result<Progress, DbError> {
    Ok(Progress {
        id: row.try_get(0)?,
        asked_at: unsigned(row.try_get(1)?),
        request: serde_json::from_str(row.try_get(2)?).map_err(damaged)?,
        state: parse(row.try_get(3)?)?,
        found: unsigned(row.try_get(4)?),
        made: unsigned(row.try_get(5)?),
        skipped: unsigned(row.try_get(6)?),
        first: serde_json::from_str(row.try_get(7)?).map_err(damaged)?,
    })
}
