//! Which revision of each plugin is in force, in memory: as stored, and a moment ahead of the record of a file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

use crate::event::{Digest, PluginName};
use crate::revision::{RevisionChoice, RevisionFacts};

/// The choices of all plugins.
#[derive(Default)]
pub(super) struct Choices(Mutex<BTreeMap<PluginName, Arc<PluginChoice>>>);

/// The choice of one plugin.
#[derive(Default)]
pub(super) struct PluginChoice {
    /// Instructions are taken one at a time. The record of an instruction holds it until it is stored.
    turn: Arc<Turns<()>>,
    state: Mutex<ChoiceState>,
}

/// The turn of an instruction, until it is dropped.
pub(super) type InstructionTurn = OwnedMutexGuard<()>;

#[derive(Default)]
struct ChoiceState {
    choice: RevisionChoice,
    /// Of the revision in force, if they were needed before.
    facts: Option<(Digest, RevisionFacts)>,
    /// A changed file that is being loaded.
    changed_file: Option<Digest>,
}

impl Choices {
    /// The stored choices.
    pub(super) fn new(stored: Vec<(PluginName, RevisionChoice)>) -> Self {
        let of = |choice| {
            let state = Mutex::new(ChoiceState { choice, ..ChoiceState::default() });
            Arc::new(PluginChoice { state, ..PluginChoice::default() })
        };
        Self(Mutex::new(stored.into_iter().map(|(plugin, choice)| (plugin, of(choice))).collect()))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<PluginName, Arc<PluginChoice>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The choice of a plugin; empty before its first instruction.
    pub(super) fn of(&self, plugin: &PluginName) -> Arc<PluginChoice> {
        Arc::clone(self.all().entry(plugin.clone()).or_default())
    }

    /// The plugins with an instruction.
    pub(super) fn list(&self) -> Vec<(PluginName, RevisionChoice)> {
        let all = self.all();
        let choices = all.iter().map(|(plugin, of)| (plugin.clone(), of.get()));
        choices.filter(|(_, choice)| choice.version > 0).collect()
    }

    /// The revision of a plugin that is in force.
    pub(super) fn in_force(&self, plugin: &PluginName) -> Option<Digest> {
        let choice = self.all().get(plugin).map(Arc::clone)?;
        choice.get().in_force().map(|of| of.digest)
    }
}

impl PluginChoice {
    fn state(&self) -> MutexGuard<'_, ChoiceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of an instruction.
    pub(super) async fn turn(&self) -> InstructionTurn {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// The turn, if no instruction has it.
    pub(super) fn try_turn(&self) -> Option<InstructionTurn> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    /// What is in force and waits now.
    pub(super) fn get(&self) -> RevisionChoice {
        self.state().choice.clone()
    }

    /// Takes another choice, with the facts of its revision in force if they are known. Only at an instruction's turn.
    pub(super) fn set(&self, choice: RevisionChoice, facts: Option<(Digest, RevisionFacts)>) {
        let mut state = self.state();
        if facts.as_ref().map(|(digest, _)| *digest) == choice.in_force().map(|of| of.digest) {
            state.facts = facts;
        }
        state.choice = choice;
    }

    /// The facts of a revision, if they are in memory.
    pub(super) fn facts(&self, digest: Digest) -> Option<RevisionFacts> {
        self.state().facts.as_ref().filter(|(of, _)| *of == digest).map(|(_, facts)| facts.clone())
    }

    /// Notes that a changed file is being loaded: an instruction meanwhile is a later one.
    pub(super) fn note_changed_file(&self, digest: Option<Digest>) {
        self.state().changed_file = digest;
    }

    /// The changed file that is being loaded.
    pub(super) fn changed_file(&self) -> Option<Digest> {
        self.state().changed_file
    }
}
