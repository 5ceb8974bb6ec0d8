//! Alerts as operators see them. Times are ms since the Unix epoch.

use super::fact::ProblemFact;
use super::notification;
use super::outbox::Notification;
use super::rules::{AlertState, Problem};
use crate::clock;
use crate::config::{Alert, Condition};

/// A configured alert and its state.
#[derive(Debug, Clone)]
pub struct AlertView {
    /// Its name.
    pub name: String,
    /// The conditions that it watches.
    pub on: Vec<Condition>,
    /// Addresses, or the origin of a URL.
    pub receiver: String,
    /// What is wrong.
    pub problems: Vec<ProblemView>,
    /// When the last notification was made.
    pub notified_at: Option<u64>,
    /// The notification that has not arrived yet.
    pub pending: Option<PendingView>,
}

/// Something that is wrong.
#[derive(Debug, Clone)]
pub struct ProblemView {
    /// Its kind.
    pub condition: Condition,
    /// The plugin or source, or nothing.
    pub subject: String,
    /// What is wrong.
    pub fact: ProblemFact,
    /// The command that helps.
    pub help: String,
    /// When it began.
    pub since: u64,
    /// Whether a notification tells of it.
    pub told: bool,
    /// Since when it is over, if its end was not told yet.
    pub over_since: Option<u64>,
}

/// A notification that has not arrived yet.
#[derive(Debug, Clone)]
pub struct PendingView {
    /// Its id, which the receiver gets.
    pub id: String,
    /// Failed attempts.
    pub failures: u32,
    /// The time of the next attempt.
    pub due_at: u64,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

/// The result of a test.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// The id of the notification.
    pub id: String,
    /// Whether the receiver has it.
    pub delivered: bool,
    /// The receiver's answer, or why there is none.
    pub detail: String,
}

/// The reason why an alert was not tested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// There is no such alert.
    #[error("no alert `{0}` is configured; there are: {1}")]
    Unknown(String, String),
    /// Another test runs.
    #[error("another test of an alert is under way: try again when it has ended")]
    Busy,
}

/// Shows an alert.
pub(super) fn view(alert: &Alert, state: &AlertState) -> AlertView {
    AlertView {
        name: alert.name.clone(),
        on: alert.on.clone(),
        receiver: alert.receiver(),
        problems: state.problems.values().map(problem).collect(),
        notified_at: state.notified_at.map(clock::shown),
        pending: state.outbox.as_ref().map(pending),
    }
}

fn problem(problem: &Problem) -> ProblemView {
    ProblemView {
        condition: problem.condition,
        subject: problem.subject.clone(),
        fact: problem.fact(),
        help: notification::help(problem),
        since: clock::shown(problem.since),
        told: problem.told.is_some(),
        over_since: problem.over_since.map(clock::shown),
    }
}

fn pending(Notification { id, failures, due_at, last_error, .. }: &Notification) -> PendingView {
    PendingView {
        id: id.clone(),
        failures: *failures,
        due_at: clock::shown(*due_at),
        last_error: last_error.clone(),
    }
}
