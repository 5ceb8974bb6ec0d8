//! What an alert tells, and when. Pure.
//!
//! A problem begins when it is observed. It is told after `group_wait_ms` with all others that have changed, at most
//! once in `interval_min_ms`. When it has not been observed for `recovery_wait_ms`, its end is told once. One that ends
//! before it was told is never told, and one that returns before its end was told continues.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fact::ProblemFact;
use super::outbox::Notification;
use crate::config::{Alert, Condition};

/// The most problems of one alert. Further ones wait until some have ended.
pub(super) const PROBLEMS_MAX: usize = 1000;

/// The state of an alert. It is stored as JSON whenever it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AlertState {
    /// By condition and subject.
    pub(super) problems: BTreeMap<String, Problem>,
    /// Since when there are changes to tell.
    pub(super) changed_at: Option<u64>,
    /// When the last notification was made.
    pub(super) notified_at: Option<u64>,
    /// The notification under way. The next one is made when it has arrived.
    pub(super) outbox: Option<Notification>,
}

/// Something that is wrong. Times are of the host's clock, in ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Problem {
    pub(super) condition: Condition,
    /// The plugin or source, or nothing.
    pub(super) subject: String,
    pub(super) since: u64,
    /// The count when it was told; `None` = it was not told yet.
    pub(super) told: Option<u64>,
    /// Since when it is no longer observed.
    pub(super) over_since: Option<u64>,
    /// As it was last observed in this process.
    #[serde(skip)]
    pub(super) count: u64,
    /// What was last observed in this process; `None` = nothing yet.
    #[serde(skip)]
    pub(super) fact: Option<ProblemFact>,
}

/// A condition that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) condition: Condition,
    /// The plugin or source, or nothing.
    pub(super) subject: String,
    /// A larger one than was told is a change: of dead letters, their number.
    pub(super) count: u64,
    /// What is wrong, where, and how much.
    pub(super) fact: ProblemFact,
}

/// What was observed at one moment.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) holding: Vec<Observation>,
    /// Conditions that could not be observed, of all subjects or of one. Their problems stay as they are.
    pub(super) unknown: Vec<(Condition, Option<String>)>,
}

/// The changes that one notification tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// New problems, and those that have grown.
    pub(super) begun: Vec<Problem>,
    pub(super) ended: Vec<Problem>,
    /// The number of problems that go on and were told before.
    pub(super) ongoing: usize,
}

fn key(condition: Condition, subject: &str) -> String {
    format!("{}/{subject}", condition.as_str())
}

impl Observed {
    fn is_unknown(&self, problem: &Problem) -> bool {
        let names =
            |subject: &Option<String>| subject.as_ref().is_none_or(|subject| *subject == problem.subject);
        self.unknown.iter().any(|(condition, subject)| *condition == problem.condition && names(subject))
    }
}

impl Problem {
    /// What is wrong, also of a problem that this process has not observed yet.
    pub(super) fn fact(&self) -> ProblemFact {
        let Self { condition, subject, .. } = self;
        let unobserved = || ProblemFact::Unobserved { condition: *condition, subject: subject.clone() };
        self.fact.clone().unwrap_or_else(unobserved)
    }

    /// Whether it has changed since it was told, and how long its end lasts.
    fn is_changed(&self, alert: &Alert, now: u64) -> bool {
        match (self.over_since, self.told) {
            (Some(over), _) => now >= over.saturating_add(alert.recovery_wait_ms),
            (None, told) => told.is_none_or(|told| self.count > told),
        }
    }
}

impl AlertState {
    /// No time of a stored state is in the future, even if the clock was set back while no host ran.
    pub(super) fn restored(mut self, now: u64) -> Self {
        let clamp = |time: &mut Option<u64>| *time = time.map(|time| time.min(now));
        clamp(&mut self.changed_at);
        clamp(&mut self.notified_at);
        for problem in self.problems.values_mut() {
            problem.since = problem.since.min(now);
            problem.count = problem.told.unwrap_or(0);
            clamp(&mut problem.over_since);
        }
        if let Some(outbox) = &mut self.outbox {
            outbox.made_at = outbox.made_at.min(now);
            outbox.due_at = outbox.due_at.min(now);
        }
        self
    }

    /// Takes up what was observed.
    pub(super) fn observe(&mut self, observed: Observed, alert: &Alert, now: u64) {
        self.problems.retain(|_, problem| alert.watches(problem.condition, &problem.subject));
        let mut seen: BTreeMap<String, Observation> =
            observed.holding.iter().map(|one| (key(one.condition, &one.subject), one.clone())).collect();
        self.problems.retain(|key, problem| {
            let Some(Observation { count, fact, .. }) = seen.remove(key) else {
                if observed.is_unknown(problem) {
                    return true;
                }
                problem.over_since.get_or_insert(now);
                return problem.told.is_some();
            };
            problem.over_since = None;
            // Of fewer, any further one is new.
            problem.told = problem.told.map(|told| told.min(count));
            (problem.count, problem.fact) = (count, Some(fact));
            true
        });
        for (key, Observation { condition, subject, count, fact }) in seen {
            if self.problems.len() >= PROBLEMS_MAX {
                break;
            }
            let fact = Some(fact);
            let begun = Problem { condition, subject, since: now, told: None, over_since: None, count, fact };
            self.problems.insert(key, begun);
        }
    }

    /// Returns the changes that are to be told now, and takes them for told.
    pub(super) fn take_changes(&mut self, alert: &Alert, now: u64) -> Option<Changes> {
        if self.outbox.is_some() {
            return None;
        }
        if !self.problems.values().any(|problem| problem.is_changed(alert, now)) {
            self.changed_at = None;
            return None;
        }
        let changed_at = *self.changed_at.get_or_insert(now);
        let after = |time: u64, wait: u64| now >= time.saturating_add(wait);
        if !after(changed_at, alert.group_wait_ms)
            || self.notified_at.is_some_and(|notified| !after(notified, alert.interval_min_ms))
        {
            return None;
        }
        (self.changed_at, self.notified_at) = (None, Some(now));
        let mut changes = Changes::default();
        self.problems.retain(|_, problem| {
            if !problem.is_changed(alert, now) {
                changes.ongoing += 1;
                return true;
            }
            if problem.over_since.is_some() {
                changes.ended.push(problem.clone());
                return false;
            }
            problem.told = Some(problem.count);
            changes.begun.push(problem.clone());
            true
        });
        Some(changes)
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
