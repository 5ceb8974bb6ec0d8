//! Changes as they come, for pages and programs (`/api/v1/changes`).
//!
//! They are hints: the database has the truth, and a client reads again what a change names. One reader compares what
//! the host shows (`reader.rs`), however many clients follow it, and none while nobody does. All clients read the same
//! bounded list of batches (`ring.rs`). A position in it is known to this process only, and for some minutes; a client
//! with another position is told to read its lists again.

mod client;
mod reader;
mod ring;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use super::{AdminState, Problem};
use crate::db::DbError;
use reader::Reader;
use ring::Ring;

pub(super) use client::Follower;

/// The interval at which the reader looks for changes, and at which clients' tokens are checked.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long the reader goes on without a client, so that one which comes back misses nothing.
const LINGER: Duration = Duration::from_mins(1);

/// The changes, and their clients. Clones share them.
#[derive(Clone)]
pub struct Changes {
    shared: Arc<Shared>,
    stopping: channel::Receiver<bool>,
}

struct Shared {
    ring: Mutex<Ring>,
    /// The number of the newest batch; 0 while there is no reader.
    newest: channel::Sender<u64>,
    clients: AtomicUsize,
    /// The task of the reader. Held while one starts, so that there is one at most.
    reader: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// The place of a client among those there may be.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Changes {
    /// Changes until `stopping` is true.
    #[must_use]
    pub fn new(stopping: channel::Receiver<bool>) -> Self {
        let shared = Shared {
            ring: Mutex::new(Ring::new()),
            newest: channel::Sender::new(0),
            clients: AtomicUsize::new(0),
            reader: tokio::sync::Mutex::default(),
        };
        Self { shared: Arc::new(shared), stopping }
    }

    /// Takes a place for a client, and starts the reader if there is none.
    async fn enter(&self, admin: &AdminState) -> Result<Place, Problem> {
        let clients_max = admin.config.borrow().admin.changes_max_clients;
        let before = self.shared.clients.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.shared));
        if before >= clients_max {
            return Err(Problem::unavailable(format!(
                "{clients_max} clients follow the changes already (`admin.changes_max_clients`): end one, or try again later"
            )));
        }
        let mut task = self.shared.reader.lock().await;
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            admin.db.follow_outcomes(true);
            let reader = Reader::start(admin.clone()).await;
            let reader = reader.inspect_err(|_| admin.db.follow_outcomes(false))?;
            // Positions of an earlier reader are unknown to this one.
            *self.ring() = Ring::new();
            *task = Some(tokio::spawn(self.clone().read(reader, admin.clone())));
        }
        Ok(place)
    }

    async fn read(mut self, mut reader: Reader, admin: AdminState) {
        let mut used_at = Instant::now();
        let mut is_failing = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                _ = self.stopping.wait_for(|stopping| *stopping) => return,
            }
            self.take(reader.read().await, &mut is_failing);
            if self.shared.clients.load(Ordering::Relaxed) > 0 {
                used_at = Instant::now();
            } else if used_at.elapsed() >= LINGER {
                let mut task = self.shared.reader.lock().await;
                // One may have come meanwhile.
                if self.shared.clients.load(Ordering::Relaxed) == 0 {
                    admin.db.follow_outcomes(false);
                    *task = None;
                    return;
                }
            }
        }
    }

    /// Publishes what was read. The first changes after a failure are those of a new run: some may be lost, so every client
    /// is told once to read its lists again.
    fn take(&self, read: Result<Vec<super::api::Change>, DbError>, is_failing: &mut bool) {
        match read {
            Ok(changes) => {
                if std::mem::replace(is_failing, false) {
                    *self.ring() = Ring::new();
                }
                self.publish(changes);
            }
            Err(error) => {
                if !std::mem::replace(is_failing, true) {
                    tracing::warn!("changes could not be read, and are read again: {error}");
                }
            }
        }
    }

    fn publish(&self, changes: Vec<super::api::Change>) {
        if changes.is_empty() {
            return;
        }
        let newest = {
            let mut ring = self.ring();
            ring.push(changes);
            ring.newest().batch
        };
        self.shared.newest.send_replace(newest);
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.shared.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::{Change, ChangeKind};
    use ring::Following;

    #[tokio::test]
    async fn positions_are_lost_once_after_failed_reads_and_not_by_each() {
        let (_stop, stopping) = channel::channel(false);
        let changes = Changes::new(stopping);
        let (mut is_failing, read) = (false, || Ok(vec![Change::new(ChangeKind::Event)]));
        changes.take(read(), &mut is_failing);
        let before = changes.ring().newest();
        for _ in 0..3 {
            changes.take(Err(DbError::Unavailable("locked".into())), &mut is_failing);
            assert_eq!(changes.ring().newest(), before, "nothing is known to be lost yet");
        }
        changes.take(Ok(Vec::new()), &mut is_failing);
        assert_eq!(changes.ring().after(before), Following::Lost);
        let after = changes.ring().newest();
        changes.take(read(), &mut is_failing);
        assert!(matches!(changes.ring().after(after), Following::Batches(batches) if batches.len() == 1));
    }
}
