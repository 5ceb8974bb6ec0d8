//! Idempotency keys in `SQLite`: kept in order of acceptance, found by hash.
//!
//! Keys come into the index late and many at a time; until then memory says where they are (`recent.rs`). Index
//! and memory only say where a key may be: `idempotency_key` alone says who has it, so an entry too many does no
//! harm.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Connection as _, QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::bulk::{Bulk, BulkPair};
use super::recent::{Place, Progress, Recent, Step, hash, hashes};
use super::rows::text;
use super::values::{digest_of, integer};
use crate::db::storage::NewEvent;
use crate::db::types::DbError;
use crate::event::Digest;

/// The parts of the index, without a look at all that is in them.
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

/// Keys are read so many at a time.
const PAGE: i64 = 4096;
/// An index that is far behind takes so many at a time.
const CATCH_UP: i64 = 1 << 20;

/// Recent keys, for the writer and for readers.
pub(super) struct SharedRecent(Mutex<Recent<Place>>);

impl SharedRecent {
    fn lock(&self) -> MutexGuard<'_, Recent<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which rows of a table are meant that has an id, its source, and a column with the event's number: those
    /// of an id under one source or under all. What moves into the index meanwhile is in it for a query that
    /// begins after this.
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
        for place in self.lock().find(Place::with(hashes)) {
            query.push(" UNION ALL SELECT ").push_bind(place.seq);
        }
        query.push(")");
    }
}

/// The writer's side, and what its open transaction does.
pub(super) struct Keys {
    keys_and_index: BulkPair,
    indexed: Bulk,
    recent_ones: Bulk,
    recent: Arc<SharedRecent>,
    /// Whether `recent` is known to be what is stored.
    loaded: bool,
    taken: Vec<Place>,
    step: Step<Place>,
}

impl Keys {
    /// Learns what is stored. Up to `recent_max` keys, and a batch, are kept out of the index.
    pub(super) async fn open(conn: &mut SqliteConnection, recent_max: usize) -> Result<Self, DbError> {
        let mut keys = Self {
            keys_and_index: BulkPair::new((KEYS, 5), (INDEX, 2)),
            indexed: Bulk::new(INDEXED, 4),
            recent_ones: Bulk::new(RECENT, 4),
            recent: Arc::new(SharedRecent(Mutex::new(Recent::new(recent_max)))),
            loaded: false,
            taken: Vec::new(),
            step: Step::default(),
        };
        keys.catch_up(conn, i64::try_from(recent_max).unwrap_or(i64::MAX)).await?;
        keys.load(conn).await?;
        Ok(keys)
    }

    pub(super) fn recent(&self) -> Arc<SharedRecent> {
        Arc::clone(&self.recent)
    }

    /// Takes the keys of events, as [`Backend::take_keys`](crate::db::storage::Backend::take_keys) says, and
    /// moves as many into the index.
    pub(super) async fn take(
        &mut self,
        conn: &mut SqliteConnection,
        events: &[&NewEvent],
    ) -> Result<Vec<Option<Digest>>, DbError> {
        if !self.loaded {
            self.load(conn).await?;
        }
        let owners = self.owners(conn, events).await?;
        let free: Vec<_> =
            events.iter().zip(&owners).filter(|(_, owner)| owner.is_none()).map(|(new, _)| *new).collect();
        self.step = self.recent.lock().step(free.len());
        let (keys, index) = ((&free[..], bind_key as _), (&self.step.entries[..], bind_place as _));
        self.keys_and_index.execute(conn, keys, index).await?;
        if !self.step.entries.is_empty() {
            store(conn, self.step.after).await?;
        }
        self.taken = free.into_iter().map(place_of).collect();
        Ok(owners)
    }

    /// The transaction is committed.
    pub(super) fn committed(&mut self) {
        let mut recent = self.recent.lock();
        self.taken.drain(..).for_each(|place| recent.add(place));
        recent.moved(std::mem::take(&mut self.step));
    }

    /// It is not.
    pub(super) fn undone(&mut self) {
        self.taken.clear();
        self.step = Step::default();
    }

    /// It may be: look before the next one.
    pub(super) fn in_doubt(&mut self) {
        self.loaded = false;
    }

