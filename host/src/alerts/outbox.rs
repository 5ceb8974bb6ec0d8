//! The notification of an alert that is under way.

use serde::{Deserialize, Serialize};

use crate::effect::Progress;

/// A notification and its attempts. It is stored before the first one, so that it has the same id and the same text on
/// each, also after a restart. Times are of the host's clock, in ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notification {
    /// By which a receiver recognises a repetition.
    pub(super) id: String,
    /// One line.
    pub(super) title: String,
    /// The text of an email.
    pub(super) text: String,
    /// The body of a webhook, JSON.
    pub(super) body: String,
    pub(super) made_at: u64,
    pub(super) due_at: u64,
    /// Attempts that failed.
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    /// The recipients that have it already.
    pub(super) progress: Progress,
}

impl Notification {
    /// A new one, which is due now.
    pub(super) fn new(title: String, text: String, body: String, now: u64) -> Self {
        Self {
            id: format!("alert_{}", hex::encode(rand::random::<[u8; 16]>())),
            title,
            text,
            body,
            made_at: now,
            due_at: now,
            failures: 0,
            last_error: None,
            progress: Progress::default(),
        }
    }
}
