//! What one transaction of the writer commits, and its results.

use super::revision_types::RevisionRecord;
use super::types::{Accept, HoldChange};
use crate::completion::FinishedAttempt;
use crate::delivery::{Delivery, DeliveryId, Recipient};
use crate::effect::CompletedEffect;
use crate::event::Event;

/// An event to be stored.
#[derive(Debug)]
pub(super) struct NewEvent {
    pub(super) event: Event,
    /// Its recipients.
    pub(super) recipients: Vec<Recipient>,
}

/// The items that one transaction commits.
#[derive(Default)]
pub(super) struct Batch<'a> {
    /// In the order in which they came.
    pub(super) events: Vec<NewEvent>,
    /// Attempts at deliveries, at most one at each.
    pub(super) finished: &'a [FinishedAttempt],
    /// Attempts at effects, at most one at each.
    pub(super) performed: &'a [CompletedEffect],
    pub(super) holds: &'a [HoldChange],
    pub(super) revisions: &'a [RevisionRecord],
    /// Whether to write a row that no statement reads.
    pub(super) probe: bool,
    /// The offset of the host's time from the system clock's, in ms, from the first event of this batch on.
    pub(super) offset_ms: Option<i64>,
}

/// The results of a committed batch.
#[derive(Default)]
pub(super) struct Committed {
    /// The result of each event, in order.
    pub(super) accepts: Vec<Accept>,
    /// For each attempt at a delivery, in order. The effects of recorded attempts are leased to this host.
    pub(super) finished: Vec<Verdict>,
    /// The verdict on each attempt at an effect, in order.
    pub(super) performed: Vec<Verdict>,
    /// New deliveries.
    pub(super) ready: Ready,
    /// Deliveries whose predecessor is closed. They are due, and not leased yet.
    pub(super) unblocked: Vec<DeliveryId>,
}

/// The result of a submitted attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is committed with its consequences. The lease has ended.
    Recorded,
    /// Another call has changed an entry that its call read: it is not recorded. The lease has
    /// ended.
    Stale,
    /// This host has no lease: it is not recorded.
    NotLeased,
}

/// Deliveries that a transaction made due, leased to this host: they are run, or released.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub(super) deliveries: Vec<Delivery>,
    /// Whether a lease may find more.
    pub(super) rescan: bool,
}
