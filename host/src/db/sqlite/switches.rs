//! Switches and the deliveries that they hold, in `SQLite`.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::bulk::BulkStatement;
use super::orders::Orders;
use super::reader::Reader;
use super::rows::{bind_id, id_of, placement_of};
use super::values::{integer, name_of, parse, unsigned};
use crate::db::switch_change::{HeldPage, OpenScope, RELEASES_MAX, RecentType, SwitchedOffDelivery};
use crate::db::types::DbError;
use crate::delivery::{DeliveryId, OrderingHash};
use crate::event::{EventPattern, PluginName};
use crate::switch::{HeldRelease, ReleaseState, Switch, Switches, TypePattern};

const SWITCHES: &str =
    "SELECT plugin, types, is_on, number, changed_at, changed_by, note FROM plugin_switch ORDER BY number";
const RELEASE: &str =
    "SELECT number, plugin, types, action, state, begun_at, found, released, after_seq, after_number
    FROM held_release ";
const RUN: &str = "UPDATE delivery SET due_at = due_at + 4 WHERE due_at IN (-4, -5, -6, -7)
    AND (event_seq, number) IN (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const FIND: &str = "SELECT d.event_seq, d.number, d.ordering, d.due_at FROM (VALUES {rows}) v
    CROSS JOIN delivery d ON d.event_seq = v.column1 AND d.number = v.column2 WHERE d.due_at IN (-4, -5, -6, -7)";
const DISCARD: &str = "UPDATE delivery SET state = 'dead', settled = 'discarded', due_at = NULL
    WHERE due_at IN (-4, -5, -6, -7)
    AND (event_seq, number) IN (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
/// Each of the values has its own range in the index of open deliveries.
const PAGE: &str = "SELECT d.event_seq, d.number, e.type FROM (
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = -4 AND (event_seq, number) > (?2, ?3) ORDER BY event_seq, number LIMIT ?4)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = -5 AND (event_seq, number) > (?2, ?3) ORDER BY event_seq, number LIMIT ?4)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = -6 AND (event_seq, number) > (?2, ?3) ORDER BY event_seq, number LIMIT ?4)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = -7 AND (event_seq, number) > (?2, ?3) ORDER BY event_seq, number LIMIT ?4)
    ) d CROSS JOIN event e ON e.seq = d.event_seq ORDER BY d.event_seq, d.number LIMIT ?4";

/// Discarded deliveries of a page.
#[derive(Debug, Default)]
pub(super) struct DiscardedPage {
    pub(super) count: u64,
    /// How many of them were blocked.
    pub(super) blocked: u64,
    /// The ordering keys whose first delivery was discarded.
    pub(super) freed: Vec<OrderingHash>,
}

/// The statements, prepared once.
pub(super) struct SwitchStatements {
    run: BulkStatement,
    find: BulkStatement,
    discard: BulkStatement,
}

impl SwitchStatements {
    pub(super) fn new() -> Self {
        Self {
            run: BulkStatement::new(RUN, 2),
            find: BulkStatement::new(FIND, 2),
            discard: BulkStatement::new(DISCARD, 2),
        }
    }

    /// Lets go of held deliveries. Returns how many were held.
    pub(super) async fn run(&self, conn: &mut SqliteConnection, ids: &[DeliveryId]) -> Result<u64, DbError> {
        Ok(self.run.execute(conn, ids, bind_id).await?)
    }

    /// Closes held deliveries as discarded dead letters.
    pub(super) async fn discard(
        &self,
        conn: &mut SqliteConnection,
        orders: &mut Orders,
        ids: &[DeliveryId],
    ) -> Result<DiscardedPage, DbError> {
        let rows = self.find.fetch(conn, ids, bind_id).await?;
        let (mut page, mut closed) = (DiscardedPage::default(), Vec::with_capacity(rows.len()));
        for row in &rows {
            let order = row.try_get::<Option<i64>, _>(2)?.map(OrderingHash);
            let is_blocked = placement_of(row.try_get(3)?).blocked;
            page.count += 1;
            page.blocked += u64::from(is_blocked);
            page.freed.extend(order.filter(|_| !is_blocked));
            closed.extend(order.map(|order| Ok::<_, DbError>((order, id_of(row)?))).transpose()?);
        }
        self.discard.execute(conn, ids, bind_id).await?;
        orders.closed(conn, closed.into_iter()).await?;
        Ok(page)
    }
}

