//! Sessions of the pages in `SQLite`.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::audit;
use super::reader::Reader;
use super::storage::SqliteStorage;
use super::values::{digest_of, integer, optional_digest_of, unsigned};
use crate::audit::Decision;
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::page_types::{PageReads, RecentAttempt, Rotation, SessionCreation, SessionWrites};
use crate::db::types::{Answer, DbError};
use crate::event::{PluginName, now_ms};
use crate::token::{FormKey, NewSession, SessionLimits, SessionUse, StoredSession, TokenHash};

const COLUMNS: &str =
    "SELECT id, token, hash, previous, rotated_at, form_key, address, agent, created_at, used_at,
    expires_at, revoked_at FROM session ORDER BY id";
/// The newest row stays, so that no number is used twice.
const REMOVE_OVER: &str = "DELETE FROM session WHERE id <> (SELECT max(id) FROM session)
    AND (revoked_at IS NOT NULL OR expires_at <= ?1 OR used_at <= ?2
        OR token NOT IN (SELECT id FROM token WHERE revoked_at IS NULL))";
const COUNT: &str =
    "SELECT count(*) FROM session WHERE revoked_at IS NULL AND expires_at > ?1 AND used_at > ?2";
const SURPLUS: &str = "SELECT id FROM session WHERE token = ? AND revoked_at IS NULL
    ORDER BY used_at DESC, id DESC LIMIT -1 OFFSET ?";
