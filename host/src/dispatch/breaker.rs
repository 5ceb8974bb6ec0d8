//! Pauses a plugin that fails nearly all deliveries, tries single ones, and resumes. Pure.
//!
//! It counts deliveries and not attempts, so that one that always fails weighs no more than another, and
//! only attempts that began under it: what ends after a pause began, or after the plugin was swapped,
//! says nothing of what runs now.

use std::collections::VecDeque;

use crate::plugins::Breaking;

/// One plugin's breaker, over deliveries that are told apart by `I`.
pub(super) struct Breaker<I> {
    rules: Breaking,
    state: State,
    /// The latest deliveries that ended an attempt, each once, the newest last: whether it failed.
    latest: VecDeque<(I, bool)>,
    /// Attempts under way.
    begun: Vec<I>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All run.
    Closed,
    /// None begins before `until`, ms since the Unix epoch.
    Open { until: u64, pause_ms: u64 },
    /// One at a time, until one tells whether the plugin works.
    Trying { pause_ms: u64 },
}

/// What an attempt says of its plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Works,
    Fails,
    /// It was about one event, or the host failed.
    Nothing,
}

/// What an attempt's end changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// So many of so many deliveries failed: it is paused.
    Paused { failed: usize, of: usize, pause_ms: u64, until: u64 },
    /// The single one that was tried failed too: it is paused for longer.
    PausedAgain { pause_ms: u64, until: u64 },
    /// The single one went well.
    Resumed,
}

impl<I: Copy + Eq> Breaker<I> {
    pub(super) fn new(rules: Breaking) -> Self {
        Self { rules, state: State::Closed, latest: VecDeque::new(), begun: Vec::new() }
    }

    /// How many of its deliveries may wait and run at once.
    pub(super) fn most(&self) -> usize {
        match self.state {
            State::Closed => usize::MAX,
            State::Open { .. } => 0,
            State::Trying { .. } => 1,
        }
    }

    /// Attempts under way that count.
    pub(super) fn begun(&self) -> usize {
        self.begun.len()
    }

    /// When its pause ends, ms since the Unix epoch.
    pub(super) fn until(&self) -> Option<u64> {
        if let State::Open { until, .. } = self.state { Some(until) } else { None }
    }

    /// Ends a pause that is over. True if it was.
    pub(super) fn look(&mut self, now_ms: u64) -> bool {
        let State::Open { until, pause_ms } = self.state else { return false };
        // What is left is never longer than the pause, unless the clock was set back.
        let over = now_ms >= until || until - now_ms > pause_ms;
        if over {
            self.state = State::Trying { pause_ms };
        }
        over
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, id: I) {
        if self.rules.failures_percent > 0 {
            self.begun.push(id);
        }
    }

    /// An attempt ended.
    pub(super) fn end(&mut self, id: I, says: Says, now_ms: u64) -> Option<Turned> {
        let at = self.begun.iter().position(|begun| *begun == id)?;
        self.begun.swap_remove(at);
        match (self.state, says) {
            (_, Says::Nothing) | (State::Open { .. }, _) => None,
            (State::Closed, _) => self.count(id, says == Says::Fails, now_ms),
            (State::Trying { .. }, Says::Works) => {
                self.state = State::Closed;
                Some(Turned::Resumed)
            }
            (State::Trying { pause_ms }, Says::Fails) => {
                let pause_ms = pause_ms.saturating_mul(2).min(self.rules.pause_max_ms);
                let until = self.pause(pause_ms, now_ms);
                Some(Turned::PausedAgain { pause_ms, until })
            }
        }
    }

    fn count(&mut self, id: I, failed: bool, now_ms: u64) -> Option<Turned> {
        self.latest.retain(|(latest, _)| *latest != id);
        self.latest.push_back((id, failed));
        let of = self.rules.deliveries;
        if self.latest.len() > of {
            self.latest.pop_front();
        }
        if !failed || self.latest.len() < of {
            return None;
        }
        let failures = self.latest.iter().filter(|(_, failed)| *failed).count();
        if failures * 100 < of * self.rules.failures_percent {
            return None;
        }
        let pause_ms = self.rules.pause_ms.min(self.rules.pause_max_ms);
        let until = self.pause(pause_ms, now_ms);
        Some(Turned::Paused { failed: failures, of, pause_ms, until })
    }

    fn pause(&mut self, pause_ms: u64, now_ms: u64) -> u64 {
        let until = now_ms.saturating_add(pause_ms);
        self.state = State::Open { until, pause_ms };
        self.latest.clear();
        self.begun.clear();
        until
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