/// All switches.
pub(super) async fn load(conn: &mut SqliteConnection) -> Result<Switches, DbError> {
    let rows = sqlx::query(SWITCHES).fetch_all(conn).await?;
    rows.iter().map(switch_of).collect()
}

/// Stores a switch in the place of those with these numbers.
pub(super) async fn store(
    conn: &mut SqliteConnection,
    switch: &Switch,
    replaced: &[i64],
) -> Result<(), DbError> {
    for number in replaced {
        let sql = "DELETE FROM plugin_switch WHERE plugin = ? AND number = ?";
        sqlx::query(sql).bind(switch.plugin.as_str()).bind(number).execute(&mut *conn).await?;
        let sql = "UPDATE held_release SET state = 'stopped' WHERE number = ? AND state = 'running'";
        sqlx::query(sql).bind(number).execute(&mut *conn).await?;
    }
    let sql = "INSERT INTO plugin_switch (plugin, types, is_on, number, changed_at, changed_by, note)
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(sql)
        .bind(switch.plugin.as_str())
        .bind(switch.types.as_str())
        .bind(switch.is_on)
        .bind(switch.number)
        .bind(integer(switch.changed_at))
        .bind(switch.changed_by.as_str())
        .bind(switch.note.as_deref())
        .execute(conn)
        .await?;
    Ok(())
}

/// Stores a release, and removes the oldest ones that have ended.
pub(super) async fn begin(conn: &mut SqliteConnection, release: &HeldRelease) -> Result<(), DbError> {
    let sql = "INSERT INTO held_release
            (number, plugin, types, action, state, begun_at, found, released, after_seq, after_number)
        VALUES (?, ?, ?, ?, 'running', ?, ?, 0, 0, 0)";
    sqlx::query(sql)
        .bind(release.number)
        .bind(release.plugin.as_str())
        .bind(release.types.as_str())
        .bind(release.action.as_str())
        .bind(integer(release.begun_at))
        .bind(integer(release.found))
        .execute(&mut *conn)
        .await?;
    let sql = "DELETE FROM held_release WHERE state <> 'running' AND number IN
        (SELECT number FROM held_release ORDER BY number DESC LIMIT -1 OFFSET ?)";
    sqlx::query(sql).bind(RELEASES_MAX).execute(conn).await?;
    Ok(())
}

/// A release in progress.
pub(super) async fn running_release(
    conn: &mut SqliteConnection,
    number: i64,
) -> Result<Option<HeldRelease>, DbError> {
    let mut query = QueryBuilder::<Sqlite>::new(RELEASE);
    query.push("WHERE state = 'running' AND number = ").push_bind(number);
    let row = query.build().fetch_optional(conn).await?;
    row.as_ref().map(release_of).transpose()
}

/// Stores a release's progress.
pub(super) async fn note_progress(
    conn: &mut SqliteConnection,
    page: &HeldPage,
    released: u64,
) -> Result<(), DbError> {
    let sql = "UPDATE held_release SET released = released + ?2, state = ?3,
            after_seq = ifnull(?4, after_seq), after_number = ifnull(?5, after_number)
        WHERE number = ?1";
    sqlx::query(sql)
        .bind(page.release)
        .bind(integer(released))
        .bind(if page.after.is_some() { "running" } else { "done" })
        .bind(page.after.map(|id| id.event))
        .bind(page.after.map(|id| id.number))
        .execute(conn)
        .await?;
    Ok(())
}

fn switch_of(row: &SqliteRow) -> Result<Switch, DbError> {
    Ok(Switch {
        plugin: name_of(row.try_get(0)?)?,
        types: types_of(row.try_get(1)?)?,
        is_on: row.try_get(2)?,
        number: row.try_get(3)?,
        changed_at: unsigned(row.try_get(4)?),
        changed_by: row.try_get(5)?,
        note: row.try_get(6)?,
    })
}

fn release_of(row: &SqliteRow) -> Result<HeldRelease, DbError> {
    Ok(HeldRelease {
        number: row.try_get(0)?,
        plugin: name_of(row.try_get(1)?)?,
        types: types_of(row.try_get(2)?)?,
        action: parse(row.try_get(3)?)?,
        state: parse::<ReleaseState>(row.try_get(4)?)?,
        begun_at: unsigned(row.try_get(5)?),
        found: unsigned(row.try_get(6)?),
        released: unsigned(row.try_get(7)?),
        after: DeliveryId { event: row.try_get(8)?, number: row.try_get(9)? },
    })
}

