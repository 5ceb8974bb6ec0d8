//! Idempotency keys in `SQLite`: kept in order of acceptance, found by hash.
//!
//! Keys enter the index late (`late_index/`). Index and memory only give the possible places of a key. The table
//! `idempotency_key` alone decides, so a surplus entry does no harm.

use std::sync::Arc;

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Connection as _, QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::bulk::{BulkStatement, BulkStatementPair};
use super::key_place::{KeyPlace, hash, hashes};
use super::late_index::{LateIndex, Progress};
use super::rows::text;
use super::values::{digest_of, integer};
use crate::db::types::DbError;
use crate::db::writer::batch::NumberedEvent;
use crate::event::Digest;

/// The parts of the index, without reading all entries in them.
macro_rules! parts {
    () => {
        "(WITH RECURSIVE parts(part) AS (
            SELECT min(part) FROM key_index
            UNION ALL SELECT part + 1 FROM parts WHERE part < (SELECT max(part) FROM key_index))
        SELECT part FROM parts)"
    };
}

const KEYS: &str = "INSERT INTO idempotency_key (event_seq, source, id, digest, received_at)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const INDEX: &str = "INSERT OR IGNORE INTO key_index (part, hash, event_seq)
    SELECT column2 >> 23, column1, column2 FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const INDEXED: &str = concat!(
    "SELECT v.column1, i.digest FROM (VALUES {rows}) v
    CROSS JOIN key_index k ON k.hash = v.column2 AND k.part IN ",
    parts!(),
    " CROSS JOIN idempotency_key i ON i.event_seq = k.event_seq AND i.source = v.column3 AND i.id = v.column4"
);
const RECENT: &str = "SELECT v.column1, i.digest FROM (VALUES {rows}) v CROSS JOIN idempotency_key i
    ON i.event_seq = v.column2 AND i.source = v.column3 AND i.id = v.column4";

/// Keys per step while an index that is far behind catches up.
const CATCH_UP: i64 = 1 << 20;

impl LateIndex<KeyPlace> {
    /// Appends the condition for an event's rows in a table with its id, its source and a column with its
    /// number. The id is one of a single source, or of all.
    pub(super) fn push_key(
        &self,
        query: &mut QueryBuilder<Sqlite>,
        (table, seq): (&str, &str),
        source: Option<&str>,
        id: &str,
    ) {
        query.push(format_args!("{table}.id = ")).push_bind(id.to_owned());
        if let Some(source) = source {
            query.push(format_args!(" AND {table}.source = ")).push_bind(source.to_owned());
        }
        let hashes = source.map_or_else(|| hashes(id), |source| hash(source, id)..=hash(source, id));
        query.push(format_args!(" AND {table}.{seq} IN (SELECT event_seq FROM key_index WHERE part IN "));
        query.push(concat!(parts!(), " AND hash BETWEEN "));
        query.push_bind(*hashes.start()).push(" AND ").push_bind(*hashes.end());
        for place in self.find(&KeyPlace::with(hashes)) {
            query.push(" UNION ALL SELECT ").push_bind(place.seq);
        }
        query.push(")");
    }
}

/// The writer's side.
pub(super) struct Keys {
    keys_and_index: BulkStatementPair,
    indexed: BulkStatement,
    recent_ones: BulkStatement,
    index: Arc<LateIndex<KeyPlace>>,
}

impl Keys {
    /// Reads the stored keys. Up to `recent_max` keys, and a batch, are kept out of the index.
    pub(super) async fn open(conn: &mut SqliteConnection, recent_max: usize) -> Result<Self, DbError> {
        let keys = Self {
            keys_and_index: BulkStatementPair::new((KEYS, 5), (INDEX, 2)),
            indexed: BulkStatement::new(INDEXED, 4),
            recent_ones: BulkStatement::new(RECENT, 4),
            index: Arc::new(LateIndex::new(recent_max)),
        };
        keys.catch_up(conn, i64::try_from(recent_max).unwrap_or(i64::MAX)).await?;
        keys.index.begin(conn).await?;
        Ok(keys)
    }

    /// The index of keys, for readers.
    pub(super) fn index(&self) -> &Arc<LateIndex<KeyPlace>> {
        &self.index
    }

    /// Takes the keys of events, and moves as many into the index. Returns for each event, in order, `None`
    /// if its key was free, or the digest that has it.
    pub(super) async fn take(
        &self,
        conn: &mut SqliteConnection,
        events: &[&NumberedEvent],
    ) -> Result<Vec<Option<Digest>>, DbError> {
        let owners = self.owners(conn, events).await?;
        let free: Vec<_> =
            events.iter().zip(&owners).filter(|(_, owner)| owner.is_none()).map(|(new, _)| *new).collect();
        let places: Vec<_> = free.iter().map(|new| place_of(new)).collect();
        let moving = self.index.exchange(&places);
        let (keys, moving) = ((&free[..], bind_key as _), (&moving[..], bind_place as _));
        self.keys_and_index.execute(conn, keys, moving).await?;
        self.index.store_progress(conn).await?;
        Ok(owners)
    }

