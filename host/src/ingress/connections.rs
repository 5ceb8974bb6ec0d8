//! All connections of one listener: how many there may be, and which one gives way to a new one.
//!
//! Nobody is kept out by a peer that holds many connections or large bodies: at a limit, what has waited longest for
//! the peer with the most makes room. What the host works on itself never does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::connection::{Connection, now};
use super::limits::Limits;
use super::peer::Peer;

/// A peer that has just connected, or was just answered, keeps its place for so long, in milliseconds.
const PLACE_GRACE_MS: u64 = 100;
/// A body that has just begun keeps its memory for so long, in milliseconds.
const BODY_GRACE_MS: u64 = 1000;
/// Up to this size a body may use what is left of the budget for small ones.
const SMALL_BODY_BYTES: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Connections {
    limits: Limits,
    open: Mutex<Open>,
    next_id: AtomicU64,
    /// One has ended.
    ended: Notify,
    /// What all bodies hold.
    body_bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Open {
    by_id: HashMap<u64, Arc<Connection>>,
    per_peer: HashMap<Peer, usize>,
    /// With those that were evicted and have not ended yet.
    tasks: usize,
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Its peer has all that it may have, and the host works for each of them.
    Peer,
    /// There are as many as there may be, and the host works for each of them.
    All,
}

/// There is no memory for a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoRoom;

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

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from this address. At a limit another one gives way.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let peer = Peer::from(address);
        let mut open = self.lock();
        let per_peer_max = self.limits.connections_per_peer_max;
        if per_peer_max > 0 && open.per_peer.get(&peer).is_some_and(|&count| count >= per_peer_max) {
            open.evict(Some(peer)).ok_or(Full::Peer)?;
        } else if open.by_id.len() >= self.limits.connections_max {
            let largest = open.per_peer.iter().max_by_key(|(_, count)| **count).map(|(peer, _)| *peer);
            open.evict(largest).or_else(|| open.evict(None)).ok_or(Full::All)?;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(id, peer, self.limits));
        open.by_id.insert(id, Arc::clone(&connection));
        *open.per_peer.entry(peer).or_default() += 1;
        open.tasks += 1;
        Ok(Place { connection, connections: Arc::clone(self) })
    }

    /// Waits until one has ended, if none has since the last time.
    pub(super) async fn one_ended(&self) {
        self.ended.notified().await;
    }

    /// How many have not ended yet.
    pub(super) fn count(&self) -> usize {
        self.lock().tasks
    }

    /// Waits until all have ended.
    pub(super) async fn all_ended(&self) {
        while self.count() > 0 {
            self.one_ended().await;
        }
    }

    /// Reserves memory for a part of a body. Bodies that are on their way for long give way.
    pub(super) fn reserve(
        &self,
        connection: &Connection,
        bytes: usize,
        bodies_max: usize,
    ) -> Result<(), NoRoom> {
        let is_small = connection.body_bytes() + bytes <= SMALL_BODY_BYTES;
        // Large ones leave a quarter to small ones, which most events are.
        let most = if is_small { bodies_max } else { bodies_max - bodies_max / 4 };
        while self.body_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > most {
            self.body_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.evict_body(connection)?;
        }
        connection.add_body_bytes(bytes);
        Ok(())
    }

    /// Gives back what a body holds.
    pub(super) fn release(&self, connection: &Connection) {
        self.body_bytes.fetch_sub(connection.take_body_bytes(), Ordering::Relaxed);
    }

    /// Takes its memory from the unfinished body that is on its way longest, of the peer with the most in such bodies.
    fn evict_body(&self, asking: &Connection) -> Result<(), NoRoom> {
        let open = self.lock();
        let before = now().saturating_sub(BODY_GRACE_MS);
        let mut held: HashMap<Peer, usize> = HashMap::new();
        let unfinished = || open.by_id.values().filter_map(|one| Some((one, one.unfinished_body()?)));
        for (one, (_, bytes)) in unfinished() {
            *held.entry(one.peer).or_default() += bytes;
        }
        let may_go = unfinished().filter(|(one, (since, _))| one.id != asking.id && *since < before);
        let chosen = may_go.max_by_key(|(one, (since, _))| (held.get(&one.peer).copied(), u64::MAX - since));
        let (chosen, _) = chosen.ok_or(NoRoom)?;
        chosen.evict_body();
        self.release(chosen);
        Ok(())
    }
}

impl Open {
    /// Evicts the connection, of this peer or of all, whose peer the host has waited for longest.
    fn evict(&mut self, of: Option<Peer>) -> Option<()> {
        let before = now().saturating_sub(PLACE_GRACE_MS);
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

/// A connection's place, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) connection: Arc<Connection>,
    pub(super) connections: Arc<Connections>,
}

impl Drop for Place {
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
