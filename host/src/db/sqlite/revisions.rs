//! Records of plugins' revisions in `SQLite`.

use sqlx::SqliteConnection;

use super::reader::Reader;
use super::values::integer;
use crate::db::revision_types::RevisionRecord;
use crate::db::types::{DbError, REVISIONS_MAX};
use crate::event::{Digest, now_ms};
use crate::revision::KnownHandlers;

const RECORD: &str = "INSERT INTO revision (digest, handlers, recorded_at) VALUES (?, ?, ?)
    ON CONFLICT (digest) DO UPDATE SET handlers = excluded.handlers, recorded_at = excluded.recorded_at";
const REMOVE_OLDEST: &str = "DELETE FROM revision WHERE digest IN
    (SELECT digest FROM revision ORDER BY recorded_at DESC, digest LIMIT -1 OFFSET ?)";

/// Records the handlers of revisions, and removes the oldest records beyond the limit.
pub(super) async fn record(conn: &mut SqliteConnection, records: &[RevisionRecord]) -> Result<(), DbError> {
    let recorded_at = integer(now_ms());
    for RevisionRecord { digest, handlers } in records {
        let handlers =
            serde_json::to_string(handlers).map_err(|error| DbError::Unavailable(error.to_string()))?;
        let query = sqlx::query(RECORD).bind(&digest.0[..]).bind(handlers).bind(recorded_at);
        query.execute(&mut *conn).await?;
    }
    sqlx::query(REMOVE_OLDEST).bind(REVISIONS_MAX).execute(conn).await?;
    Ok(())
}

impl Reader {
    pub(super) async fn known_handlers(&self, digest: &Digest) -> Result<Option<KnownHandlers>, DbError> {
        let query = sqlx::query_scalar("SELECT handlers FROM revision WHERE digest = ?");
        let text: Option<String> = query.bind(&digest.0[..]).fetch_optional(self.pool()).await?;
        let Some(text) = text else { return Ok(None) };
        let handlers = serde_json::from_str(&text).inspect_err(|error| {
            tracing::debug!(revision = digest.short(), %error, "the record of a revision's handlers is not readable");
        });
        Ok(handlers.ok())
    }
}