    async fn owners(
        &self,
        conn: &mut SqliteConnection,
        events: &[&NumberedEvent],
    ) -> Result<Vec<Option<Digest>>, DbError> {
        let places: Vec<_> = events.iter().map(|new| place_of(new)).collect();
        let asked = || (0_i64..).zip(&places).zip(events);
        let by_hash: Vec<Asked<'_>> =
            asked().map(|((number, place), new)| (number, place.hash, *new)).collect();
        let mut by_seq: Vec<Asked<'_>> = Vec::new();
        for ((number, place), new) in asked() {
            let recent = self.index.find(&KeyPlace::with(place.hash..=place.hash));
            by_seq.extend(recent.into_iter().map(|at| (number, at.seq, *new)));
        }
        let mut found = self.indexed.fetch(conn, &by_hash, bind_asked).await?;
        found.extend(self.recent_ones.fetch(conn, &by_seq, bind_asked).await?);
        let mut owners = vec![None; events.len()];
        for row in &found {
            let number = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
            if let Some(owner) = owners.get_mut(number) {
                *owner = Some(digest_of(row, 1)?);
            }
        }
        Ok(owners)
    }

    /// Puts all but the newest keys into an index that is far behind, as after an update.
    async fn catch_up(&self, conn: &mut SqliteConnection, recent_max: i64) -> Result<(), DbError> {
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT max(event_seq) FROM idempotency_key").fetch_one(&mut *conn).await?;
        let end = newest.unwrap_or(0).saturating_sub(recent_max);
        let mut done = LateIndex::<KeyPlace>::read_progress(conn).await?.done_seq;
        if end - done <= recent_max {
            return Ok(());
        }
        tracing::info!(keys = end - done, "putting ids into the index");
        while done < end {
            let last = done.saturating_add(CATCH_UP).min(end);
            let mut places = KeyPlace::between(conn, done, last).await?;
            places.sort_unstable_by_key(|place| (place.part(), *place));
            let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
            let none: &[&NumberedEvent] = &[];
            let (keys, index) = ((none, bind_key as _), (&places[..], bind_place as _));
            self.keys_and_index.execute(&mut transaction, keys, index).await?;
            let progress = Progress { done_seq: last, moving_seq: last, ..Progress::default() };
            LateIndex::<KeyPlace>::write_progress(&mut transaction, progress).await?;
            transaction.commit().await?;
            done = last;
        }
        Ok(())
    }
}

/// A key that is asked for: its number in the batch, its hash or its event's number, and itself.
type Asked<'a> = (i64, i64, &'a NumberedEvent);

fn place_of(new: &NumberedEvent) -> KeyPlace {
    KeyPlace::of(new.event.source.as_str(), &new.event.id, new.seq)
}

fn bind_asked(row: &mut SqliteArguments, (number, at, new): &Asked<'_>) -> Result<(), BoxDynError> {
    row.add(*number)?;
    row.add(*at)?;
    row.add(text(new.event.source.as_str()))?;
    row.add(text(&new.event.id))
}

fn bind_key(row: &mut SqliteArguments, new: &NumberedEvent) -> Result<(), BoxDynError> {
    row.add(new.seq)?;
    row.add(text(new.event.source.as_str()))?;
    row.add(text(&new.event.id))?;
    row.add(&new.event.digest.0[..])?;
    row.add(integer(new.event.received_at))
}

pub(super) fn bind_place(row: &mut SqliteArguments, place: &KeyPlace) -> Result<(), BoxDynError> {
    row.add(place.hash)?;
    row.add(place.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Name};

    fn new(id: &str, seq: i64) -> NumberedEvent {
        let event = Event {
            source: Name::new("s").unwrap(),
            id: id.into(),
            event_type: "t".into(),
            created: String::new(),
            received_at: 0,
            body: bytes::Bytes::new(),
            payload: 0..0,
            ordering_key: None,
            digest: Digest::of(&seq.to_be_bytes()),
            origin: None,
            trace: None,
            metadata: None,
        };
        NumberedEvent { seq, event: Arc::new(event), to: Vec::new() }
    }

    /// A commit may fail and be on disk all the same: only reading shows it.
    #[tokio::test]
    async fn after_a_commit_in_doubt_the_owner_of_an_id_is_read_from_disk() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("./migrations/sqlite").run(&mut conn).await.unwrap();
        let keys = Keys::open(&mut conn, 2).await.unwrap();
        for (seq, (end, stored)) in (1..).step_by(2).zip([("ROLLBACK", false), ("COMMIT", true)].repeat(9)) {
            let [first, second] = [seq, seq + 1].map(|new_seq| new(&format!("evt_{seq}"), new_seq));
            sqlx::query("BEGIN").execute(&mut conn).await.unwrap();
            keys.index.begin(&mut conn).await.unwrap();
            assert_eq!(keys.take(&mut conn, &[&first]).await.unwrap(), [None]);
            sqlx::query(end).execute(&mut conn).await.unwrap();
            keys.index.in_doubt();
            keys.index.undone();

            sqlx::query("BEGIN").execute(&mut conn).await.unwrap();
            keys.index.begin(&mut conn).await.unwrap();
            let owners = keys.take(&mut conn, &[&second]).await.unwrap();
            assert_eq!(owners, [stored.then_some(first.event.digest)], "{seq} {end}");
            sqlx::query("COMMIT").execute(&mut conn).await.unwrap();
            keys.index.committed();
        }
        let indexed: i64 =
            sqlx::query_scalar("SELECT count(*) FROM key_index").fetch_one(&mut conn).await.unwrap();
        assert!(indexed > 0);
    }
}