const INSERT: &str =
    "INSERT INTO session (id, token, hash, rotated_at, form_key, address, agent, created_at, used_at,
    expires_at) SELECT ifnull(max(id), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?3, ?3, ?7 FROM session RETURNING id";
const REVOKE: &str = "UPDATE session SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING token";
const ROTATE: &str = "UPDATE session SET previous = ?1, hash = ?2, rotated_at = ?3
    WHERE id = ?4 AND revoked_at IS NULL AND ?1 IN (hash, previous) AND rotated_at = ?5";
const NOTE_USE: &str =
    "UPDATE session SET used_at = max(used_at, ?1), previous = iif(?2, NULL, previous) WHERE id = ?3";

async fn create(
    conn: &mut SqliteConnection,
    new: &NewSession,
    limits: SessionLimits,
    by: &Decision,
) -> Result<DecisionOutcome<SessionCreation>, DbError> {
    let now = integer(new.created_at);
    let idle_since = integer(new.created_at.saturating_sub(limits.idle_ms));
    sqlx::query(REMOVE_OVER).bind(now).bind(idle_since).execute(&mut *conn).await?;
    let surplus: Vec<i64> = sqlx::query_scalar(SURPLUS)
        .bind(new.token)
        .bind(i64::from(limits.per_token_max.max(1)) - 1)
        .fetch_all(&mut *conn)
        .await?;
    for id in surplus {
        if let Some(record) = revoke(&mut *conn, id, by).await?.record {
            audit::append(&mut *conn, &record.result("too many of this token")).await?;
        }
    }
    let count: i64 = sqlx::query_scalar(COUNT).bind(now).bind(idle_since).fetch_one(&mut *conn).await?;
    if count >= i64::from(limits.all_max) {
        return Ok(DecisionOutcome::new(SessionCreation::Full, None));
    }
    let NewSession { token, hash: TokenHash(hash), form_key, address, agent, expires_at, .. } = new;
    let query = sqlx::query_scalar(INSERT).bind(token).bind(&hash.0[..]).bind(now).bind(&form_key.0[..]);
    let id: i64 = query.bind(address).bind(agent).bind(integer(*expires_at)).fetch_one(conn).await?;
    Ok(DecisionOutcome::new(SessionCreation::Created(id), decisions::create_session(by, id, new)))
}

async fn revoke(
    conn: &mut SqliteConnection,
    id: i64,
    by: &Decision,
) -> Result<DecisionOutcome<bool>, DbError> {
    let query = sqlx::query(REVOKE).bind(integer(now_ms())).bind(id);
    let is_revoked = query.fetch_optional(conn).await?.is_some();
    Ok(DecisionOutcome::new(is_revoked, is_revoked.then(|| decisions::revoke_session(by, id))))
}

async fn rotate(conn: &mut SqliteConnection, rotation: &Rotation) -> Result<bool, DbError> {
    let Rotation { id, presented: TokenHash(presented), rotated_at, hash: TokenHash(hash), at } = rotation;
    let query = sqlx::query(ROTATE).bind(&presented.0[..]).bind(&hash.0[..]).bind(integer(*at)).bind(id);
    let query = query.bind(integer(*rotated_at));
    Ok(query.execute(conn).await?.rows_affected() > 0)
}

async fn note_uses(conn: &mut SqliteConnection, uses: &[SessionUse]) -> Result<(), DbError> {
    for SessionUse { id, at, is_confirmed } in uses {
        let query = sqlx::query(NOTE_USE).bind(integer(*at)).bind(is_confirmed).bind(id);
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

fn session_of(row: &SqliteRow) -> Result<StoredSession, DbError> {
    let time = |column: usize| Ok::<_, DbError>(unsigned(row.try_get(column)?));
    let form_key: &[u8] = row.try_get(5)?;
    let form_key = form_key.try_into().map_err(|_| DbError::Unavailable("a session is damaged".into()))?;
    Ok(StoredSession {
        id: row.try_get(0)?,
        session: NewSession {
            token: row.try_get(1)?,
            hash: TokenHash(digest_of(row, 2)?),
            form_key: FormKey(form_key),
            address: row.try_get(6)?,
            agent: row.try_get(7)?,
            created_at: time(8)?,
            expires_at: time(10)?,
        },
        previous: optional_digest_of(row, 3)?.map(TokenHash),
        rotated_at: time(4)?,
        used_at: time(9)?,
        revoked_at: row.try_get::<Option<i64>, _>(11)?.map(unsigned),
    })
}

impl SessionWrites for SqliteStorage {
    async fn create_session(
        &mut self,
        new: &NewSession,
        limits: SessionLimits,
        by: &Decision,
    ) -> Result<SessionCreation, DbError> {
        self.begin_decision(by.token, &by.actor.name).await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => create(conn, new, limits, by).await,
            Err(error) => Err(error),
        };
        self.end_decision(done).await
    }

    async fn revoke_session(&mut self, id: i64, by: &Decision) -> Result<bool, DbError> {
        self.begin_decision(by.token, &by.actor.name).await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => revoke(conn, id, by).await,
            Err(error) => Err(error),
        };
        self.end_decision(done).await
    }

    async fn rotate_session(&mut self, rotation: &Rotation) -> Result<bool, DbError> {
        self.statements.begin().await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => rotate(conn, rotation).await,
            Err(error) => Err(error),
        };
        self.end(done).await
    }

    async fn note_session_uses(&mut self, uses: &[SessionUse]) -> Result<(), DbError> {
        let noted = async {
            self.statements.begin_unsynced().await?;
            note_uses(self.statements.conn.get().await?, uses).await?;
            self.statements.commit_unsynced().await
        };
        let noted = noted.await;
        if noted.is_err() {
            self.statements.rollback().await;
        }
        noted
    }
}

impl PageReads for Reader {
    fn sessions(&self) -> Answer<'_, Vec<StoredSession>> {
        Box::pin(async move {
            let rows = sqlx::query(COLUMNS).fetch_all(self.pool()).await?;
            // A damaged row is no session: its browser logs in again.
            Ok(rows.iter().filter_map(|row| session_of(row).ok()).collect())
        })
    }

    fn oldest_open(&self) -> Answer<'_, Option<u64>> {
        Box::pin(self.oldest_open())
    }

    fn recent_attempts<'a>(
        &'a self,
        plugin: &'a PluginName,
        events: u32,
        limit: u32,
    ) -> Answer<'a, Vec<RecentAttempt>> {
        Box::pin(self.recent_attempts(plugin, events, limit))
    }
}
