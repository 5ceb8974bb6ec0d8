//! Running attempts: which must run alone, and which are counted if the process dies.

use super::handle::Db;
use super::types::{RunningAttempt, RunningId};
use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{EffectId, LeasedEffect};
use crate::event::{Digest, now_ms};

/// Whether an attempt may run while others run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// No attempt needs to run alone.
    Any,
    /// Another attempt may need to run alone.
    Careful,
    /// It must run alone: the next crash of the host makes it a dead letter.
    Alone,
}

impl Db {
    /// Whether an attempt at this delivery may run while others run.
    #[must_use]
    pub fn isolation(&self, delivery: &Delivery) -> Isolation {
        self.isolation_of(RunningId::Delivery(delivery.id))
    }

    /// Whether an attempt at this effect may run while others run.
    #[must_use]
    pub fn effect_isolation(&self, effect: &LeasedEffect) -> Isolation {
        self.isolation_of(RunningId::Effect(effect.id))
    }

    fn isolation_of(&self, id: RunningId) -> Isolation {
        let suspects = &self.inner.shared.suspects;
        match () {
            () if suspects.are_none() => Isolation::Any,
            () if suspects.has(id) => Isolation::Alone,
            () => Isolation::Careful,
        }
    }

    /// Records that a worker begins an attempt at a leased delivery. The delivery is shown as running until the attempt
    /// is committed or the delivery released. If the process dies before, the attempt counts.
    pub fn started(&self, delivery: &Delivery, revision: Digest) {
        let (id, number) = (RunningId::Delivery(delivery.id), delivery.attempts + 1);
        self.inner.shared.running.begin(&RunningAttempt { id, number, started_at: now_ms(), revision });
    }

    /// Records that an attempt at a leased effect begins. If the process dies before its commit, the attempt counts.
    pub fn effect_started(&self, effect: &LeasedEffect) {
        let (id, number, revision) = (RunningId::Effect(effect.id), effect.attempts + 1, Digest([0; 32]));
        self.inner.shared.running.begin(&RunningAttempt { id, number, started_at: now_ms(), revision });
    }

    /// Records that an attempt at a delivery is over, even if it is not committed yet. It no longer counts if another
    /// one kills the process.
    pub fn is_over(&self, delivery: DeliveryId) {
        self.inner.shared.running.over(RunningId::Delivery(delivery));
    }

    /// Like [`Db::is_over`], for an attempt at an effect.
    pub fn effect_is_over(&self, effect: EffectId) {
        self.inner.shared.running.over(RunningId::Effect(effect));
    }
}
