//! The search index: a file of its own beside the database. It is derived, so it can be removed while no host runs.
//!
//! Terms are in parts of 32,768 events each, by text within a part. So new terms go to a small part of the file,
//! pruned events leave whole parts, and a search reads the newest events first without sorting all that it finds.

mod file;
mod find;
mod write;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::sqlite::SqlitePool;

use crate::db::search::IndexPosition;
use crate::db::search::terms::IndexedField;

pub(in crate::db) use file::{IndexState, Opening, create, index_path, is_damage, open, remove};
pub(in crate::db) use find::Find;
pub(in crate::db) use write::{IndexStep, IndexWriter};

/// Events of a part: 2 to this power.
const PART_BITS: u32 = 15;

/// The part of an event.
fn part_of(event: i64) -> i64 {
    event >> PART_BITS
}

/// The read side of an index.
pub(in crate::db) struct SearchIndex {
    pool: SqlitePool,
    memory: Mutex<Memory>,
    is_damaged: AtomicBool,
}

/// What is known of it without reading.
#[derive(Debug, Default, Clone)]
struct Memory {
    position: IndexPosition,
    fields: HashMap<IndexedField, i64>,
}

impl SearchIndex {
    /// How far it is.
    pub(in crate::db) fn position(&self) -> IndexPosition {
        self.memory().position
    }

    /// Whether a read found it damaged.
    pub(in crate::db) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Ends reading.
    pub(in crate::db) async fn close(&self) {
        self.pool.close().await;
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        result.inspect_err(|error| {
            if file::is_damage(error) {
                self.is_damaged.store(true, Ordering::Relaxed);
            }
        })
    }
}

/// An index that was opened.
pub(in crate::db) struct OpenedIndex {
    pub(in crate::db) index: Arc<SearchIndex>,
    pub(in crate::db) writer: IndexWriter,
}
