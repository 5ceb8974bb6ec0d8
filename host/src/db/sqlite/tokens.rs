//! Tokens in `SQLite`.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::audit;
use super::reader::Reader;
use super::values::{digest_of, integer, name_of, parse, unsigned};
use crate::audit::Decision;
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::types::{DbError, REVOKED_TOKENS_MAX, StoredTokens, TokenCreation};
use crate::event::now_ms;
use crate::token::{FIRST_TOKEN, NewToken, StoredToken, TokenHash};

const COLUMNS: &str =
    "SELECT id, name, hash, role, plugins, created_at, created_by, expires_at, used_at, revoked_at
    FROM token";
const BY_NAME: &str =
    "SELECT id, name, hash, role, plugins, created_at, created_by, expires_at, used_at, revoked_at
    FROM token WHERE name = ? AND revoked_at IS NULL";
const INSERT: &str = "INSERT INTO token (id, name, hash, role, plugins, created_at, created_by, expires_at)
    SELECT ifnull(max(id), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM token";
/// The row of a token that a file of the data directory may still hold is kept, so that the file does not bring it
/// back; and the newest row, so that no number is used twice.
const REMOVE_OLD: &str = "DELETE FROM token WHERE name <> ?1 AND id IN
    (SELECT id FROM token WHERE min(ifnull(revoked_at, expires_at), ifnull(expires_at, revoked_at)) <= ?3
        AND id <> (SELECT max(id) FROM token)
     ORDER BY min(ifnull(revoked_at, expires_at), ifnull(expires_at, revoked_at)) DESC, id DESC
     LIMIT -1 OFFSET ?2)";

/// Whether the token with this number exists and is not revoked.
pub(super) async fn is_valid(conn: &mut SqliteConnection, id: i64) -> Result<bool, DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM token WHERE id = ? AND revoked_at IS NULL)";
    Ok(sqlx::query_scalar(sql).bind(id).fetch_one(conn).await?)
}

pub(super) async fn create(
    conn: &mut SqliteConnection,
    new: &NewToken,
    tokens_max: u32,
    by: &Decision,
) -> Result<DecisionOutcome<TokenCreation>, DbError> {
    let now = now_ms();
    let same = find(&mut *conn, new.name.as_str()).await?;
    let (expired, taken): (Vec<_>, Vec<_>) = same.into_iter().partition(|same| same.is_expired(now));
    if let Some(taken) = taken.into_iter().next() {
        return Ok(DecisionOutcome::new(TokenCreation::NameTaken(Box::new(taken)), None));
    }
    let sql =
        "SELECT count(*) FROM token WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)";
    let count: i64 = sqlx::query_scalar(sql).bind(integer(now)).fetch_one(&mut *conn).await?;
    if count >= i64::from(tokens_max) {
        return Ok(DecisionOutcome::new(TokenCreation::Full, None));
    }
    for expired in expired {
        if let Some(record) = revoke(&mut *conn, expired.token.name.as_str(), by).await?.record {
            audit::append(&mut *conn, &record).await?;
        }
    }
    insert(&mut *conn, new, &by.actor.name).await?;
    let query = sqlx::query(REMOVE_OLD).bind(FIRST_TOKEN).bind(REVOKED_TOKENS_MAX).bind(integer(now));
    query.execute(&mut *conn).await?;
    let made = find(conn, new.name.as_str()).await?;
    let made = made.ok_or_else(|| DbError::Unavailable("a new token is not there".into()))?;
    Ok(DecisionOutcome::new(TokenCreation::Created(Box::new(made)), decisions::create_token(by, new)))
}

pub(super) async fn revoke(
    conn: &mut SqliteConnection,
    name: &str,
    by: &Decision,
) -> Result<DecisionOutcome<bool>, DbError> {
    let Some(row) = sqlx::query(BY_NAME).bind(name).fetch_optional(&mut *conn).await? else {
        return Ok(DecisionOutcome::new(false, None));
    };
    let id: i64 = row.try_get(0)?;
    let sql = "UPDATE token SET revoked_at = ? WHERE id = ?";
    sqlx::query(sql).bind(integer(now_ms())).bind(id).execute(conn).await?;
    // A damaged row can be revoked too.
    let found = token_of(&row).ok();
    Ok(DecisionOutcome::new(
        true,
        decisions::revoke_token(by, name, found.as_ref().map(|found| &found.token)),
    ))
}

