//! Confirmations that providers ask for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock;
use crate::confirmation::{self, StoredConfirmation};

/// The confirmations that providers asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConfirmationList {
    /// The newest 1,000, the newest first.
    pub items: Vec<ConfirmationView>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}

/// The state of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConfirmationState {
    /// It waits for an operator. If `failure` is set, it was approved, and the provider did not confirm.
    Waiting,
    /// It was approved, and the provider confirmed.
    Confirmed,
    /// It was rejected.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

/// A confirmation that a provider asked for. Times are ms since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfirmationView {
    /// Its number.
    pub id: i64,
    /// The source.
    pub source: String,
    /// What is confirmed: the ARN of a topic of Amazon SNS.
    pub topic: String,
    /// The URL that confirms it. Null without the permission `operate`: whoever has it can confirm.
    pub url: Option<String>,
    /// Its state.
    pub state: ConfirmationState,
    /// When it was received.
    pub received_at: u64,
    /// When the provider ceases to take it.
    pub expires_at: u64,
    /// When the host opened its URL last.
    pub opened_at: Option<u64>,
    /// Why that did not confirm it.
    pub failure: Option<String>,
    /// What the provider named when it was confirmed: the ARN of the subscription.
    pub subscription: Option<String>,
    /// When it was confirmed, was rejected or expired.
    pub decided_at: Option<u64>,
    /// The token that decided.
    pub decided_by: Option<String>,
}

impl ConfirmationView {
    /// Shows a confirmation, with its URL to those who may decide.
    pub(in crate::admin) fn new(stored: StoredConfirmation, may_decide: bool) -> Self {
        let expires_at = clock::shown(stored.expires_at());
        let state = stored.state_at(clock::now_ms());
        let StoredConfirmation { id, request, opened_at, failure, subscription, .. } = stored;
        Self {
            id,
            source: request.source.to_string(),
            topic: request.topic,
            url: may_decide.then_some(request.url),
            state: state.into(),
            received_at: clock::shown(request.received_at),
            expires_at,
            opened_at: opened_at.map(clock::shown),
            failure,
            subscription,
            decided_at: stored.decided_at.map(clock::shown),
            decided_by: stored.decided_by,
        }
    }
}

impl From<confirmation::ConfirmationState> for ConfirmationState {
    fn from(state: confirmation::ConfirmationState) -> Self {
        use confirmation::ConfirmationState as Stored;
        match state {
            Stored::Waiting => Self::Waiting,
            Stored::Confirmed => Self::Confirmed,
            Stored::Rejected => Self::Rejected,
            Stored::Expired => Self::Expired,
        }
    }
}
