//! All connections of one listener: their limit, and the choice of one to evict for a new one.
//!
//! A peer with many connections or large bodies keeps no other peer out. At a limit, the peer with the most
//! connections loses the one that has waited for it longest. A connection that the host works on is never
//! evicted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::connection::{Connection, now};
use super::limits::Limits;
use super::peer::Peer;

/// A connection that was just accepted or answered is not evicted for this long, in milliseconds.
const SLOT_GRACE_MS: u64 = 100;
/// A body that has just begun is not evicted for this long, in milliseconds.
const BODY_GRACE_MS: u64 = 1000;
/// A body up to this size may use the quarter of the budget that is reserved for small ones.
const SMALL_BODY_BYTES: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Connections {
    limits: Limits,
    open: Mutex<OpenConnections>,
    next_id: AtomicU64,
    /// Notified when one has ended.
    ended: Notify,
    /// Memory of all bodies.
    body_bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct OpenConnections {
    by_id: HashMap<u64, Arc<Connection>>,
    per_peer: HashMap<Peer, usize>,
    /// Running tasks: also of connections that were evicted and have not ended yet.
    tasks: usize,
}

/// The reason why a connection is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdmitError {
    /// The peer has as many as it may have, and the host works on each of them.
    PeerFull,
    /// The listener has as many as it may have, and the host works on each of them.
    Full,
}

/// The budget of all bodies has no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BodyBudgetFull;

impl Connections {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            open: Mutex::default(),
            next_id: AtomicU64::new(0),
            ended: Notify::new(),
            body_bytes: AtomicUsize::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection from this address. At a limit, another one is evicted for it.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<ConnectionSlot, AdmitError> {
        let peer = Peer::from(address);
        let mut open = self.lock();
        let per_peer_max = self.limits.connections_per_peer_max;
        if per_peer_max > 0 && open.per_peer.get(&peer).is_some_and(|&count| count >= per_peer_max) {
            open.evict(Some(peer)).ok_or(AdmitError::PeerFull)?;
        } else if open.by_id.len() >= self.limits.connections_max {
            let largest = open.per_peer.iter().max_by_key(|(_, count)| **count).map(|(peer, _)| *peer);
            open.evict(largest).or_else(|| open.evict(None)).ok_or(AdmitError::Full)?;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(id, address, self.limits));
        open.by_id.insert(id, Arc::clone(&connection));
        *open.per_peer.entry(peer).or_default() += 1;
        open.tasks += 1;
        Ok(ConnectionSlot { connection, connections: Arc::clone(self) })
    }

    /// Waits until one ends, unless one has since the last call.
    pub(super) async fn wait_for_one_end(&self) {
        self.ended.notified().await;
    }

    /// The number of connections that have not ended.
    pub(super) fn count(&self) -> usize {
        self.lock().tasks
    }

    /// Waits until all have ended.
    pub(super) async fn wait_for_all_ends(&self) {
        while self.count() > 0 {
            self.wait_for_one_end().await;
        }
    }

    /// Reserves memory for a part of a body. If it lacks, the bodies that have been arriving longest are
    /// evicted.
    pub(super) fn reserve(
        &self,
        connection: &Connection,
        bytes: usize,
        bodies_max: usize,
    ) -> Result<(), BodyBudgetFull> {
        let is_small = connection.body_bytes() + bytes <= SMALL_BODY_BYTES;
        // A quarter is reserved for small bodies: most events are small.
        let most = if is_small { bodies_max } else { bodies_max - bodies_max / 4 };
        while self.body_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > most {
            self.body_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.evict_body(connection)?;
        }
        connection.add_body_bytes(bytes);
        Ok(())
    }

    /// Releases the memory of a body.
    pub(super) fn release(&self, connection: &Connection) {
        self.body_bytes.fetch_sub(connection.take_body_bytes(), Ordering::Relaxed);
    }

    /// Evicts the unfinished body that has been arriving longest, of the peer with the most memory in such bodies.
    fn evict_body(&self, asking: &Connection) -> Result<(), BodyBudgetFull> {
        let open = self.lock();
        let before = now().saturating_sub(BODY_GRACE_MS);
        let mut held: HashMap<Peer, usize> = HashMap::new();
        let unfinished = || open.by_id.values().filter_map(|one| Some((one, one.unfinished_body()?)));
        for (one, (_, bytes)) in unfinished() {
            *held.entry(one.peer).or_default() += bytes;
        }
        let may_go = unfinished().filter(|(one, (since, _))| one.id != asking.id && *since < before);
        let chosen = may_go.max_by_key(|(one, (since, _))| (held.get(&one.peer).copied(), u64::MAX - since));
        let (chosen, _) = chosen.ok_or(BodyBudgetFull)?;
        chosen.evict_body();
        self.release(chosen);
        Ok(())
    }
}

impl OpenConnections {
    /// Evicts the connection that has waited longest for its peer, among those of one peer or of all.
    fn evict(&mut self, of: Option<Peer>) -> Option<()> {
        let before = now().saturating_sub(SLOT_GRACE_MS);
        let waiting = self.by_id.values().filter(|one| of.is_none_or(|peer| one.peer == peer));
        let waiting = waiting.filter_map(|one| Some((one.waiting_since()?, one)));
        let (_, chosen) = waiting.filter(|(since, _)| *since < before).min_by_key(|(since, _)| *since)?;
        let chosen = Arc::clone(chosen);
        chosen.evict();
        self.remove(&chosen);
        Some(())
    }

    fn remove(&mut self, connection: &Connection) {
        if self.by_id.remove(&connection.id).is_none() {
            return;
        }
        if let Some(count) = self.per_peer.get_mut(&connection.peer) {
            *count -= 1;
            if *count == 0 {
                self.per_peer.remove(&connection.peer);
            }
        }
    }
}

/// A connection's slot, free again when this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    pub(super) connection: Arc<Connection>,
    pub(super) connections: Arc<Connections>,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.connections.release(&self.connection);
        {
            let mut open = self.connections.lock();
            open.remove(&self.connection);
            open.tasks -= 1;
        }
        self.connections.ended.notify_one();
    }
}