fn types_of(text: &str) -> Result<TypePattern, DbError> {
    TypePattern::new(text).map_err(|error| DbError::Unavailable(format!("a switch is damaged: {error}")))
}

impl Reader {
    pub(super) async fn switches(&self) -> Result<Switches, DbError> {
        load(&mut *self.pool().acquire().await?).await
    }

    pub(super) async fn switched_off(
        &self,
        plugin: &PluginName,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<SwitchedOffDelivery>, DbError> {
        let query = sqlx::query(PAGE).bind(plugin.as_str()).bind(after.event).bind(after.number);
        let rows = query.bind(integer(u64::from(limit))).fetch_all(self.pool()).await?;
        let found = rows.iter().map(|row| {
            let (id, event_type) = (id_of(row)?, row.try_get(2)?);
            Ok(SwitchedOffDelivery { id, event_type })
        });
        found.collect()
    }

    pub(super) async fn count_open_of(
        &self,
        plugin: &PluginName,
        types: &TypePattern,
        scope: OpenScope,
        max: u32,
    ) -> Result<u64, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT count(*) FROM (SELECT 1 FROM delivery d INDEXED BY delivery_open",
        );
        let matches = |query: &mut QueryBuilder<Sqlite>| match types.pattern() {
            EventPattern::Exact(exact) => _ = query.push(" AND e.type = ").push_bind(exact.clone()),
            EventPattern::Prefix(prefix) => {
                query.push(" AND substr(e.type, 1, length(").push_bind(prefix.clone()).push(")) = ");
                query.push_bind(prefix.clone());
            }
        };
        let is_all = *types == TypePattern::all();
        if !is_all {
            query.push(" CROSS JOIN event e ON e.seq = d.event_seq");
        }
        query.push(" WHERE d.plugin = ").push_bind(plugin.to_string()).push(match scope {
            OpenScope::SwitchedOff => " AND d.due_at BETWEEN -7 AND -4",
            OpenScope::Others => " AND d.due_at > -4",
        });
        if !is_all {
            matches(&mut query);
        }
        query.push(" LIMIT ").push_bind(i64::from(max)).push(")");
        let count: i64 = query.build_query_scalar().fetch_one(self.pool()).await?;
        Ok(unsigned(count))
    }

    pub(super) async fn running_releases(&self) -> Result<Vec<HeldRelease>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(RELEASE);
        query.push("WHERE state = 'running' ORDER BY number");
        query.build().fetch_all(self.pool()).await?.iter().map(release_of).collect()
    }

    pub(super) async fn held_release(&self, number: i64) -> Result<Option<HeldRelease>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(RELEASE);
        query.push("WHERE number = ").push_bind(number);
        query.build().fetch_optional(self.pool()).await?.as_ref().map(release_of).transpose()
    }

    /// The types of the newest events.
    pub(super) async fn recent_types(&self, newest: u32) -> Result<Vec<RecentType>, DbError> {
        let sql =
            "SELECT DISTINCT type, source FROM (SELECT type, source FROM event ORDER BY seq DESC LIMIT ?)
            ORDER BY type, source";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).bind(newest).fetch_all(self.pool()).await?;
        Ok(rows.into_iter().map(|(event_type, source)| RecentType { event_type, source }).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use sqlx::Connection as _;

    use super::*;

    #[tokio::test]
    async fn each_statement_finds_its_rows_by_an_index() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("./migrations/sqlite").run(&mut conn).await.unwrap();
        let rows = |columns: usize| vec![format!("({})", vec!["?"; columns].join(",")); 8].join(",");
        for sql in [RUN, FIND, DISCARD, PAGE] {
            let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("{rows}", &rows(2)));
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(sql.as_str())).fetch_all(&mut conn).await.unwrap();
            let scans = |step: &str| {
                step.strip_prefix("SCAN ").is_some_and(|of| {
                    ["delivery", "event", "d", "e"].contains(&of.split(' ').next().unwrap_or_default())
                })
            };
            assert!(!plan.iter().any(|(.., step)| scans(step)), "{sql}: {plan:?}");
        }
    }
}
