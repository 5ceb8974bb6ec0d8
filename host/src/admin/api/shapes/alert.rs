//! Alerts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alerts::{AlertView, PendingView, ProblemView};

/// All alerts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertList {
    /// The alerts, in the order of the configuration.
    pub items: Vec<Alert>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}

/// A configured alert.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// The conditions that it watches, as in the configuration.
    pub on: Vec<String>,
    /// Who is told: addresses, or the origin of a URL.
    pub receiver: String,
    /// What is wrong now, or was until a moment ago. At most 1000.
    pub problems: Vec<AlertProblem>,
    /// When the last notification was made, ms since the Unix epoch.
    pub notified_at: Option<u64>,
    /// The notification that has not arrived yet.
    pub pending: Option<PendingNotification>,
}

/// Something that is wrong.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertProblem {
    /// The condition, as in the configuration.
    pub condition: String,
    /// The plugin or the source; empty if it is of the host.
    pub subject: String,
    /// One sentence.
    pub detail: String,
    /// The command that shows more or ends it.
    pub help: String,
    /// When it began, ms since the Unix epoch.
    pub since: u64,
    /// Whether a notification tells of it.
    pub told: bool,
    /// Since when it is over, ms since the Unix epoch, until its end is told.
    pub over_since: Option<u64>,
}

/// A notification that has not arrived yet.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PendingNotification {
    /// Its id, the same on each attempt.
    pub id: String,
    /// Attempts that failed.
    pub failures: u32,
    /// The time of the next attempt, ms since the Unix epoch.
    pub due_at: u64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// The result of a test.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertTestResult {
    /// The id of the notification.
    pub id: String,
    /// Whether the receiver has it.
    pub delivered: bool,
    /// The receiver's answer, or why there is none.
    pub detail: String,
}

impl From<AlertView> for Alert {
    fn from(view: AlertView) -> Self {
        Self {
            name: view.name,
            on: view.on.into_iter().map(|condition| condition.as_str().to_owned()).collect(),
            receiver: view.receiver,
            problems: view.problems.into_iter().map(AlertProblem::from).collect(),
            notified_at: view.notified_at,
            pending: view.pending.map(PendingNotification::from),
        }
    }
}

impl From<ProblemView> for AlertProblem {
    fn from(view: ProblemView) -> Self {
        let ProblemView { condition, subject, fact, help, since, told, over_since } = view;
        let detail = fact.describe();
        Self { condition: condition.as_str().to_owned(), subject, detail, help, since, told, over_since }
    }
}

impl From<PendingView> for PendingNotification {
    fn from(PendingView { id, failures, due_at, last_error }: PendingView) -> Self {
        Self { id, failures, due_at, last_error }
    }
}
