//! Pauses a plugin that fails nearly all deliveries, tries single ones, and resumes. Pure.
//!
//! It counts deliveries and not attempts, so a delivery that always fails weighs no more than another. An
//! attempt that began before a pause or a swap does not count: it shows nothing about the current
//! revision.

use std::collections::VecDeque;

use crate::plugins::Breaking;

/// One plugin's breaker. `I` identifies its deliveries.
pub(super) struct Breaker<I> {
    rules: Breaking,
    state: State,
    /// The latest deliveries that ended an attempt, each once, the newest last: whether it failed.
    latest: VecDeque<(I, bool)>,
    /// Running attempts.
    in_flight: Vec<I>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All attempts run.
    Closed,
    /// No attempt begins before `until`, ms since the Unix epoch.
    Open { until: u64, pause_ms: u64 },
    /// One at a time, until an attempt shows whether the plugin works.
    HalfOpen { pause_ms: u64 },
}

/// An attempt's signal about its plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptSignal {
    /// The plugin works.
    Success,
    /// The plugin fails.
    Failure,
    /// Neither: the outcome was about one event, or the host failed.
    Neutral,
}

/// A change of a plugin's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// `failed` of the latest `of` deliveries failed: the plugin is paused.
    Paused { failed: usize, of: usize, pause_ms: u64, until: u64 },
    /// The single delivery failed too: the pause is extended.
    PausedAgain { pause_ms: u64, until: u64 },
    /// The single delivery is done: the plugin resumes.
    Resumed,
}

impl<I: Copy + Eq> Breaker<I> {
    pub(super) fn new(rules: Breaking) -> Self {
        Self { rules, state: State::Closed, latest: VecDeque::new(), in_flight: Vec::new() }
    }

    /// The maximum of its deliveries that are queued or run at once.
    pub(super) fn max_in_flight(&self) -> usize {
        match self.state {
            State::Closed => usize::MAX,
            State::Open { .. } => 0,
            State::HalfOpen { .. } => 1,
        }
    }

    /// Running attempts that count.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The end of its pause, ms since the Unix epoch.
    pub(super) fn until(&self) -> Option<u64> {
        if let State::Open { until, .. } = self.state { Some(until) } else { None }
    }

    /// Ends a pause that is over: the next attempt is a trial. Returns whether it did.
    pub(super) fn try_half_open(&mut self, now_ms: u64) -> bool {
        let State::Open { until, pause_ms } = self.state else { return false };
        // The remaining time is never longer than the pause, unless the clock was set back.
        let is_over = now_ms >= until || until - now_ms > pause_ms;
        if is_over {
            self.state = State::HalfOpen { pause_ms };
        }
        is_over
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, id: I) {
        if self.rules.failures_percent > 0 {
            self.in_flight.push(id);
        }
    }

    /// An attempt ended.
    pub(super) fn end(&mut self, id: I, signal: AttemptSignal, now_ms: u64) -> Option<Transition> {
        let at = self.in_flight.iter().position(|running| *running == id)?;
        self.in_flight.swap_remove(at);
        match (self.state, signal) {
            (_, AttemptSignal::Neutral) | (State::Open { .. }, _) => None,
            (State::Closed, _) => self.count(id, signal == AttemptSignal::Failure, now_ms),
            (State::HalfOpen { .. }, AttemptSignal::Success) => {
                self.state = State::Closed;
                Some(Transition::Resumed)
            }
            (State::HalfOpen { pause_ms }, AttemptSignal::Failure) => {
                let pause_ms = pause_ms.saturating_mul(2).min(self.rules.pause_max_ms);
                let until = self.pause(pause_ms, now_ms);
                Some(Transition::PausedAgain { pause_ms, until })
            }
        }
    }

    fn count(&mut self, id: I, failed: bool, now_ms: u64) -> Option<Transition> {
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
        Some(Transition::Paused { failed: failures, of, pause_ms, until })
    }

    fn pause(&mut self, pause_ms: u64, now_ms: u64) -> u64 {
        let until = now_ms.saturating_add(pause_ms);
        self.state = State::Open { until, pause_ms };
        self.latest.clear();
        self.in_flight.clear();
        until
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
