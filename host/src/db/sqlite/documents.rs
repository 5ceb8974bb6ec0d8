//! Events as search reads them.

use std::collections::HashMap;

use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row as _};

use super::deliveries::{DeliveryScope, deliveries_of};
use super::events::summary_of;
use super::reader::Reader;
use super::values::unsigned;
use crate::db::search::SearchSettings;
use crate::db::search::reads::{DocumentPage, DocumentScope, ReadLane};
use crate::db::search::terms::{Document, EventParts, IndexedField};
use crate::db::types::{DbError, InMemoryState};
use crate::db::view::{DeliverySummary, EventSummary};

/// Bodies of a page together, in bytes: they are in memory at once.
const PAGE_MAX_BYTES: i64 = 4 << 20;

/// The events of a page.
enum Rows<'a> {
    Between(i64, i64),
    These(&'a [i64]),
}

impl Rows<'_> {
    /// Appends a condition on a column with the event's number.
    fn push(&self, query: &mut QueryBuilder<Sqlite>, column: &str) {
        query.push(column);
        match self {
            Self::Between(first, last) => {
                query.push(" BETWEEN ").push_bind(*first).push(" AND ").push_bind(*last);
            }
            Self::These(numbers) => {
                query.push(" IN (");
                let mut list = query.separated(", ");
                for number in *numbers {
                    list.push(number);
                }
                query.push(")");
            }
        }
    }
}

impl Reader {
    /// Up to `limit` events, fewer if their bodies are large.
    pub(super) async fn documents(
        &self,
        lane: ReadLane,
        scope: DocumentScope<'_>,
        limit: u32,
        settings: &SearchSettings,
    ) -> Result<DocumentPage, DbError> {
        // The whole page is read at one moment.
        let mut moment = self.pool_of(lane).begin().await?;
        let (numbers, more) = page_numbers(&mut moment, scope, limit).await?;
        let (Some(first), Some(last)) = (numbers.iter().min(), numbers.iter().max()) else {
            return Ok(DocumentPage { documents: Vec::new(), more });
        };
        let rows = match scope {
            DocumentScope::These(_) => Rows::These(&numbers),
            DocumentScope::After(_) | DocumentScope::Between(..) => Rows::Between(*first, *last),
        };
        let mut documents = events(&mut moment, &rows, settings).await?;
        add_deliveries(&mut moment, &rows, &mut documents, settings).await?;
        let mut documents: Vec<_> = documents.into_values().collect();
        documents.sort_unstable_by_key(|document| document.number);
        if matches!(scope, DocumentScope::Between(..)) {
            documents.reverse();
        }
        Ok(DocumentPage { documents, more })
    }

    /// These events as a list shows them, by number. Those that are gone are left out.
    pub(super) async fn summaries(
        &self,
        numbers: &[i64],
        memory: &InMemoryState,
    ) -> Result<Vec<(i64, EventSummary)>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT e.seq, e.source, e.id, e.type, e.created, e.received_at FROM event e WHERE ",
        );
        Rows::These(numbers).push(&mut query, "e.seq");
        let mut moment = self.pool().begin().await?;
        let rows = query.build().persistent(false).fetch_all(&mut *moment).await?;
        let mut deliveries: HashMap<i64, Vec<DeliverySummary>> = HashMap::new();
        let mut all = deliveries_of(&mut moment, DeliveryScope::Events(numbers), memory).await?;
        self.name_blockers(&mut moment, &mut all).await?;
        for stored in all {
            deliveries.entry(stored.id.event).or_default().push(stored.summary());
        }
        let summary = |row: &SqliteRow| {
            let number: i64 = row.try_get(0)?;
            Ok((number, summary_of(row, deliveries.remove(&number).unwrap_or_default())?))
        };
        rows.iter().map(summary).collect()
    }
}

