//! Effects over all events: listed, and dead ones made due again or resolved.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::clock::shown;
use super::deliveries::of_plugins;
use super::effects::{effect_of, id_of};
use super::reader::Reader;
use super::values::{name_of, parse, unsigned};
use crate::db::types::{DbError, EffectResolution, ResolvedEffect};
use crate::db::view::{EffectFilter, EffectPage, EffectView, ListedEffect};
use crate::delivery::{DeliveryId, State};
use crate::effect::{EffectId, Selection};
use crate::replay::Action;

/// Makes up to `limit` dead effects after `after` due again, or resolves them. Returns their ids.
pub(super) async fn resolve(
    conn: &mut SqliteConnection,
    resolution: &EffectResolution,
) -> Result<Vec<ResolvedEffect>, DbError> {
    let EffectResolution { selection, action, after, limit, by: _ } = resolution;
    let mut query = QueryBuilder::<Sqlite>::new(match action {
        Action::Replay => "UPDATE effect SET state = 'pending', due_at = 0, tries_before = tries",
        Action::Discard => "UPDATE effect SET settled = 'discarded'",
    });
    query.push(" WHERE (event_seq, delivery_number, number) IN (SELECT event_seq, delivery_number, number");
    query.push(" FROM effect WHERE state = 'dead' AND settled IS NULL");
    query.push(" AND (event_seq, delivery_number, number) > (").push_bind(after.delivery.event);
    query.push(", ").push_bind(after.delivery.number).push(", ").push_bind(after.number).push(")");
    select(&mut query, selection);
    query.push(" ORDER BY event_seq, delivery_number, number LIMIT ").push_bind(*limit);
    query.push(") RETURNING event_seq, delivery_number, number, plugin, size");
    let rows = query.build().fetch_all(conn).await?;
    let resolved = |row: &SqliteRow| {
        let plugin = name_of(row.try_get(3)?)?;
        Ok(ResolvedEffect { id: id_of(row)?, plugin, size: unsigned(row.try_get(4)?) })
    };
    let mut resolved = rows.iter().map(resolved).collect::<Result<Vec<_>, DbError>>()?;
    resolved.sort_unstable_by_key(|resolved| resolved.id);
    Ok(resolved)
}

fn select(query: &mut QueryBuilder<Sqlite>, selection: &Selection) {
    if let Some(keys) = &selection.keys {
        select_keys(query.push(" AND key"), keys);
    }
    if let Some(plugin) = &selection.plugin {
        query.push(" AND plugin = ").push_bind(plugin.clone());
    }
}

/// Appends ` IN (…)` of keys.
pub(super) fn select_keys(query: &mut QueryBuilder<Sqlite>, keys: &[String]) {
    query.push(" IN (");
    let mut list = query.separated(", ");
    // SQLite finds no plan with a named index for an empty list.
    list.push("NULL");
    for key in keys {
        list.push_bind(key.clone());
    }
    query.push(")");
}

impl Reader {
    /// Finds an effect among the newest ones: there is no index of keys.
    pub(super) async fn effect_id(&self, key: &str, newest: u32) -> Result<Option<EffectId>, DbError> {
        let sql = "SELECT event_seq, delivery_number, number FROM (
                SELECT event_seq, delivery_number, number, key FROM effect
                ORDER BY event_seq DESC, delivery_number DESC, number DESC LIMIT ?)
            WHERE key = ? LIMIT 1";
        let row = sqlx::query(sql).bind(newest).bind(key).fetch_optional(self.pool()).await?;
        row.as_ref().map(id_of).transpose()
    }

    pub(super) async fn effects(
        &self,
        filter: &EffectFilter,
        before: Option<EffectId>,
        limit: u32,
    ) -> Result<EffectPage, DbError> {
        let first = DeliveryId { event: i64::MAX, number: 0 };
        let before = before.unwrap_or(EffectId { delivery: first, number: 0 });
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT f.event_seq, f.delivery_number, f.number, f.plugin, f.state, f.due_at, f.key, f.request,
                e.source, e.id, t.detail
            FROM effect f CROSS JOIN event e ON e.seq = f.event_seq
            LEFT JOIN effect_try t ON t.event_seq = f.event_seq AND t.delivery_number = f.delivery_number
                AND t.effect_number = f.number AND t.number = f.tries
            WHERE (f.event_seq, f.delivery_number, f.number) < (",
        );
        query.push_bind(before.delivery.event).push(", ").push_bind(before.delivery.number);
        query.push(", ").push_bind(before.number).push(")");
        match filter.state {
            Some(State::Dead) => _ = query.push(" AND f.state = 'dead' AND f.settled IS NULL"),
            Some(State::Done) => _ = query.push(" AND f.state = 'done'"),
            Some(State::Waiting) => _ = query.push(" AND f.due_at > 0"),
            Some(State::Pending) => _ = query.push(" AND f.due_at = 0"),
            // Effects are in none of these.
            Some(State::Running | State::Held) => _ = query.push(" AND false"),
            None => {}
        }
        if let Some(plugin) = &filter.plugin {
            query.push(" AND f.plugin = ").push_bind(plugin.clone());
        }
        if let Some(replay) = filter.replay {
            query.push(" AND f.replay = ").push_bind(replay);
        }
        of_plugins(&mut query, "f.plugin", &filter.plugins);
        query.push(" ORDER BY f.event_seq DESC, f.delivery_number DESC, f.number DESC LIMIT ");
        let rows = query.push_bind(limit.max(1)).build().fetch_all(self.pool()).await?;
        let next = rows.last().filter(|_| rows.len() >= limit as usize).map(id_of).transpose()?;
        Ok(EffectPage { effects: rows.iter().map(listed_of).collect::<Result<_, _>>()?, next })
    }
}

fn listed_of(row: &SqliteRow) -> Result<ListedEffect, DbError> {
    let due_at: Option<i64> = row.try_get(5)?;
    let due_at = due_at.filter(|due| *due > 0).map(shown);
    let effect = effect_of(row.try_get(7)?)?;
    Ok(ListedEffect {
        id: id_of(row)?,
        delivery: id_of(row)?.delivery.to_string(),
        plugin: row.try_get(3)?,
        source: row.try_get(8)?,
        event: row.try_get(9)?,
        last: row.try_get(10)?,
        effect: EffectView::new(row.try_get(6)?, parse(row.try_get(4)?)?, due_at, &effect, Vec::new()),
    })
}
