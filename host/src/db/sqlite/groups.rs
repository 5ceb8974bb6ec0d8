//! Groups of dead letters and dead effects in `SQLite`.
//!
//! A query reads a range of the index of unresolved ones, then the last attempt of each, and counts. Events are read only
//! where the filter asks for something of them, and for the newest of each group: their rows are large.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::deliveries::{SHOWN_REASON, of_plugins, select_deliveries};
use super::effects::effect_of;
use super::reader::Reader;
use super::replayed_effects::select_effects;
use super::values::{optional_digest_of, unsigned};
use crate::db::group_types::{DeadFilter, DeadGroup, DeadGroups, GroupLimits, GroupReads, NewestDead};
use crate::db::types::{Answer, DbError};
use crate::delivery::{DeliveryId, reason_without_names};
use crate::effect::EffectId;
use crate::replay::{ReplayCursor, Selection};

/// Before any.
const NEWEST: ReplayCursor = ReplayCursor { event: i64::MAX, delivery: 0, effect: 0 };

/// The range of the index, of deliveries and of effects.
const LETTERS: &str = "SELECT event_seq, number, 0 AS effect FROM delivery INDEXED BY delivery_dead
    WHERE state = 'dead' AND settled IS NULL AND (event_seq, number) < (";
const LETTERS_ORDER: &str = ") ORDER BY event_seq DESC, number DESC LIMIT ";
const EFFECTS: &str = "SELECT event_seq, delivery_number, number FROM effect INDEXED BY effect_dead
    WHERE state = 'dead' AND settled IS NULL AND (event_seq, delivery_number, number) < (";
const EFFECTS_ORDER: &str = ") ORDER BY event_seq DESC, delivery_number DESC, number DESC LIMIT ";

/// Beside `max`, `SQLite` takes the other columns of a group from the row that has the greatest value.
const GROUPED_LETTERS: &str =
    "), grouped AS (SELECT d.plugin AS plugin, a.reason AS reason, a.revision AS revision,
        count(*) AS size, max(s.event_seq) AS seq, d.number AS number, 0 AS effect
    FROM scanned s CROSS JOIN delivery d ON d.event_seq = s.event_seq AND d.number = s.number";
const LAST_ATTEMPT: &str =
    " LEFT JOIN attempt a ON a.event_seq = d.event_seq AND a.delivery_number = d.number
        AND a.number = d.attempts WHERE true";
const GROUPED_EFFECTS: &str =
    "), grouped AS (SELECT f.plugin AS plugin, t.detail AS reason, NULL AS revision,
        count(*) AS size, max(s.event_seq) AS seq, f.delivery_number AS number, f.number AS effect
    FROM scanned s CROSS JOIN effect f
        ON f.event_seq = s.event_seq AND f.delivery_number = s.delivery_number AND f.number = s.number";
const LAST_ANSWER: &str =
    " LEFT JOIN effect_try t ON t.event_seq = f.event_seq AND t.delivery_number = f.delivery_number
        AND t.effect_number = f.number AND t.number = f.tries WHERE true";
const LARGEST: &str = ") SELECT g.plugin, g.reason, g.revision, g.size, g.seq, g.number, g.effect,
        e.source, e.id, e.type, e.received_at, count(*) OVER (), sum(g.size) OVER (), x.request
    FROM grouped g CROSS JOIN event e ON e.seq = g.seq
    LEFT JOIN effect x ON x.event_seq = g.seq AND x.delivery_number = g.number AND x.number = g.effect ORDER BY g.size DESC, g.seq DESC LIMIT ";

impl GroupReads for Reader {
    fn dead_letter_groups<'a>(
        &'a self,
        filter: &'a DeadFilter,
        before: Option<ReplayCursor>,
        limits: GroupLimits,
    ) -> Answer<'a, DeadGroups> {
        Box::pin(self.groups(Kind::Letters, filter, before.unwrap_or(NEWEST), limits))
    }

    fn dead_effect_groups<'a>(
        &'a self,
        filter: &'a DeadFilter,
        before: Option<ReplayCursor>,
        limits: GroupLimits,
    ) -> Answer<'a, DeadGroups> {
        Box::pin(self.groups(Kind::Effects, filter, before.unwrap_or(NEWEST), limits))
    }
}

/// What is grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letters,
    Effects,
}

