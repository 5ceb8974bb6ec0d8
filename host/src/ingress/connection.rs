//! The state of one connection: the event that it waits for, its deadline, and the memory of its
//! request.
//!
//! The connection's own task writes it; the accept loop reads it to choose which connection to evict.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use tokio::sync::Notify;

use super::limits::Limits;
use super::peer::Peer;

/// No deadline.
const NEVER: u64 = u64::MAX;
/// A peer that takes this much of its answers within one write timeout is slow, not stuck.
const PROGRESS_BYTES: usize = 64 * 1024;

/// Milliseconds since the first call, from 1: 0 stands for no time.
pub(super) fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(NEVER).saturating_add(1)
}

/// The state of one connection. Times are those of [`now`].
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) peer: Peer,
    /// The remote address.
    pub(super) address: IpAddr,
    limits: Limits,
    /// Wakes the connection's task when it or its body was evicted.
    pub(super) wake: Notify,
    is_evicted: AtomicBool,
    requests: AtomicU32,
    /// Whether a request is between its head and the end of its answer.
    is_busy: AtomicBool,
    /// Whether it is between two requests, with no byte of the next one.
    is_idle: AtomicBool,
    /// The time since which the host waits for the peer to send; 0 = it does not.
    waiting_since: AtomicU64,
    /// The deadline for the peer's next data.
    deadline: AtomicU64,
    /// The time since which the peer takes too little of its answers; 0 = it takes them.
    stalled_since: AtomicU64,
    /// Bytes that it has taken since then.
    taken_bytes: AtomicUsize,
    is_write_pending: AtomicBool,
    /// The time when its body began to arrive; 0 = there is none, or it is complete.
    body_since: AtomicU64,
    /// Its body's part of the budget for all bodies.
    body_bytes: AtomicUsize,
    is_body_evicted: AtomicBool,
}

impl Connection {
    /// A new connection, waiting for its first request head.
    pub(super) fn new(id: u64, address: IpAddr, limits: Limits) -> Self {
        let deadline = now().saturating_add(limits.header_timeout_ms);
        Self {
            id,
            peer: Peer::from(address),
            address,
            limits,
            wake: Notify::new(),
            is_evicted: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            is_busy: AtomicBool::new(false),
            is_idle: AtomicBool::new(false),
            waiting_since: AtomicU64::new(now()),
            deadline: AtomicU64::new(deadline),
            stalled_since: AtomicU64::new(0),
            taken_bytes: AtomicUsize::new(0),
            is_write_pending: AtomicBool::new(false),
            body_since: AtomicU64::new(0),
            body_bytes: AtomicUsize::new(0),
            is_body_evicted: AtomicBool::new(false),
        }
    }

    fn begin_wait(&self, timeout_ms: u64) {
        let now = now();
        self.waiting_since.store(now, Relaxed);
        self.deadline.store(now.saturating_add(timeout_ms), Relaxed);
    }

    fn end_wait(&self) {
        self.waiting_since.store(0, Relaxed);
        self.deadline.store(NEVER, Relaxed);
    }

    /// A request head has arrived. Returns whether it is the last request that this connection may make.
    pub(super) fn begin_request(&self) -> bool {
        self.is_busy.store(true, Relaxed);
        self.is_idle.store(false, Relaxed);
        self.end_wait();
        self.requests.fetch_add(1, Relaxed) + 1 >= self.limits.requests_per_connection_max
    }

    /// The answer was handed to hyper for writing.
    pub(super) fn end_request(&self) {
        self.is_busy.store(false, Relaxed);
        self.is_idle.store(true, Relaxed);
        self.begin_wait(self.limits.idle_timeout_ms);
    }

    /// Records that bytes have arrived.
    pub(super) fn record_received(&self) {
        if self.is_idle.load(Relaxed) {
            self.is_idle.store(false, Relaxed);
            self.begin_wait(self.limits.header_timeout_ms);
        }
    }

    /// The next part of the body has not arrived yet.
    pub(super) fn wait_for_body(&self) {
        if self.is_busy.load(Relaxed) && self.waiting_since.load(Relaxed) == 0 {
            self.begin_wait(self.limits.body_timeout_ms.unwrap_or(NEVER));
        }
    }

