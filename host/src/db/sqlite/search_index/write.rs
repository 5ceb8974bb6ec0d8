//! Writes terms into the index.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, Connection as _};

use super::{SearchIndex, part_of};
use crate::db::search::IndexPosition;
use crate::db::search::terms::{Document, IndexedField, Term};
use crate::db::sqlite::bulk::BulkStatement;
use crate::db::sqlite::rows::text;
use crate::db::sqlite::values::integer;
use crate::event::Digest;

const INSERT_TERMS: &str = "INSERT OR IGNORE INTO term (part, reversed, field, text, event)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const DELETE_TERMS: &str = "DELETE FROM term WHERE (part, reversed, field, text, event) IN
    (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const INSERT_DOCUMENTS: &str = "INSERT OR REPLACE INTO document (event, received_at, terms)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const EXTEND_PART: &str = "INSERT INTO part VALUES (?1, ?2, ?3) ON CONFLICT (part) DO UPDATE SET
    received_first = min(received_first, ?2), received_last = max(received_last, ?3)";
const REMOVE_EMPTY_PART: &str = "DELETE FROM part WHERE part = ?1 AND NOT EXISTS
    (SELECT 1 FROM document WHERE event BETWEEN ?2 AND ?3)";

/// A row of the table `term`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    part: i64,
    reversed: bool,
    field: i64,
    text: String,
    event: i64,
}

/// The connection that writes.
pub(in crate::db) struct IndexWriter {
    conn: SqliteConnection,
    index: Arc<SearchIndex>,
    insert: BulkStatement,
    delete: BulkStatement,
    documents: BulkStatement,
    /// Whether something that was removed may still be in the log, also from before a kill.
    has_remains: bool,
}

/// A step of the follower, which is one transaction.
#[derive(Debug, Default)]
pub(in crate::db) struct IndexStep<'a> {
    /// Events to put in, or to replace.
    pub(in crate::db) documents: &'a [Document],
    /// Events to take out.
    pub(in crate::db) gone: &'a [i64],
    /// How far the index is then.
    pub(in crate::db) position: IndexPosition,
    /// The identity of the last event, if it is another one.
    pub(in crate::db) last: Option<(Digest, u64)>,
}

impl IndexWriter {
    pub(super) fn new(conn: SqliteConnection, index: Arc<SearchIndex>) -> Self {
        Self {
            conn,
            index,
            insert: BulkStatement::new(INSERT_TERMS, 5),
            delete: BulkStatement::new(DELETE_TERMS, 5),
            documents: BulkStatement::new(INSERT_DOCUMENTS, 3),
            has_remains: true,
        }
    }

