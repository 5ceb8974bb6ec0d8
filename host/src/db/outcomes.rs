//! Outcomes of attempts, noted after their commit for those who follow them. They are hints: the database has the truth.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::completion::FinishedAttempt;
use crate::delivery::{DeliveryId, NextStep, State};
use crate::effect::{CompletedEffect, EffectId, EffectOutcome};
use crate::event::PluginName;

/// Outcomes that are noted one by one until they are taken; further ones are counted.
const NOTED_MAX: usize = 1000;

/// A delivery or an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptedId {
    /// A delivery.
    Delivery(DeliveryId),
    /// An effect.
    Effect(EffectId),
}

impl AttemptedId {
    /// Whether it is an effect.
    #[must_use]
    pub fn is_effect(self) -> bool {
        matches!(self, Self::Effect(_))
    }
}

/// What attempts came to since they were taken last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The first ones: the id, the plugin, and the state after the attempt.
    pub noted: Vec<(AttemptedId, PluginName, State)>,
    /// The number of the others, by whether they are effects, by plugin and by state.
    pub counted: Vec<((bool, PluginName, State), u64)>,
}

/// The outcomes that the writer notes.
#[derive(Default)]
pub(super) struct OutcomeNotes {
    /// Nearly always false, and then no commit takes the lock.
    is_followed: AtomicBool,
    outcomes: Mutex<Outcomes>,
}

impl OutcomeNotes {
    fn outcomes(&self) -> MutexGuard<'_, Outcomes> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_delivery(&self, finished: &FinishedAttempt) {
        let state = match finished.next {
            NextStep::Done => State::Done,
            NextStep::Wait(_) => State::Waiting,
            NextStep::Dead => State::Dead,
        };
        self.note(AttemptedId::Delivery(finished.id), &finished.plugin, state);
    }

    pub(super) fn note_effect(&self, completed: &CompletedEffect) {
        let state = match (completed.due, completed.attempt.outcome) {
            (Some(_), _) => State::Waiting,
            (None, EffectOutcome::Done) => State::Done,
            (None, _) => State::Dead,
        };
        self.note(AttemptedId::Effect(completed.id), &completed.plugin, state);
    }

    pub(super) fn follow(&self, is_followed: bool) {
        self.is_followed.store(is_followed, Ordering::Relaxed);
        *self.outcomes() = Outcomes::default();
    }

    pub(super) fn take(&self) -> Outcomes {
        std::mem::take(&mut *self.outcomes())
    }

    fn note(&self, id: AttemptedId, plugin: &PluginName, state: State) {
        if !self.is_followed.load(Ordering::Relaxed) {
            return;
        }
        let mut outcomes = self.outcomes();
        if outcomes.noted.len() < NOTED_MAX {
            outcomes.noted.push((id, plugin.clone(), state));
        } else {
            let kind = (id.is_effect(), plugin.clone(), state);
            match outcomes.counted.iter_mut().find(|(counted, _)| *counted == kind) {
                Some((_, count)) => *count += 1,
                None => outcomes.counted.push((kind, 1)),
            }
        }
    }
}