    /// The body is complete, or it failed.
    pub(super) fn end_body(&self) {
        self.body_since.store(0, Relaxed);
        if self.is_busy.load(Relaxed) {
            self.end_wait();
        }
    }

    /// The peer has taken bytes.
    pub(super) fn record_sent(&self, bytes: usize) {
        if self.stalled_since.load(Relaxed) == 0 {
            return;
        }
        self.is_write_pending.store(false, Relaxed);
        if self.taken_bytes.fetch_add(bytes, Relaxed) + bytes >= PROGRESS_BYTES {
            self.stalled_since.store(0, Relaxed);
        }
    }

    /// The peer takes no bytes now.
    pub(super) fn wait_for_write(&self) {
        self.is_write_pending.store(true, Relaxed);
        if self.stalled_since.load(Relaxed) == 0 {
            self.taken_bytes.store(0, Relaxed);
            self.stalled_since.store(now(), Relaxed);
        }
    }

    /// The earliest time at which [`Connection::is_overdue`] may be true.
    pub(super) fn due(&self) -> Option<u64> {
        let stalled_since = self.stalled_since.load(Relaxed);
        let write = if stalled_since == 0 {
            NEVER
        } else {
            stalled_since.saturating_add(self.limits.write_timeout_ms)
        };
        Some(self.deadline.load(Relaxed).min(write)).filter(|&due| due != NEVER)
    }

    /// Whether the peer has missed a deadline.
    pub(super) fn is_overdue(&self, now: u64) -> bool {
        let stalled_since = self.stalled_since.load(Relaxed);
        if stalled_since != 0 && now >= stalled_since.saturating_add(self.limits.write_timeout_ms) {
            if self.is_write_pending.load(Relaxed) {
                return true;
            }
            // The peer has caught up.
            self.stalled_since.store(0, Relaxed);
        }
        now >= self.deadline.load(Relaxed)
    }

    /// The time since which the host waits for the peer to send or to take; `None` while the host works on
    /// a request.
    pub(super) fn waiting_since(&self) -> Option<u64> {
        let stalled = Some(self.stalled_since.load(Relaxed)).filter(|_| self.is_write_pending.load(Relaxed));
        let waiting = Some(self.waiting_since.load(Relaxed));
        [stalled, waiting].into_iter().flatten().filter(|&since| since != 0).min()
    }

    /// Asks its task to end it.
    pub(super) fn evict(&self) {
        self.is_evicted.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// Whether it is evicted.
    pub(super) fn is_evicted(&self) -> bool {
        self.is_evicted.load(Relaxed)
    }

    /// A body begins to arrive.
    pub(super) fn begin_body(&self) {
        self.is_body_evicted.store(false, Relaxed);
        self.body_since.store(now(), Relaxed);
    }

    /// The time when its body began to arrive and the memory that it holds, while it may be
    /// evicted.
    pub(super) fn unfinished_body(&self) -> Option<(u64, usize)> {
        let (since, bytes) = (self.body_since.load(Relaxed), self.body_bytes.load(Relaxed));
        (since != 0 && bytes != 0).then_some((since, bytes))
    }

    /// Memory of its body.
    pub(super) fn body_bytes(&self) -> usize {
        self.body_bytes.load(Relaxed)
    }

    /// Adds memory to its body.
    pub(super) fn add_body_bytes(&self, bytes: usize) {
        self.body_bytes.fetch_add(bytes, Relaxed);
    }

    /// Takes all memory from its body. Returns how much that was.
    pub(super) fn take_body_bytes(&self) -> usize {
        self.body_bytes.swap(0, Relaxed)
    }

    /// Asks its task to drop its body.
    pub(super) fn evict_body(&self) {
        self.is_body_evicted.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// Returns whether its body was evicted; true once.
    pub(super) fn take_body_eviction(&self) -> bool {
        self.is_body_evicted.load(Relaxed) && self.is_body_evicted.swap(false, Relaxed)
    }
}
