//! The oldest open delivery in `SQLite`.

use sqlx::{QueryBuilder, Sqlite};

use super::events::OPEN_PLUGINS;
use super::reader::Reader;
use super::values::unsigned;
use crate::db::types::DbError;

/// For each plugin and each thing that a delivery can wait for, the first entry of the index; of those with a time, a
/// thousand.
const OLDEST: &str = " SELECT received_at FROM event WHERE seq = (SELECT min(seq) FROM (
    SELECT (SELECT min(d.event_seq) FROM delivery d WHERE d.plugin = p.plugin AND d.due_at = v.column1) AS seq
    FROM plugins p CROSS JOIN (VALUES (0), (-1), (-2), (-3), (-4), (-5), (-6), (-7)) v WHERE p.plugin IS NOT NULL
    UNION ALL
    SELECT (SELECT min(event_seq) FROM (SELECT d.event_seq FROM delivery d
        WHERE d.plugin = p.plugin AND d.due_at > 0 ORDER BY d.due_at LIMIT 1000))
    FROM plugins p WHERE p.plugin IS NOT NULL))";

impl Reader {
    pub(super) async fn oldest_open(&self) -> Result<Option<u64>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(OPEN_PLUGINS);
        query.push(OLDEST);
        let at: Option<i64> = query.build_query_scalar().fetch_optional(self.pool()).await?;
        Ok(at.map(unsigned))
    }
}
