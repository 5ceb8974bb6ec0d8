//! Unmatched deliveries in `SQLite`.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Arguments as _, QueryBuilder, Row as _, SqliteConnection};

use super::bulk::BulkStatement;
use super::events::OPEN_PLUGINS;
use super::reader::Reader;
use super::rows::{bind_id, id_of, placement_of, text};
use super::values::{integer, name_of};
use crate::db::types::{DbError, MatchDecision, PluginMatch, UnmatchedDelivery};
use crate::delivery::{DeliveryId, OrderingHash};
use crate::event::PluginName;

const HANDLED: &str = "UPDATE delivery SET due_at = due_at + 2 WHERE due_at IN (-2, -3, -6, -7)
    AND (event_seq, number, plugin) IN (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const WITHDRAW: &str = "DELETE FROM delivery WHERE due_at IN (-2, -3, -6, -7)
    AND (event_seq, number, plugin) IN (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)
    RETURNING event_seq, number, ordering, due_at";
const FORGET_REPLAYED: &str = "DELETE FROM replayed
    WHERE (event_seq, delivery_number) IN (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const COUNT_DELIVERIES: &str = "UPDATE event
    SET deliveries = (SELECT count(*) FROM delivery WHERE event_seq = seq)
    WHERE seq IN (SELECT column1 FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
/// Each of the values has its own range in the index of open deliveries.
const PAGE: &str = "SELECT d.event_seq, d.number, e.source, e.type FROM (
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = -2 AND (event_seq, number) > (?2, ?3) ORDER BY event_seq, number LIMIT ?4)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = -3 AND (event_seq, number) > (?2, ?3) ORDER BY event_seq, number LIMIT ?4)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = -6 AND (event_seq, number) > (?2, ?3) ORDER BY event_seq, number LIMIT ?4)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = -7 AND (event_seq, number) > (?2, ?3) ORDER BY event_seq, number LIMIT ?4)
    ) d CROSS JOIN event e ON e.seq = d.event_seq ORDER BY d.event_seq, d.number LIMIT ?4";

/// An unmatched delivery that was removed.
pub(super) struct Withdrawn {
    pub(super) id: DeliveryId,
    pub(super) order: Option<OrderingHash>,
    /// Whether it was blocked by an earlier one of its ordering key.
    pub(super) blocked: bool,
}

/// The statements, prepared once.
pub(super) struct MatchStatements {
    handled: BulkStatement,
    withdraw: BulkStatement,
    forget_replayed: BulkStatement,
    count_deliveries: BulkStatement,
}

impl MatchStatements {
    pub(super) fn new() -> Self {
        Self {
            handled: BulkStatement::new(HANDLED, 3),
            withdraw: BulkStatement::new(WITHDRAW, 3),
            forget_replayed: BulkStatement::new(FORGET_REPLAYED, 2),
            count_deliveries: BulkStatement::new(COUNT_DELIVERIES, 2),
        }
    }

    /// Makes handled deliveries due or blocked, and removes the others. How many are handled, and which are removed.
    pub(super) async fn apply(
        &self,
        conn: &mut SqliteConnection,
        of_plugin: &PluginMatch,
    ) -> Result<(u64, Vec<Withdrawn>), DbError> {
        let PluginMatch { plugin, decisions } = of_plugin;
        let with_plugin = |handled| {
            let decisions = decisions.iter().filter(move |decision| decision.handled == handled);
            decisions.map(|MatchDecision { id, .. }| (*id, plugin)).collect::<Vec<_>>()
        };
        let handled = self.handled.execute(conn, &with_plugin(true), bind_of_plugin).await?;
        let rows = self.withdraw.fetch(conn, &with_plugin(false), bind_of_plugin).await?;
        let mut withdrawn = Vec::with_capacity(rows.len());
        for row in &rows {
            let due_at: i64 = row.try_get(3)?;
            let order = row.try_get::<Option<i64>, _>(2)?.map(OrderingHash);
            withdrawn.push(Withdrawn { id: id_of(row)?, order, blocked: placement_of(due_at).blocked });
        }
        let ids: Vec<_> = withdrawn.iter().map(|withdrawn| withdrawn.id).collect();
        self.forget_replayed.execute(conn, &ids, bind_id).await?;
        self.count_deliveries.execute(conn, &ids, bind_id).await?;
        Ok((handled, withdrawn))
    }
}

fn bind_of_plugin(
    row: &mut SqliteArguments,
    (id, plugin): &(DeliveryId, &PluginName),
) -> Result<(), BoxDynError> {
    bind_id(row, id)?;
    row.add(text(plugin.as_str()))
}

impl Reader {
    pub(super) async fn unmatched_plugins(&self) -> Result<Vec<PluginName>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(OPEN_PLUGINS);
        query.push(" SELECT plugin FROM plugins p WHERE plugin IS NOT NULL AND EXISTS");
        query.push(" (SELECT 1 FROM delivery d WHERE d.plugin = p.plugin AND d.due_at IN (-2, -3, -6, -7))");
        let names: Vec<String> = query.build_query_scalar().fetch_all(self.pool()).await?;
        names.iter().map(|name| name_of(name)).collect()
    }

    pub(super) async fn unmatched(
        &self,
        plugin: &PluginName,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<UnmatchedDelivery>, DbError> {
        let after = after.unwrap_or(DeliveryId { event: 0, number: 0 });
        let query = sqlx::query(PAGE).bind(plugin.as_str()).bind(after.event).bind(after.number);
        let rows = query.bind(integer(u64::from(limit))).fetch_all(self.pool()).await?;
        let unmatched = rows.iter().map(|row| {
            let (source, event_type) = (name_of(row.try_get(2)?)?, row.try_get(3)?);
            Ok(UnmatchedDelivery { id: id_of(row)?, source, event_type })
        });
        unmatched.collect()
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
        for (sql, columns) in
            [(HANDLED, 3), (WITHDRAW, 3), (FORGET_REPLAYED, 2), (COUNT_DELIVERIES, 2), (PAGE, 0)]
        {
            let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("{rows}", &rows(columns)));
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(sql.as_str())).fetch_all(&mut conn).await.unwrap();
            let tables = ["delivery", "replayed", "event", "d", "e"];
            let scans = |step: &str| {
                step.strip_prefix("SCAN ")
                    .is_some_and(|of| tables.iter().any(|table| of.split(' ').next() == Some(table)))
            };
            assert!(!plan.iter().any(|(.., step)| scans(step)), "{sql}: {plan:?}");
        }
    }
}
