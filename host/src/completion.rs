//! A finished attempt and the work of its call, which commit together. No IO.

use std::time::Instant;

use crate::delivery::{Attempt, DeliveryId, NextStep, OrderingHash};
use crate::effect::QueuedEffect;
use crate::event::PluginName;
use crate::keyvalue::Changes;
use crate::trace::AttemptTrace;

/// The store accesses and effects of a call. They commit with the done mark or not at all.
#[derive(Debug, Clone, Default)]
pub struct CallWork {
    /// Its reads and writes in its store; `None` if there are none.
    pub store: Option<Changes>,
    /// Its effects, in order.
    pub effects: Vec<QueuedEffect>,
}

impl CallWork {
    /// Discards writes and effects after a failure. The reads stay, because the failure counts only if they are still
    /// current.
    pub fn undo(&mut self) {
        self.effects.clear();
        if let Some(store) = &mut self.store {
            store.writes.clear();
            store.added_keys = 0;
            store.added_bytes = 0;
        }
    }
}

/// A finished attempt with its consequences, which commit together.
#[derive(Debug, Clone)]
pub struct FinishedAttempt {
    /// The delivery's id.
    pub id: DeliveryId,
    /// The attempt.
    pub attempt: Attempt,
    /// The next step of the delivery.
    pub next: NextStep,
    /// The number of failed attempts that count for the limit, including this one.
    pub failures: u32,
    /// The delivery's plugin.
    pub plugin: PluginName,
    /// The work of the call. It is committed if `next` is done.
    pub work: CallWork,
    /// The number of emitted events between the event and the received one.
    pub depth: u32,
    /// The received event at the beginning of the chain.
    pub root: i64,
    /// The hash of the delivery's ordering key.
    pub order: Option<OrderingHash>,
    /// The time at which it was submitted for its commit.
    pub submitted: Instant,
    /// Its trace, if its event has one.
    pub trace: Option<Box<AttemptTrace>>,
}
