//! An index that is written late and many entries at a time.
//!
//! Ids and hashes of ordering keys are as good as random. In a large index each new one has a page to itself, which
//! is written twice for 20 bytes. So new entries gather in memory. When there are enough, they move into the index in
//! the index's order, a few for each new entry, so that each page takes several. Each entry is in memory or in the
//! index. Memory follows the open transaction: a rollback undoes its changes, and after a commit in doubt the stored
//! entries are read again.

mod recent;

use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::Row as _;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};

use crate::db::types::DbError;
use recent::Recent;

pub(super) use recent::{Entry, Progress};

/// An entry, and how its index is stored.
pub(super) trait Indexed: Entry + Send + Sync + 'static {
    /// Selects the progress: `done_seq`, `moving_seq`, and the columns of `next`.
    const SELECT_PROGRESS: &'static str;
    /// Stores the same.
    const UPDATE_PROGRESS: &'static str;

    /// Reads `next`, whose columns begin with this one.
    fn from_row(row: &SqliteRow, column: usize) -> Result<Self, sqlx::Error>;

    /// Binds the columns of `next`.
    fn bind(self, query: Query<'_, Sqlite, SqliteArguments>) -> Query<'_, Sqlite, SqliteArguments>;

    /// Reads all entries of events after one.
    fn stored_after(
        conn: &mut SqliteConnection,
        seq: i64,
    ) -> impl Future<Output = Result<Vec<Self>, DbError>> + Send;
}

/// See the module. Readers look into it while the writer changes it.
pub(super) struct LateIndex<E>(Mutex<State<E>>);

struct State<E> {
    recent: Recent<E>,
    /// The stored progress; `None` when it is not known.
    stored: Option<Progress<E>>,
    /// The progress that the open transaction has stored.
    storing: Option<Progress<E>>,
}

impl<E: Indexed> LateIndex<E> {
    /// Up to `max` entries, and a batch, are kept out of the index.
    pub(super) fn new(max: usize) -> Self {
        Self(Mutex::new(State { recent: Recent::new(max), stored: None, storing: None }))
    }

    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the stored entries, unless they are known, and returns whether it did. Each transaction
    /// begins with it.
    pub(super) async fn begin(&self, conn: &mut SqliteConnection) -> Result<bool, DbError> {
        if self.state().stored.is_some() {
            return Ok(false);
        }
        let progress = Self::read_progress(conn).await?;
        let entries = E::stored_after(conn, progress.done_seq).await?;
        let mut state = self.state();
        state.recent.load(progress, entries);
        (state.stored, state.storing) = (Some(progress), None);
        Ok(true)
    }

    /// The transaction is committed.
    pub(super) fn committed(&self) {
        let mut state = self.state();
        state.recent.committed();
        state.stored = state.storing.take().or(state.stored);
    }

    /// The transaction is rolled back.
    pub(super) fn undone(&self) {
        let mut state = self.state();
        // Entries in doubt may be stored, and a reader still finds them here.
        if state.stored.is_some() {
            state.recent.undone();
            state.storing = None;
        }
    }

    /// The transaction may be committed, or not.
    pub(super) fn in_doubt(&self) {
        self.state().stored = None;
    }

    /// Returns the entries of a range that may not be in the index. A query of the index that begins after
    /// this call finds the entries that move meanwhile.
    pub(super) fn find(&self, range: &RangeInclusive<E>) -> Vec<E> {
        self.state().recent.find(range).collect()
    }

    /// The first of those between two that are not in the index.
    pub(super) fn first(&self, range: &RangeInclusive<E>) -> Option<E> {
        self.state().recent.first(range)
    }

    /// Splits entries into those for the index and those for memory.
    pub(super) fn divide(&self, entries: impl Iterator<Item = E>) -> (Vec<E>, Vec<E>) {
        let progress = self.state().recent.progress();
        entries.partition(|entry| progress.covers(entry))
    }

    /// Takes new entries and returns the entries to put into the index instead.
    pub(super) fn exchange(&self, new: &[E]) -> Vec<E> {
        let mut state = self.state();
        for entry in new {
            state.recent.add(*entry);
        }
        state.recent.move_out(new.len())
    }

    /// Forgets entries that are not to come into the index any more.
    pub(super) fn remove(&self, entries: &[E]) {
        let mut state = self.state();
        for entry in entries {
            state.recent.remove(entry);
        }
    }

    /// Stores the progress if it differs from the stored one.
    pub(super) async fn store_progress(&self, conn: &mut SqliteConnection) -> Result<(), DbError> {
        let progress = {
            let state = self.state();
            let progress = state.recent.progress();
            if state.storing.or(state.stored) == Some(progress) {
                return Ok(());
            }
            progress
        };
        Self::write_progress(conn, progress).await?;
        self.state().storing = Some(progress);
        Ok(())
    }

    pub(super) async fn read_progress(conn: &mut SqliteConnection) -> Result<Progress<E>, DbError> {
        let row = sqlx::query(E::SELECT_PROGRESS).fetch_one(conn).await?;
        Ok(Progress { done_seq: row.try_get(0)?, moving_seq: row.try_get(1)?, next: E::from_row(&row, 2)? })
    }

    pub(super) async fn write_progress(
        conn: &mut SqliteConnection,
        progress: Progress<E>,
    ) -> Result<(), DbError> {
        let Progress { done_seq, moving_seq, next } = progress;
        let query = sqlx::query(E::UPDATE_PROGRESS).bind(done_seq).bind(moving_seq);
        next.bind(query).execute(conn).await?;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn stored(&self) -> Option<Progress<E>> {
        self.state().stored
    }
}
