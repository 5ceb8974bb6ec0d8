//! Replays of dead effects in `SQLite`: candidates, and effects that are made due again or resolved.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::candidates::{CANDIDATE, candidate_of};
use super::dead_effects::select_keys;
use super::deliveries::select_events;
use super::values::{name_of, unsigned};
use crate::db::types::{DbError, ResolvedEffect};
use crate::delivery::State;
use crate::effect::EffectId;
use crate::replay::{Candidate, EventDelivery, ReplayCursor, ReplayPage, Selection};

/// The index has only unresolved dead effects.
const FROM: &str = " FROM effect f INDEXED BY effect_dead CROSS JOIN event e ON e.seq = f.event_seq
    LEFT JOIN effect_try t ON t.event_seq = f.event_seq AND t.delivery_number = f.delivery_number
        AND t.effect_number = f.number AND t.number = f.tries
    WHERE f.state = 'dead' AND f.settled IS NULL";
const AGAIN: &str = "UPDATE effect SET state = 'pending', due_at = 0, tries_before = tries, replay = ?4
    WHERE event_seq = ?1 AND delivery_number = ?2 AND number = ?3 AND state = 'dead' AND settled IS NULL
    RETURNING plugin, size";
const DISCARD: &str = "UPDATE effect SET settled = 'discarded'
    WHERE event_seq = ?1 AND delivery_number = ?2 AND number = ?3 AND state = 'dead' AND settled IS NULL";

/// What a step of a replay did with effects.
#[derive(Debug, Default)]
pub(super) struct AdvancedEffects {
    /// Effects that are due again.
    pub(super) again: Vec<ResolvedEffect>,
    /// The number of effects that were resolved.
    pub(super) discarded: u64,
    /// The number of those that somebody else resolved meanwhile.
    pub(super) skipped: u64,
}

/// Makes the effects of a step due again, or resolves them.
pub(super) async fn advance(
    conn: &mut SqliteConnection,
    step: &ReplayPage,
) -> Result<AdvancedEffects, DbError> {
    let mut done = AdvancedEffects::default();
    for id in &step.effects_again {
        let query = bind(sqlx::query(AGAIN), *id).bind(step.replay);
        let Some(row) = query.fetch_optional(&mut *conn).await? else {
            done.skipped += 1;
            continue;
        };
        let plugin = name_of(row.try_get(0)?)?;
        done.again.push(ResolvedEffect { id: *id, plugin, size: unsigned(row.try_get(1)?) });
    }
    for id in &step.effects_discard {
        let changed = bind(sqlx::query(DISCARD), *id).execute(&mut *conn).await?.rows_affected();
        done.discarded += changed;
        done.skipped += 1 - changed;
    }
    Ok(done)
}

type Statement<'a> = sqlx::query::Query<'a, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind(query: Statement<'_>, id: EffectId) -> Statement<'_> {
    query.bind(id.delivery.event).bind(id.delivery.number).bind(id.number)
}

/// Appends ` FROM … WHERE …` for the effects of a selection.
pub(super) fn push_from(query: &mut QueryBuilder<Sqlite>, selection: &Selection) {
    select_effects(query.push(FROM), selection);
}

/// Appends ` AND …` for each condition of a selection on an effect, its event, and its last attempt.
pub(super) fn select_effects(query: &mut QueryBuilder<Sqlite>, selection: &Selection) {
    select_events(query, selection);
    let Selection { deliveries, plugin, reason, whole_reason, replay, keys, .. } = selection;
    if let Some(ids) = deliveries {
        query.push(" AND (f.event_seq, f.delivery_number) IN (VALUES ");
        let mut list = query.separated(", ");
        // VALUES needs one at least; no event has the number 0.
        list.push("(0, 0)");
        for id in ids {
            list.push("(").push_bind_unseparated(id.event);
            list.push_unseparated(", ").push_bind_unseparated(id.number).push_unseparated(")");
        }
        query.push(")");
    }
    if let Some(keys) = keys {
        select_keys(query.push(" AND f.key"), keys);
    }
    if let Some(plugin) = plugin {
        query.push(" AND f.plugin = ").push_bind(plugin.clone());
    }
    match reason {
        Some(reason) if *whole_reason => {
            query.push(" AND coalesce(t.detail, '') = ").push_bind(reason.clone());
        }
        Some(reason) => {
            query.push(" AND instr(t.detail, ").push_bind(reason.clone()).push(") > 0");
        }
        None => {}
    }
    if let Some(replay) = replay {
        query.push(" AND f.replay = ").push_bind(*replay);
    }
}

/// The next up to `limit` effects after `after`, of events up to `last_event`.
pub(super) async fn candidates(
    moment: &mut SqliteConnection,
    selection: &Selection,
    (after, last_event): (ReplayCursor, i64),
    limit: u32,
) -> Result<Vec<Candidate>, DbError> {
    let mut query = QueryBuilder::new(CANDIDATE);
    query.push(", f.delivery_number, f.number, f.plugin, t.detail");
    push_from(&mut query, selection);
    query.push(" AND e.seq <= ").push_bind(last_event);
    query.push(" AND (f.event_seq, f.delivery_number, f.number) > (").push_bind(after.event);
    query.push(", ").push_bind(after.delivery).push(", ").push_bind(after.effect);
    query.push(") ORDER BY f.event_seq, f.delivery_number, f.number LIMIT ").push_bind(limit);
    let rows = query.build().fetch_all(moment).await?;
    rows.iter().map(effect_of).collect()
}

fn effect_of(row: &SqliteRow) -> Result<Candidate, DbError> {
    // A handler's effects are stored when its delivery is done.
    let requested_by = EventDelivery {
        number: row.try_get(7)?,
        plugin: name_of(row.try_get(9)?)?,
        state: State::Done,
        is_resolved: false,
    };
    Ok(Candidate {
        deliveries: vec![requested_by],
        effect: Some(row.try_get(8)?),
        reason: row.try_get(10)?,
        ..candidate_of(row)?
    })
}