    /// Carries out a step. On an error nothing of it is done.
    pub(in crate::db) async fn apply(&mut self, step: &IndexStep<'_>) -> Result<(), sqlx::Error> {
        let mut fields = self.index.memory().fields.clone();
        let known = fields.len();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.conn).await?;
        let done = match self.write(step, &mut fields).await {
            Ok(()) => sqlx::query("COMMIT").execute(&mut self.conn).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            // There may be no transaction any more.
            let _ = sqlx::query("ROLLBACK").execute(&mut self.conn).await;
            return self.index.note(Err(error));
        }
        let mut memory = self.index.memory();
        memory.position = step.position;
        if fields.len() > known {
            memory.fields = fields;
        }
        Ok(())
    }

    async fn write(
        &mut self,
        step: &IndexStep<'_>,
        fields: &mut HashMap<IndexedField, i64>,
    ) -> Result<(), sqlx::Error> {
        let before = self.index.position();
        let replaced = step.documents.iter().map(|document| document.number);
        let replaced = replaced.filter(|number| *number <= before.through).chain(step.gone.iter().copied());
        let replaced: Vec<_> = replaced.collect();
        if !replaced.is_empty() {
            self.take_out(&replaced).await?;
        }
        self.put_in(step.documents, fields).await?;
        for number in step.gone {
            let part = part_of(*number);
            let (first, last) = (part << super::PART_BITS, ((part + 1) << super::PART_BITS) - 1);
            let query = sqlx::query(REMOVE_EMPTY_PART).bind(part).bind(first).bind(last);
            query.execute(&mut self.conn).await?;
        }
        let IndexPosition { through, changes } = step.position;
        let query = sqlx::query("UPDATE state SET through = ?, changes = ?").bind(through).bind(changes);
        query.execute(&mut self.conn).await?;
        if let Some((digest, received_at)) = step.last {
            let query = sqlx::query("UPDATE state SET digest = ?, received_at = ?");
            query.bind(digest.0.to_vec()).bind(integer(received_at)).execute(&mut self.conn).await?;
        }
        Ok(())
    }

    /// Removes all terms of events.
    async fn take_out(&mut self, numbers: &[i64]) -> Result<(), sqlx::Error> {
        let mut rows = Vec::new();
        for number in numbers {
            let query = sqlx::query_scalar("SELECT terms FROM document WHERE event = ?").bind(number);
            let terms: Option<String> = query.fetch_optional(&mut self.conn).await?;
            let Some(terms) = terms else { continue };
            // The file is this program's own; terms that cannot be read are those of a damaged one.
            let terms: Vec<(i64, String, bool)> =
                serde_json::from_str(&terms).map_err(|error| sqlx::Error::Decode(error.into()))?;
            let delete = sqlx::query("DELETE FROM document WHERE event = ?").bind(number);
            delete.execute(&mut self.conn).await?;
            for (field, text, has_suffix) in terms {
                add_rows(&mut rows, *number, field, text, has_suffix);
            }
        }
        rows.sort_unstable();
        self.has_remains |= !rows.is_empty();
        self.delete.execute(&mut self.conn, &rows, bind_row).await?;
        Ok(())
    }

    async fn put_in(
        &mut self,
        documents: &[Document],
        fields: &mut HashMap<IndexedField, i64>,
    ) -> Result<(), sqlx::Error> {
        let (mut rows, mut stored) = (Vec::new(), Vec::with_capacity(documents.len()));
        let mut parts: HashMap<i64, (u64, u64)> = HashMap::new();
        for document in documents {
            let mut terms = Vec::with_capacity(document.terms.len());
            for Term { field, text, is_cut } in &document.terms {
                let has_suffix = field.has_suffixes() && !is_cut;
                let field = self.field(field, fields).await?;
                terms.push((field, text, has_suffix));
                add_rows(&mut rows, document.number, field, text.clone(), has_suffix);
            }
            let terms = serde_json::to_string(&terms).map_err(|error| sqlx::Error::Encode(error.into()))?;
            stored.push((document.number, document.received_at, terms));
            let at = document.received_at;
            let part = parts.entry(part_of(document.number)).or_insert((at, at));
            *part = (part.0.min(at), part.1.max(at));
        }
        // In the order of the table.
        rows.sort_unstable();
        self.insert.execute(&mut self.conn, &rows, bind_row).await?;
        self.documents.execute(&mut self.conn, &stored, bind_document).await?;
        for (part, (first, last)) in parts {
            let query = sqlx::query(EXTEND_PART).bind(part).bind(integer(first)).bind(integer(last));
            query.execute(&mut self.conn).await?;
        }
        Ok(())
    }

    /// The number of a field, which is made if it is new.
    async fn field(
        &mut self,
        field: &IndexedField,
        fields: &mut HashMap<IndexedField, i64>,
    ) -> Result<i64, sqlx::Error> {
        if let Some(id) = fields.get(field) {
            return Ok(*id);
        }
        let query = sqlx::query_scalar("INSERT INTO field (name) VALUES (?) RETURNING id");
        let id: i64 = query.bind(field.to_name()).fetch_one(&mut self.conn).await?;
        fields.insert(field.clone(), id);
        Ok(id)
    }

    /// Up to `limit` indexed events between two numbers, both included.
    pub(in crate::db) async fn numbers_between(
        &mut self,
        (first, last): (i64, i64),
        limit: u32,
    ) -> Result<Vec<i64>, sqlx::Error> {
        let sql = "SELECT event FROM document WHERE event BETWEEN ? AND ? ORDER BY event LIMIT ?";
        let found =
            sqlx::query_scalar(sql).bind(first).bind(last).bind(limit).fetch_all(&mut self.conn).await;
        self.index.note(found)
    }

    /// Whether removed terms are still in the log.
    pub(in crate::db) fn has_remains(&self) -> bool {
        self.has_remains
    }

    /// Moves the log into the file, and empties it, unless a reader needs it.
    pub(in crate::db) async fn empty_log(&mut self) -> Result<(), sqlx::Error> {
        let query = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)");
        let busy: i64 = self.index.note(query.fetch_one(&mut self.conn).await)?;
        self.has_remains = busy != 0;
        Ok(())
    }

    /// Closes it. The file is then complete without its log, if its readers are closed.
    pub(in crate::db) async fn close(self) -> Result<(), sqlx::Error> {
        self.conn.close().await
    }
}

fn add_rows(rows: &mut Vec<Row>, event: i64, field: i64, text: String, has_suffix: bool) {
    let part = part_of(event);
    if has_suffix {
        rows.push(Row { part, reversed: true, text: text.chars().rev().collect(), field, event });
    }
    rows.push(Row { part, reversed: false, text, field, event });
}

fn bind_row(
    row: &mut SqliteArguments,
    Row { part, reversed, text: term, field, event }: &Row,
) -> Result<(), BoxDynError> {
    row.add(*part)?;
    row.add(i64::from(*reversed))?;
    row.add(*field)?;
    row.add(text(term))?;
    row.add(*event)
}

fn bind_document(
    row: &mut SqliteArguments,
    (event, received_at, terms): &(i64, u64, String),
) -> Result<(), BoxDynError> {
    row.add(*event)?;
    row.add(integer(*received_at))?;
    row.add(text(terms))
}