/// Stores the token of the data directory's file, unless a row has its hash. An earlier one is revoked.
pub(super) async fn keep_first(conn: &mut SqliteConnection, new: &NewToken) -> Result<(), DbError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM token WHERE hash = ?)";
    let is_known: bool = sqlx::query_scalar(sql).bind(&new.hash.0.0[..]).fetch_one(&mut *conn).await?;
    if is_known {
        return Ok(());
    }
    let by = Decision::of_host();
    if let Some(record) = revoke(&mut *conn, new.name.as_str(), &by).await?.record {
        audit::append(&mut *conn, &record).await?;
    }
    insert(&mut *conn, new, &by.actor.name).await?;
    audit::append(conn, &decisions::create_token(&by, new)).await
}

pub(super) async fn note_uses(conn: &mut SqliteConnection, uses: &[(i64, u64)]) -> Result<(), DbError> {
    let sql = "UPDATE token SET used_at = max(ifnull(used_at, 0), ?) WHERE id = ?";
    for (id, at) in uses {
        sqlx::query(sql).bind(integer(*at)).bind(id).execute(&mut *conn).await?;
    }
    Ok(())
}

async fn insert(conn: &mut SqliteConnection, new: &NewToken, created_by: &str) -> Result<(), DbError> {
    let NewToken { name, hash: TokenHash(hash), role, plugins, expires_at } = new;
    let plugins = serde_json::to_string(plugins).map_err(damaged)?;
    let query = sqlx::query(INSERT).bind(name.as_str()).bind(&hash.0[..]).bind(role.as_str()).bind(plugins);
    let query = query.bind(integer(now_ms())).bind(created_by).bind(expires_at.map(integer));
    query.execute(conn).await?;
    Ok(())
}

async fn find(conn: &mut SqliteConnection, name: &str) -> Result<Option<StoredToken>, DbError> {
    let row = sqlx::query(BY_NAME).bind(name).fetch_optional(conn).await?;
    row.as_ref().map(token_of).transpose()
}

fn token_of(row: &SqliteRow) -> Result<StoredToken, DbError> {
    let time = |column: usize| Ok::<_, DbError>(row.try_get::<Option<i64>, _>(column)?.map(unsigned));
    Ok(StoredToken {
        id: row.try_get(0)?,
        token: NewToken {
            name: name_of(row.try_get(1)?)?,
            hash: TokenHash(digest_of(row, 2)?),
            role: parse(row.try_get(3)?)?,
            plugins: serde_json::from_str(row.try_get(4)?).map_err(damaged)?,
            expires_at: time(7)?,
        },
        created_at: unsigned(row.try_get(5)?),
        created_by: row.try_get(6)?,
        used_at: time(8)?,
        revoked_at: time(9)?,
    })
}

/// The name of a damaged row, or else its number.
fn describe_row(row: &SqliteRow) -> String {
    let name = row.try_get::<String, _>(1);
    let number = || row.try_get::<i64, _>(0).map(|id| format!("number {id}"));
    name.or_else(|_| number()).unwrap_or_default()
}

fn damaged(error: serde_json::Error) -> DbError {
    DbError::Unavailable(format!("a token is damaged: {error}"))
}

impl Reader {
    /// All tokens. A damaged row is no token: it is left out, so that it stops neither the host nor the others.
    pub(super) async fn tokens(&self) -> Result<StoredTokens, DbError> {
        let mut stored = StoredTokens::default();
        for row in &sqlx::query(COLUMNS).fetch_all(self.pool()).await? {
            match token_of(row) {
                Ok(token) => stored.tokens.push(token),
                Err(error) => stored.damaged.push((describe_row(row), error.to_string())),
            }
        }
        Ok(stored)
    }
}
