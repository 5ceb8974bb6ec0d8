//! The audit log in `SQLite`.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::keyed;
use super::reader::Reader;
use super::values::{digest_of, integer, parse, unsigned};
use crate::audit::{Actor, Entry, EntryFilter, Head, Record};
use crate::db::types::DbError;
use crate::event::now_ms;

const COLUMNS: &str =
    "SELECT number, at, actor_kind, actor, address, action, target, before, after, note, result, hash
    FROM audit";
const HEAD: &str = "SELECT number, hash FROM audit_head WHERE id = 1";
const LAST: &str = "SELECT after FROM audit WHERE action = ? AND target = ? ORDER BY number DESC LIMIT 1";
const INSERT: &str = "INSERT INTO audit
    (number, at, actor_kind, actor, address, action, target, before, after, note, result, hash)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const ADVANCE: &str = "UPDATE audit_head SET number = ?, hash = ? WHERE id = 1";

/// Appends the entry of a record, and the idempotency key of its request, in the transaction of its change.
pub(super) async fn append(conn: &mut SqliteConnection, record: &Record) -> Result<(), DbError> {
    let head = head(&mut *conn).await?;
    let changed;
    let mut record = record;
    if record.is_observation() {
        let query = sqlx::query_scalar(LAST).bind(record.action()).bind(record.target());
        let last: Option<Option<String>> = query.fetch_optional(&mut *conn).await?;
        match record.since(last.flatten().as_deref()) {
            Some(since) => changed = since,
            None => return Ok(()),
        }
        record = &changed;
    }
    let entry = Entry::seal(&head, now_ms(), record);
    sqlx::query(INSERT)
        .bind(entry.number)
        .bind(integer(entry.at))
        .bind(entry.actor.kind.as_str())
        .bind(&entry.actor.name)
        .bind(&entry.actor.address)
        .bind(&entry.action)
        .bind(&entry.target)
        .bind(&entry.before)
        .bind(&entry.after)
        .bind(&entry.note)
        .bind(&entry.result)
        .bind(&entry.hash.0[..])
        .execute(&mut *conn)
        .await?;
    sqlx::query(ADVANCE).bind(entry.number).bind(&entry.hash.0[..]).execute(&mut *conn).await?;
    keyed::insert(conn, record, &entry).await
}

/// The stored head.
pub(super) async fn head(conn: &mut SqliteConnection) -> Result<Head, DbError> {
    head_of(&sqlx::query(HEAD).fetch_one(conn).await?)
}

/// Up to `limit` entries after this one, in order.
pub(super) async fn entries_after(
    conn: &mut SqliteConnection,
    after: i64,
    limit: u32,
) -> Result<Vec<Entry>, DbError> {
    let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
    query.push(" WHERE number > ").push_bind(after).push(" ORDER BY number LIMIT ").push_bind(limit);
    query.build().fetch_all(conn).await?.iter().map(entry_of).collect()
}

impl Reader {
    pub(super) async fn audit_page(&self, after: i64, limit: u32) -> Result<(Vec<Entry>, Head), DbError> {
        let mut snapshot = self.pool().begin().await?;
        let stored = head(&mut snapshot).await?;
        let entries = entries_after(&mut snapshot, after, limit).await?;
        snapshot.commit().await?;
        Ok((entries, stored))
    }

    pub(super) async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<Entry>, DbError> {
        entries_after(&mut *self.pool().acquire().await?, after, limit).await
    }

    /// Entries before this one, the newest first.
    pub(super) async fn audit(
        &self,
        filter: &EntryFilter,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push(" WHERE number < ").push_bind(before);
        let EntryFilter { since, actor, action, target } = filter;
        if let Some(since) = since {
            query.push(" AND at >= ").push_bind(integer(*since));
        }
        if let Some(actor) = actor {
            query.push(" AND actor = ").push_bind(actor);
        }
        if let Some(action) = action {
            let below = format!("{action}.");
            query.push(" AND (action = ").push_bind(action).push(" OR substr(action, 1, ");
            query.push_bind(integer(below.chars().count() as u64)).push(") = ").push_bind(below).push(")");
        }
        if let Some(target) = target {
            query.push(" AND target = ").push_bind(target);
        }
        query.push(" ORDER BY number DESC LIMIT ").push_bind(limit);
        query.build().fetch_all(self.pool()).await?.iter().map(entry_of).collect()
    }
}

fn head_of(row: &SqliteRow) -> Result<Head, DbError> {
    Ok(Head { number: row.try_get(0)?, hash: digest_of(row, 1)? })
}

fn entry_of(row: &SqliteRow) -> Result<Entry, DbError> {
    Ok(Entry {
        number: row.try_get(0)?,
        at: unsigned(row.try_get(1)?),
        actor: Actor { kind: parse(row.try_get(2)?)?, name: row.try_get(3)?, address: row.try_get(4)? },
        action: row.try_get(5)?,
        target: row.try_get(6)?,
        before: row.try_get(7)?,
        after: row.try_get(8)?,
        note: row.try_get(9)?,
        result: row.try_get(10)?,
        hash: digest_of(row, 11)?,
    })
}
