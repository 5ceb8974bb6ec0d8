//! Which conditions of an alert hold, from what the host knows. Pure.

use std::collections::BTreeMap;

use super::fact::ProblemFact;
use super::rules::{Observation, Observed};
use crate::config::{Alert, Condition, Config};
use crate::db::{DeadLetters, PruningState};
use crate::plugins::{PluginState, PluginView};

/// What the host knows at one moment. Times are of the host's clock, in ms.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) now: u64,
    /// `None` = it could not be read.
    pub(super) dead_letters: Option<Vec<DeadLetters>>,
    /// Plugins that an operator paused; `None` = they could not be read.
    pub(super) paused: Option<Vec<String>>,
    /// Plugins that their breakers pause.
    pub(super) broken: Vec<String>,
    pub(super) plugins: Vec<PluginView>,
    pub(super) backlog: u64,
    /// Per source, when it was last heard; `None` = not since the host watches it.
    pub(super) heard: BTreeMap<String, Option<u64>>,
    /// Since when the host watches its sources.
    pub(super) watched_since: u64,
    pub(super) pruning: PruningState,
    /// Time since the search index had all events; 0 while it has, or if there is none.
    pub(super) index_lag_ms: u64,
}

/// The conditions of an alert that hold.
pub(super) fn observe(facts: &Facts, alert: &Alert, config: &Config) -> Observed {
    let mut observed = Observed::default();
    for condition in &alert.on {
        match condition {
            Condition::DeadLetter => dead_letters(facts, &mut observed),
            Condition::PluginPaused => paused(facts, &mut observed),
            Condition::PluginRefused => refused(facts, &mut observed),
            Condition::Backlog => backlog(facts, alert, &mut observed),
            Condition::SourceSilent => silent(facts, alert, config, &mut observed),
            Condition::RetentionBehind => behind(facts, alert, config, &mut observed),
            Condition::IndexBehind => index_behind(facts, alert, &mut observed),
        }
    }
    observed.holding.retain(|one| alert.watches(one.condition, &one.subject));
    observed
}

impl Observed {
    fn add(&mut self, condition: Condition, subject: &str, count: u64, fact: ProblemFact) {
        self.holding.push(Observation { condition, subject: subject.to_owned(), count, fact });
    }
}

fn dead_letters(facts: &Facts, observed: &mut Observed) {
    let Some(dead_letters) = &facts.dead_letters else {
        return observed.unknown.push((Condition::DeadLetter, None));
    };
    for dead in dead_letters {
        let count = dead.deliveries + dead.effects;
        observed.add(Condition::DeadLetter, &dead.plugin, count, ProblemFact::DeadLetters(dead.clone()));
    }
}

fn paused(facts: &Facts, observed: &mut Observed) {
    for plugin in &facts.broken {
        let fact = ProblemFact::PausedByBreaker { plugin: plugin.clone() };
        observed.add(Condition::PluginPaused, plugin, 0, fact);
    }
    let Some(paused) = &facts.paused else {
        return observed.unknown.push((Condition::PluginPaused, None));
    };
    for plugin in paused {
        let fact = ProblemFact::PausedByOperator { plugin: plugin.clone() };
        observed.add(Condition::PluginPaused, plugin, 0, fact);
    }
}

fn refused(facts: &Facts, observed: &mut Observed) {
    for PluginView { name, state, refusal, .. } in &facts.plugins {
        let Some(reason) = refusal else { continue };
        let earlier_runs = *state == PluginState::Running;
        let fact = ProblemFact::Refused { plugin: name.clone(), reason: reason.clone(), earlier_runs };
        observed.add(Condition::PluginRefused, name, 0, fact);
    }
}

fn backlog(facts: &Facts, alert: &Alert, observed: &mut Observed) {
    let Some(max) = alert.backlog_max.filter(|max| facts.backlog > *max) else { return };
    observed.add(Condition::Backlog, "", 0, ProblemFact::Backlog { open: facts.backlog, max });
}

fn silent(facts: &Facts, alert: &Alert, config: &Config, observed: &mut Observed) {
    let Some(after_ms) = alert.silent_after_ms else { return };
    for source in config.sources.keys().map(crate::event::Name::as_str) {
        let heard = facts.heard.get(source).copied().flatten();
        let silent_ms = facts.now.saturating_sub(heard.unwrap_or(facts.watched_since));
        if silent_ms >= after_ms {
            let fact = ProblemFact::SourceSilent { source: source.to_owned(), after_ms };
            observed.add(Condition::SourceSilent, source, 0, fact);
        } else if heard.is_none() {
            // An earlier process may have told of it.
            observed.unknown.push((Condition::SourceSilent, Some(source.to_owned())));
        }
    }
}

fn behind(facts: &Facts, alert: &Alert, config: &Config, observed: &mut Observed) {
    let PruningState { passed_at, is_full } = facts.pruning;
    let after_ms = alert.behind_after_ms;
    let fact = if facts.now.saturating_sub(passed_at) >= after_ms {
        ProblemFact::RetentionBehind { after_ms }
    } else if let Some(max_bytes) = config.retention.size_max_bytes.filter(|_| is_full) {
        ProblemFact::RetentionFull { max_bytes }
    } else {
        return;
    };
    observed.add(Condition::RetentionBehind, "", 0, fact);
}

fn index_behind(facts: &Facts, alert: &Alert, observed: &mut Observed) {
    let after_ms = alert.behind_after_ms;
    if facts.index_lag_ms >= after_ms {
        observed.add(Condition::IndexBehind, "", 0, ProblemFact::IndexBehind { after_ms });
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
