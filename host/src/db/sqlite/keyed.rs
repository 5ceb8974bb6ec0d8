//! Requests with an idempotency key in `SQLite`.

use sqlx::{Row as _, SqliteConnection};

use super::reader::Reader;
use super::values::{digest_of, integer, unsigned};
use crate::audit::{Entry, KeptAnswer, KeyedRequest, Record};
use crate::clock;
use crate::db::keyed_types::{AnsweredRequest, KeyedReads};
use crate::db::types::{Answer, DbError};

const INSERT: &str = "INSERT INTO keyed_request (entry, token, key, digest, at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (token, key) DO UPDATE SET entry = excluded.entry, digest = excluded.digest, at = excluded.at,
        status = NULL, etag = NULL, body = NULL, answer_bytes = NULL";
const ANSWER: &str =
    "UPDATE keyed_request SET status = ?, etag = ?, body = ?, answer_bytes = ? WHERE token = ? AND key = ?";
// An answer that was made before the last page of an erasure may have a value that is erased since.
const MAY_BE_ERASED: &str = "SELECT EXISTS (SELECT 1 FROM erasure WHERE state = 'running')
    OR EXISTS (SELECT 1 FROM audit WHERE action = 'erasure.end' AND number >
        (SELECT entry FROM keyed_request WHERE token = ? AND key = ?))";
const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM keyed_request WHERE token = ? AND at >= ? LIMIT ?)";
const TOTAL: &str = "SELECT requests, answer_bytes FROM keyed_total";
// The oldest answers until these bytes are dropped, or the next ones of them. The index has their sizes in this order.
const DROP_ANSWERS: &str =
    "UPDATE keyed_request SET status = NULL, etag = NULL, body = NULL, answer_bytes = NULL
    WHERE entry IN (SELECT entry FROM (
        SELECT entry, sum(answer_bytes) OVER (ORDER BY entry) - answer_bytes AS bytes_before
        FROM (SELECT entry, answer_bytes FROM keyed_request WHERE answer_bytes IS NOT NULL ORDER BY entry LIMIT 256))
        WHERE bytes_before < ?)";
const FIND: &str =
    "SELECT digest, entry, at, status, etag, body FROM keyed_request WHERE token = ? AND key = ?";
const REMOVE_OLD: &str = "DELETE FROM keyed_request WHERE at < ?";
const REMOVE_SURPLUS: &str = "DELETE FROM keyed_request WHERE entry IN (
    SELECT entry FROM keyed_request ORDER BY at, entry LIMIT ?)";

/// Inserts the request of a record that has an idempotency key, in the transaction of its entry. A later entry about
/// the same request takes the place of an earlier one.
pub(super) async fn insert(
    conn: &mut SqliteConnection,
    record: &Record,
    entry: &Entry,
) -> Result<(), DbError> {
    let Some((token, request)) = record.request_key() else { return Ok(()) };
    let query = sqlx::query(INSERT).bind(entry.number).bind(token).bind(&request.key);
    query.bind(&request.digest.0[..]).bind(integer(clock::now_ms())).execute(conn).await?;
    Ok(())
}

/// Stores an answer, and removes old requests.
pub(super) async fn keep_answer(
    conn: &mut SqliteConnection,
    answered: &AnsweredRequest,
) -> Result<(), DbError> {
    let AnsweredRequest { token, key, answer, since, keys_max, answers_max_bytes } = answered;
    let query = sqlx::query_scalar(MAY_BE_ERASED).bind(token).bind(key);
    let may_be_erased = answer.is_some() && query.fetch_one(&mut *conn).await?;
    if let Some(KeptAnswer { status, etag, body }) = answer.as_ref().filter(|_| !may_be_erased) {
        let query = sqlx::query(ANSWER).bind(status).bind(etag).bind(body);
        query.bind(integer(body.len() as u64)).bind(token).bind(key).execute(&mut *conn).await?;
    }
    sqlx::query(REMOVE_OLD).bind(integer(*since)).execute(&mut *conn).await?;
    let (requests, _) = total(conn).await?;
    let surplus = requests - i64::from(*keys_max);
    if surplus > 0 {
        sqlx::query(REMOVE_SURPLUS).bind(surplus).execute(&mut *conn).await?;
    }
    loop {
        let (_, bytes) = total(conn).await?;
        let surplus = bytes.saturating_sub(integer(*answers_max_bytes));
        if surplus <= 0
            || sqlx::query(DROP_ANSWERS).bind(surplus).execute(&mut *conn).await?.rows_affected() == 0
        {
            return Ok(());
        }
    }
}

/// The number of kept requests, and the bytes of their answers.
async fn total(conn: &mut SqliteConnection) -> Result<(i64, i64), DbError> {
    Ok(sqlx::query_as(TOTAL).fetch_one(conn).await?)
}

impl KeyedReads for Reader {
    fn keyed_request<'a>(&'a self, token: i64, key: &'a str) -> Answer<'a, Option<KeyedRequest>> {
        Box::pin(async move {
            let query = sqlx::query(FIND).bind(token).bind(key);
            let Some(row) = query.fetch_optional(self.pool()).await? else { return Ok(None) };
            let (status, body): (Option<u16>, Option<String>) = (row.try_get(3)?, row.try_get(5)?);
            let etag = row.try_get(4)?;
            let answer = status.zip(body).map(|(status, body)| KeptAnswer { status, etag, body });
            let (digest, at) = (digest_of(&row, 0)?, unsigned(row.try_get(2)?));
            Ok(Some(KeyedRequest { digest, entry: row.try_get(1)?, at, answer }))
        })
    }

    fn keyed_requests(&self, token: i64, since: u64, limit: u32) -> Answer<'_, u32> {
        Box::pin(async move {
            let query = sqlx::query_scalar(COUNT).bind(token).bind(integer(since)).bind(limit);
            Ok(query.fetch_one(self.pool()).await?)
        })
    }
}
