//! Waiting deliveries in `SQLite`: found, and made due.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::bulk::BulkStatement;
use super::deliveries::select_deliveries;
use super::reader::Reader;
use super::rows::{bind_id, id_of};
use super::values::{digest_of, integer, name_of, unsigned};
use crate::db::types::{DbError, DueCause, DueChange, WaitingFilter};
use crate::delivery::DeliveryId;
use crate::event::{Digest, PluginName};

const MAKE_DUE: &str = "UPDATE delivery SET due_at = v.at
    FROM (SELECT column1 AS seq, column2 AS number, column3 AS at FROM (VALUES {rows})) v
    WHERE delivery.event_seq = v.seq AND delivery.number = v.number AND delivery.due_at > v.at
    RETURNING event_seq, number";
const RECORD_RETRIED: &str = "INSERT INTO retried_revision (plugin, revision) VALUES (?, ?)
    ON CONFLICT (plugin) DO UPDATE SET revision = excluded.revision";
/// The index has no closed deliveries.
const OPEN: &str = " FROM delivery d INDEXED BY delivery_open";
const NAMED: &str = " FROM delivery d";
const WITH_ATTEMPT: &str = " CROSS JOIN event e ON e.seq = d.event_seq
    LEFT JOIN attempt a ON a.event_seq = d.event_seq AND a.delivery_number = d.number AND a.number = d.attempts
    WHERE d.due_at > ";

/// The statement, prepared once.
pub(super) struct RetryStatements {
    make_due: BulkStatement,
}

impl RetryStatements {
    pub(super) fn new() -> Self {
        Self { make_due: BulkStatement::new(MAKE_DUE, 3) }
    }

    /// Makes waiting deliveries due, and records that all of a revision are. Returns those that it changed.
    pub(super) async fn apply(
        &self,
        conn: &mut SqliteConnection,
        change: &DueChange,
    ) -> Result<Vec<DeliveryId>, DbError> {
        let at = integer(change.at.max(1));
        let rows: Vec<(DeliveryId, i64)> = change.ids.iter().map(|id| (*id, at)).collect();
        let changed = self
            .make_due
            .fetch(&mut *conn, &rows, |row, (id, at): &(DeliveryId, i64)| {
                bind_id(row, id)?;
                sqlx::Arguments::add(row, *at)
            })
            .await?;
        if let DueCause::NewRevision { retried: Some((plugin, revision)) } = &change.cause {
            let query = sqlx::query(RECORD_RETRIED).bind(plugin.as_str()).bind(&revision.0[..]);
            query.execute(conn).await?;
        }
        let mut changed = changed.iter().map(id_of).collect::<Result<Vec<_>, _>>()?;
        changed.sort_unstable();
        Ok(changed)
    }
}

impl Reader {
    pub(super) async fn waiting(
        &self,
        filter: &WaitingFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryId>, DbError> {
        let mut query = QueryBuilder::new("SELECT d.event_seq, d.number");
        select(&mut query, filter);
        query.push(" LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        query.build().fetch_all(self.pool()).await?.iter().map(id_of).collect()
    }

    pub(super) async fn count_waiting(&self, filter: &WaitingFilter) -> Result<u64, DbError> {
        let mut query = QueryBuilder::new("SELECT count(*)");
        select(&mut query, filter);
        let count: i64 = query.build_query_scalar().fetch_one(self.pool()).await?;
        Ok(unsigned(count))
    }

    pub(super) async fn retried_revisions(&self) -> Result<Vec<(PluginName, Digest)>, DbError> {
        let rows =
            sqlx::query("SELECT plugin, revision FROM retried_revision").fetch_all(self.pool()).await?;
        let retried = |row: &SqliteRow| Ok((name_of(row.try_get(0)?)?, digest_of(row, 1)?));
        rows.iter().map(retried).collect()
    }
}

/// Appends ` FROM … WHERE …` for the deliveries of a filter.
fn select(query: &mut QueryBuilder<Sqlite>, filter: &WaitingFilter) {
    let WaitingFilter { selection, failed_before, due_after } = filter;
    query.push(if selection.deliveries.is_some() { NAMED } else { OPEN });
    query.push(WITH_ATTEMPT).push_bind(integer((*due_after).max(1)));
    select_deliveries(query, selection);
    if let Some(revision) = failed_before {
        query.push(" AND a.revision <> ").push_bind(revision.0.to_vec());
        // Another revision in force changes nothing for one that a replay runs on a revision of its own.
        query.push(
            " AND NOT EXISTS (SELECT 1 FROM replayed r WHERE r.event_seq = d.event_seq
            AND r.delivery_number = d.number AND r.revision IS NOT NULL)",
        );
    }
}