/// The events of a page, and whether there may be more.
async fn page_numbers(
    moment: &mut SqliteConnection,
    scope: DocumentScope<'_>,
    limit: u32,
) -> Result<(Vec<i64>, bool), DbError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT seq, octet_length(body) FROM event WHERE ");
    match scope {
        DocumentScope::After(after) => {
            query.push("seq > ").push_bind(after).push(" ORDER BY seq LIMIT ");
        }
        DocumentScope::Between(after, before) => {
            query.push("seq > ").push_bind(after).push(" AND seq < ").push_bind(before);
            query.push(" ORDER BY seq DESC LIMIT ");
        }
        DocumentScope::These(numbers) => {
            Rows::These(numbers).push(&mut query, "seq");
            query.push(" ORDER BY seq LIMIT ");
        }
    }
    query.push_bind(limit);
    let rows: Vec<(i64, i64)> = query.build_query_as().persistent(false).fetch_all(moment).await?;
    let mut bytes = 0;
    let fit = rows.iter().take_while(|(_, body)| {
        let is_first = bytes == 0;
        bytes += body;
        is_first || bytes <= PAGE_MAX_BYTES
    });
    let numbers: Vec<_> = fit.map(|(number, _)| *number).collect();
    let more = numbers.len() < rows.len() || rows.len() >= limit as usize;
    Ok((numbers, more))
}

async fn events(
    moment: &mut SqliteConnection,
    rows: &Rows<'_>,
    settings: &SearchSettings,
) -> Result<HashMap<i64, Document>, DbError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT seq, source, id, type, received_at, ordering_key, body FROM event WHERE ",
    );
    rows.push(&mut query, "seq");
    let found = query.build().persistent(false).fetch_all(moment).await?;
    let document = |row: &SqliteRow| {
        let parts = EventParts {
            number: row.try_get(0)?,
            source: row.try_get(1)?,
            id: row.try_get(2)?,
            event_type: row.try_get(3)?,
            received_at: unsigned(row.try_get(4)?),
            ordering_key: row.try_get(5)?,
            body: row.try_get(6)?,
        };
        Ok((parts.number, Document::of(&parts, settings)))
    };
    found.iter().map(document).collect()
}

/// Adds the terms that events get after they were stored, and those of their cause.
async fn add_deliveries(
    moment: &mut SqliteConnection,
    rows: &Rows<'_>,
    documents: &mut HashMap<i64, Document>,
    settings: &SearchSettings,
) -> Result<(), DbError> {
    for (sql, column, field) in [
        ("SELECT event_seq, plugin FROM delivery WHERE ", "event_seq", IndexedField::Plugin),
        ("SELECT event_seq, CAST(replay AS TEXT) FROM replayed WHERE ", "event_seq", IndexedField::Replay),
        (
            "SELECT c.event_seq, e.id FROM cause c JOIN event e ON e.seq = c.caused_by_event WHERE ",
            "c.event_seq",
            IndexedField::CausedBy,
        ),
        (
            "SELECT event_seq, outcome FROM attempt WHERE outcome <> 'done' AND ",
            "event_seq",
            IndexedField::Outcome,
        ),
    ] {
        let mut query = QueryBuilder::<Sqlite>::new(sql);
        rows.push(&mut query, column);
        for row in query.build().persistent(false).fetch_all(&mut *moment).await? {
            if let Some(document) = documents.get_mut(&row.try_get(0)?) {
                document.add(field.clone(), row.try_get(1)?, settings);
            }
        }
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT a.event_seq, e.source, a.reason FROM attempt a JOIN event e ON e.seq = a.event_seq
        WHERE a.reason IS NOT NULL AND ",
    );
    rows.push(&mut query, "a.event_seq");
    query.push(" ORDER BY a.event_seq, a.delivery_number, a.number");
    for row in query.build().persistent(false).fetch_all(moment).await? {
        if let Some(document) = documents.get_mut(&row.try_get(0)?) {
            document.add_reason(row.try_get(1)?, row.try_get(2)?, settings);
        }
    }
    Ok(())
}
