//! Attempts that run now: whether one may run beside others, and what is counted should the process die.

use super::handle::Db;
use super::types::{RunningAttempt, RunningId};
use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{EffectId, Performing};
use crate::event::{Digest, now_ms};

/// Whether an attempt may run beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Nothing is to run alone.
    Any,
    /// Something else may have to run alone.
    Careful,
    /// It has to run alone itself: the next crash of the host makes it a dead letter.
    Alone,
}

impl Db {
    /// Whether an attempt at this delivery may run beside others.
    #[must_use]
    pub fn company(&self, delivery: &Delivery) -> Company {
        self.company_of(RunningId::Delivery(delivery.id))
    }

    /// Whether an attempt at this effect may run beside others.
    #[must_use]
    pub fn effect_company(&self, effect: &Performing) -> Company {
        self.company_of(RunningId::Effect(effect.id))
    }

    fn company_of(&self, id: RunningId) -> Company {
        let suspects = &self.inner.shared.suspects;
        match () {
            () if suspects.are_none() => Company::Any,
            () if suspects.has(id) => Company::Alone,
            () => Company::Careful,
        }
    }

    /// A worker begins an attempt at a leased delivery: it is shown as running until the attempt is
    /// committed or the delivery is released, and counted should the process die before that.
    pub fn started(&self, delivery: &Delivery, revision: Digest) {
        let (id, number) = (RunningId::Delivery(delivery.id), delivery.attempts + 1);
        self.inner.shared.running.begin(&RunningAttempt { id, number, started_at: now_ms(), revision });
    }

    /// An attempt at a leased effect begins: it is counted should the process die before it is committed.
    pub fn effect_started(&self, effect: &Performing) {
        let (id, number, revision) = (RunningId::Effect(effect.id), effect.tries + 1, Digest([0; 32]));
        self.inner.shared.running.begin(&RunningAttempt { id, number, started_at: now_ms(), revision });
    }

    /// An attempt at a delivery is over, though it may not be committed yet: it is not counted should the
    /// process die because of another one.
    pub fn is_over(&self, delivery: DeliveryId) {
        self.inner.shared.running.over(RunningId::Delivery(delivery));
    }

    /// The same of an attempt at an effect.
    pub fn effect_is_over(&self, effect: EffectId) {
        self.inner.shared.running.over(RunningId::Effect(effect));
    }
}