impl Kind {
    /// Appends the range of the index before a place.
    fn push_range(self, query: &mut QueryBuilder<Sqlite>, before: ReplayCursor, limit: u32) {
        query.push(if self == Self::Letters { LETTERS } else { EFFECTS }).push_bind(before.event);
        query.push(", ").push_bind(before.delivery);
        if self == Self::Effects {
            query.push(", ").push_bind(before.effect);
        }
        query.push(if self == Self::Letters { LETTERS_ORDER } else { EFFECTS_ORDER }).push_bind(limit);
    }

    /// Appends the groups of the range, with the conditions of a filter.
    fn push_groups(self, query: &mut QueryBuilder<Sqlite>, filter: &DeadFilter) {
        query.push(if self == Self::Letters { GROUPED_LETTERS } else { GROUPED_EFFECTS });
        if is_about_events(&filter.selection) {
            query.push(" CROSS JOIN event e ON e.seq = s.event_seq");
        }
        match self {
            Self::Letters => {
                query.push(LAST_ATTEMPT);
                select_deliveries(query, &filter.selection);
                of_plugins(query, "d.plugin", &filter.plugins);
                query.push(" GROUP BY d.plugin, a.revision, ").push(&*SHOWN_REASON);
            }
            Self::Effects => {
                query.push(LAST_ANSWER);
                select_effects(query, &filter.selection);
                of_plugins(query, "f.plugin", &filter.plugins);
                query.push(" GROUP BY f.plugin, t.detail");
            }
        }
    }
}

/// Whether a selection has a condition on events.
fn is_about_events(selection: &Selection) -> bool {
    let Selection { events, event_type, source, since, until, unhandled, .. } = selection;
    let is_some =
        [events.is_some(), event_type.is_some(), source.is_some(), since.is_some(), until.is_some()];
    *unhandled || is_some.contains(&true)
}

impl Reader {
    async fn groups(
        &self,
        kind: Kind,
        filter: &DeadFilter,
        before: ReplayCursor,
        limits: GroupLimits,
    ) -> Result<DeadGroups, DbError> {
        let mut moment = self.pool().begin().await?;
        let next = last_of(&mut moment, kind, before, limits.scanned).await?;
        let mut query = QueryBuilder::<Sqlite>::new("WITH scanned AS MATERIALIZED (");
        kind.push_range(&mut query, before, limits.scanned);
        kind.push_groups(&mut query, filter);
        query.push(LARGEST).push_bind(limits.groups);
        let rows = query.build().fetch_all(&mut *moment).await?;
        let total = |column: usize| rows.first().map_or(Ok(0), |row| row.try_get(column).map(unsigned));
        let (groups_count, counted) = (total(11)?, total(12)?);
        let groups = rows.iter().map(group_of).collect::<Result<_, _>>()?;
        Ok(DeadGroups { groups, groups_count, counted, next })
    }
}

/// The last of a full range; `None` if there are fewer.
async fn last_of(
    moment: &mut SqliteConnection,
    kind: Kind,
    before: ReplayCursor,
    limit: u32,
) -> Result<Option<ReplayCursor>, DbError> {
    let mut query = QueryBuilder::<Sqlite>::new("");
    kind.push_range(&mut query, before, 1);
    query.push(" OFFSET ").push_bind(limit.saturating_sub(1));
    let row = query.build().fetch_optional(moment).await?;
    let place = |row: &SqliteRow| {
        let (event, delivery, effect) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(ReplayCursor { event, delivery, effect })
    };
    row.as_ref().map(place).transpose()
}

fn group_of(row: &SqliteRow) -> Result<DeadGroup, DbError> {
    let delivery = DeliveryId { event: row.try_get(4)?, number: row.try_get(5)? };
    let number: i64 = row.try_get(6)?;
    let request: Option<&str> = row.try_get(13)?;
    let (plugin, event): (String, String) = (row.try_get(0)?, row.try_get(8)?);
    let reason: Option<&str> = row.try_get(1)?;
    Ok(DeadGroup {
        reason: reason.map(|reason| reason_without_names(reason, &plugin, &event).to_owned()),
        plugin,
        revision: optional_digest_of(row, 2)?.map(|revision| revision.to_string()),
        count: unsigned(row.try_get(3)?),
        newest: NewestDead {
            delivery,
            effect: (number > 0).then_some(EffectId { delivery, number }),
            source: row.try_get(7)?,
            event,
            event_type: row.try_get(9)?,
            received_at: unsigned(row.try_get(10)?),
            request: request.map(effect_of).transpose()?,
        },
    })
}