    async fn owners(
        &self,
        conn: &mut SqliteConnection,
        events: &[&NewEvent],
    ) -> Result<Vec<Option<Digest>>, DbError> {
        let places: Vec<_> = events.iter().map(|new| place_of(new)).collect();
        let asked = || (0_i64..).zip(&places).zip(events);
        let by_hash: Vec<Asked<'_>> =
            asked().map(|((number, place), new)| (number, place.hash, *new)).collect();
        let mut by_seq: Vec<Asked<'_>> = Vec::new();
        {
            let recent = self.recent.lock();
            for ((number, place), new) in asked() {
                by_seq.extend(
                    recent.find(Place::with(place.hash..=place.hash)).map(|at| (number, at.seq, *new)),
                );
            }
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

    /// Reads which keys the index does not have.
    async fn load(&mut self, conn: &mut SqliteConnection) -> Result<(), DbError> {
        let progress = progress(conn).await?;
        let places = places(conn, progress.done_seq, i64::MAX).await?;
        self.recent.lock().load(progress, places);
        self.loaded = true;
        Ok(())
    }

    /// Puts all but the newest keys into an index that is far behind, as after an update.
    async fn catch_up(&mut self, conn: &mut SqliteConnection, recent_max: i64) -> Result<(), DbError> {
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT max(event_seq) FROM idempotency_key").fetch_one(&mut *conn).await?;
        let end = newest.unwrap_or(0).saturating_sub(recent_max);
        let mut done = progress(conn).await?.done_seq;
        if end - done <= recent_max {
            return Ok(());
        }
        tracing::info!(keys = end - done, "putting ids into the index");
        while done < end {
            let last = done.saturating_add(CATCH_UP).min(end);
            let mut places = places(conn, done, last).await?;
            places.sort_unstable_by_key(|place| (place.part(), *place));
            let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
            let none: &[&NewEvent] = &[];
            let (keys, index) = ((none, bind_key as _), (&places[..], bind_place as _));
            self.keys_and_index.execute(&mut transaction, keys, index).await?;
            store(&mut transaction, Progress { done_seq: last, moving_seq: last, ..Progress::default() })
                .await?;
            transaction.commit().await?;
            done = last;
        }
        Ok(())
    }
}

/// A key that is asked for: its number in the batch, its hash or its event's number, and itself.
type Asked<'a> = (i64, i64, &'a NewEvent);

fn place_of(new: &NewEvent) -> Place {
    Place::of(new.event.source.as_str(), &new.event.id, new.seq)
}

fn bind_asked(row: &mut SqliteArguments, (number, at, new): &Asked<'_>) -> Result<(), BoxDynError> {
    row.add(*number)?;
    row.add(*at)?;
    row.add(text(new.event.source.as_str()))?;
    row.add(text(&new.event.id))
}

fn bind_key(row: &mut SqliteArguments, new: &NewEvent) -> Result<(), BoxDynError> {
    row.add(new.seq)?;
    row.add(text(new.event.source.as_str()))?;
    row.add(text(&new.event.id))?;
    row.add(&new.event.digest.0[..])?;
    row.add(integer(new.event.received_at))
}

pub(super) fn bind_place(row: &mut SqliteArguments, place: &Place) -> Result<(), BoxDynError> {
    row.add(place.hash)?;
    row.add(place.seq)
}

/// Where the keys after an event are, up to that of `last`.
async fn places(conn: &mut SqliteConnection, after: i64, last: i64) -> Result<Vec<Place>, DbError> {
    // A row takes longer to hand over than to read: many come as one.
    let sql = "SELECT json_group_array(json_array(source, id, event_seq)) FROM (
        SELECT source, id, event_seq FROM idempotency_key WHERE event_seq > ? AND event_seq <= ?
        ORDER BY event_seq LIMIT ?)";
    let (mut places, mut after): (Vec<Place>, _) = (Vec::new(), after);
    loop {
        let page: String =
            sqlx::query_scalar(sql).bind(after).bind(last).bind(PAGE).fetch_one(&mut *conn).await?;
        let keys: Vec<(Cow<'_, str>, Cow<'_, str>, i64)> =
            serde_json::from_str(&page).map_err(|error| DbError::Unavailable(error.to_string()))?;
        let Some((_, _, newest)) = keys.last() else { return Ok(places) };
        after = *newest;
        places.extend(keys.iter().map(|(source, id, seq)| Place::of(source, id, *seq)));
    }
}

async fn progress(conn: &mut SqliteConnection) -> Result<Progress<Place>, DbError> {
    let sql = "SELECT done_seq, moving_seq, next_hash, next_seq FROM key_progress";
    let (done_seq, moving_seq, hash, seq) = sqlx::query_as(sql).fetch_one(conn).await?;
    Ok(Progress { done_seq, moving_seq, next: Place { hash, seq } })
}

async fn store(conn: &mut SqliteConnection, progress: Progress<Place>) -> Result<(), DbError> {
    sqlx::query("UPDATE key_progress SET done_seq = ?, moving_seq = ?, next_hash = ?, next_seq = ?")
        .bind(progress.done_seq)
        .bind(progress.moving_seq)
        .bind(progress.next.hash)
        .bind(progress.next.seq)
        .execute(conn)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Name};

    fn new(id: &str, seq: i64) -> NewEvent {
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
        };
        NewEvent { seq, event: Arc::new(event), to: Vec::new() }
    }

    /// A commit may fail and be on disk all the same: only a look tells.
    #[tokio::test]
    async fn after_a_commit_in_doubt_the_disk_says_whose_an_id_is() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("./migrations/sqlite").run(&mut conn).await.unwrap();
        let mut keys = Keys::open(&mut conn, 2).await.unwrap();
        for (seq, (end, stored)) in (1..).step_by(2).zip([("ROLLBACK", false), ("COMMIT", true)].repeat(9)) {
            let [first, second] = [seq, seq + 1].map(|new_seq| new(&format!("evt_{seq}"), new_seq));
            sqlx::query("BEGIN").execute(&mut conn).await.unwrap();
            assert_eq!(keys.take(&mut conn, &[&first]).await.unwrap(), [None]);
            sqlx::query(end).execute(&mut conn).await.unwrap();
            keys.in_doubt();
            keys.undone();

            sqlx::query("BEGIN").execute(&mut conn).await.unwrap();
            let owners = keys.take(&mut conn, &[&second]).await.unwrap();
            assert_eq!(owners, [stored.then_some(first.event.digest)], "{seq} {end}");
            sqlx::query("COMMIT").execute(&mut conn).await.unwrap();
            keys.committed();
        }
        let indexed: i64 =
            sqlx::query_scalar("SELECT count(*) FROM key_index").fetch_one(&mut conn).await.unwrap();
        assert!(indexed > 0);
    }
}
