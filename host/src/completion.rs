//! A finished attempt and what its call did within its transaction: they commit together. No IO.

use crate::delivery::{Attempt, DeliveryId, Next, Order};
use crate::effect::Asked;
use crate::event::PluginName;
use crate::keyvalue::Changes;

/// What a call did within its transaction: it commits with the done mark or not at all.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// What it read and wrote in its store; `None` = it touched nothing there.
    pub store: Option<Changes>,
    /// What it asked for, in order.
    pub effects: Vec<Asked>,
}

impl Work {
    /// After a failure: nothing is written and nothing goes out. What was read still has to be as it was, or
    /// the failure itself rests on what is no longer so.
    pub fn undo(&mut self) {
        self.effects.clear();
        if let Some(store) = &mut self.store {
            store.writes.clear();
            store.added_keys = 0;
            store.added_bytes = 0;
        }
    }
}

/// An attempt and what follows from it: they commit together.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Which delivery.
    pub id: DeliveryId,
    /// The attempt made.
    pub attempt: Attempt,
    /// What becomes of the delivery.
    pub next: Next,
    /// Its attempts that failed, and not by the host's fault, this one included.
    pub failures: u32,
    /// The plugin it went to.
    pub plugin: PluginName,
    /// What the call did: its effects and writes are committed if `next` is done.
    pub work: Work,
    /// How far the event is from one that was received.
    pub depth: u32,
    /// The received event that it comes from in the end.
    pub root: i64,
    /// What the delivery runs in turn with.
    pub order: Option<Order>,
}
