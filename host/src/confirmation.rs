//! Confirmations that a provider asks for and an operator decides about, such as that of a subscription to an Amazon SNS
//! topic. No IO.
//!
//! A provider sends a URL, and whoever opens it confirms. The host stores the URL, and opens it only when an operator
//! approves. So a signed request alone makes the host send nothing.

use serde::{Deserialize, Serialize};

use crate::event::SourceName;

/// How long a provider takes a confirmation, in ms: the tokens of Amazon SNS are valid for three days.
pub const LIFE_MS: u64 = 3 * 24 * 3_600_000;
/// The most topics of one source whose confirmations wait.
pub const WAITING_MAX: usize = 16;
/// The longest URL, in bytes. Those of Amazon SNS have some 500.
pub const URL_MAX_BYTES: usize = 2048;
/// The longest topic, in bytes. The name of an Amazon SNS topic has at most 256, its ARN some 50 more.
pub const TOPIC_MAX_BYTES: usize = 512;

/// A confirmation as it was received, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConfirmation {
    /// The source.
    pub source: SourceName,
    /// What is confirmed: the ARN of a topic.
    pub topic: String,
    /// The URL that confirms it. It has a token of the provider in it.
    pub url: String,
    /// When the provider sent it, ms since the Unix epoch by the provider's clock.
    pub sent_at: u64,
    /// When it was received, ms by the host's clock.
    pub received_at: u64,
}

/// The state of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfirmationState {
    /// It waits for an operator.
    Waiting,
    /// An operator approved it, and the provider confirmed.
    Confirmed,
    /// An operator rejected it.
    Rejected,
    /// Nobody decided while the provider would have taken it.
    Expired,
}

impl ConfirmationState {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// A stored confirmation. Times are ms by the host's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConfirmation {
    /// Its number.
    pub id: i64,
    /// As it was received. Of several for one topic, the one that was sent last.
    pub request: NewConfirmation,
    /// The stored state; see [`StoredConfirmation::state_at`].
    pub state: ConfirmationState,
    /// When the host opened its URL last.
    pub opened_at: Option<u64>,
    /// Why that did not confirm it.
    pub failure: Option<String>,
    /// What the provider named when it was confirmed: the ARN of the subscription.
    pub subscription: Option<String>,
    /// When it left the state waiting.
    pub decided_at: Option<u64>,
    /// Who decided.
    pub decided_by: Option<String>,
}

impl StoredConfirmation {
    /// A confirmation that waits.
    #[must_use]
    pub fn waiting(id: i64, request: NewConfirmation) -> Self {
        Self {
            id,
            request,
            state: ConfirmationState::Waiting,
            opened_at: None,
            failure: None,
            subscription: None,
            decided_at: None,
            decided_by: None,
        }
    }

    /// When the provider ceases to take it, ms by the host's clock.
    #[must_use]
    pub fn expires_at(&self) -> u64 {
        self.request.received_at.saturating_add(LIFE_MS)
    }

    /// Its state at this time, ms by the host's clock. The stored one follows later.
    #[must_use]
    pub fn state_at(&self, now: u64) -> ConfirmationState {
        match self.state {
            ConfirmationState::Waiting if self.expires_at() <= now => ConfirmationState::Expired,
            state => state,
        }
    }
}

/// What becomes of a received confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmationReceipt {
    /// It is stored.
    Stored,
    /// It took the place of an earlier one for the same topic, which waited.
    Renewed,
    /// It is known, or older than one that is known. Nothing changed.
    Repeated,
    /// Confirmations for [`WAITING_MAX`] other topics of the source wait. It is not stored.
    Full,
}

impl ConfirmationReceipt {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Stored, Self::Renewed, Self::Repeated, Self::Full];

    /// The word for it, for metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Renewed => "renewed",
            Self::Repeated => "repeated",
            Self::Full => "full",
        }
    }
}

/// Decides what becomes of a received confirmation. `known` are all of its source. Of [`ConfirmationReceipt::Renewed`],
/// the second value is the number of the one whose place it takes.
#[must_use]
pub fn judge(known: &[StoredConfirmation], new: &NewConfirmation) -> (ConfirmationReceipt, Option<i64>) {
    let is_waiting = |of: &&StoredConfirmation| of.state_at(new.received_at) == ConfirmationState::Waiting;
    let of_topic = || known.iter().filter(|of| of.request.topic == new.topic);
    // A provider repeats what it gets no answer to, and anybody may repeat what they saw.
    if of_topic().any(|of| of.request.url == new.url || of.request.sent_at > new.sent_at) {
        return (ConfirmationReceipt::Repeated, None);
    }
    if let Some(waiting) = of_topic().find(is_waiting) {
        return (ConfirmationReceipt::Renewed, Some(waiting.id));
    }
    if known.iter().filter(is_waiting).count() >= WAITING_MAX {
        return (ConfirmationReceipt::Full, None);
    }
    (ConfirmationReceipt::Stored, None)
}

/// The result of a decision about a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmationDecision {
    /// The confirmation after it.
    Decided(Box<StoredConfirmation>),
    /// It does not wait: it has this state.
    NotWaiting(ConfirmationState),
    /// The source has none of this number.
    Unknown,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn new(topic: &str, url: &str, sent_at: u64) -> NewConfirmation {
        NewConfirmation {
            source: SourceName::new("alarms").unwrap(),
            topic: topic.into(),
            url: url.into(),
            sent_at,
            received_at: NOW_MS,
        }
    }

    fn stored(id: i64, request: NewConfirmation, state: ConfirmationState) -> StoredConfirmation {
        StoredConfirmation { state, ..StoredConfirmation::waiting(id, request) }
    }

    #[test]
    fn the_newest_request_of_a_topic_waits_and_what_is_known_changes_nothing() {
        use ConfirmationReceipt::{Renewed, Repeated, Stored};
        use ConfirmationState::{Confirmed, Expired, Rejected, Waiting};
        let old = NewConfirmation { received_at: NOW_MS - LIFE_MS, ..new("t", "u1", 5) };
        for (known, request, expected) in [
            (None, new("t", "u1", 5), (Stored, None)),
            (Some((new("t", "u1", 5), Waiting)), new("t", "u1", 5), (Repeated, None)),
            (Some((new("t", "u1", 5), Waiting)), new("t", "u2", 6), (Renewed, Some(7))),
            (Some((new("t", "u1", 5), Waiting)), new("t", "u2", 5), (Renewed, Some(7))),
            (Some((new("t", "u1", 5), Waiting)), new("t", "u0", 4), (Repeated, None)),
            (Some((new("t", "u1", 5), Waiting)), new("other", "u2", 4), (Stored, None)),
            (Some((new("t", "u1", 5), Confirmed)), new("t", "u1", 5), (Repeated, None)),
            (Some((new("t", "u1", 5), Rejected)), new("t", "u0", 4), (Repeated, None)),
            (Some((new("t", "u1", 5), Confirmed)), new("t", "u2", 6), (Stored, None)),
            (Some((new("t", "u1", 5), Rejected)), new("t", "u2", 6), (Stored, None)),
            (Some((new("t", "u1", 5), Expired)), new("t", "u2", 6), (Stored, None)),
            (Some((old, Waiting)), new("t", "u2", 6), (Stored, None)),
        ] {
            let known: Vec<_> = known.into_iter().map(|(request, state)| stored(7, request, state)).collect();
            assert_eq!(judge(&known, &request), expected, "{known:?} {request:?}");
        }
    }

    #[test]
    fn only_so_many_topics_of_a_source_wait() {
        let mut known: Vec<_> = (0..WAITING_MAX)
            .map(|number| StoredConfirmation::waiting(1, new(&format!("t{number}"), "u", 5)))
            .collect();
        assert_eq!(judge(&known, &new("another", "v", 5)).0, ConfirmationReceipt::Full);
        assert_eq!(judge(&known, &new("t3", "v", 6)), (ConfirmationReceipt::Renewed, Some(1)));
        known[3].state = ConfirmationState::Rejected;
        assert_eq!(judge(&known, &new("another", "v", 5)).0, ConfirmationReceipt::Stored);
        known[3] = StoredConfirmation::waiting(1, new("t3", "u", 5));
        known[4].request.received_at -= LIFE_MS;
        assert_eq!(judge(&known, &new("another", "v", 5)).0, ConfirmationReceipt::Stored);
    }

    #[test]
    fn a_confirmation_that_waits_expires_after_three_days() {
        let waiting = StoredConfirmation::waiting(1, new("t", "u", 5));
        for (state, passed, expected) in [
            (ConfirmationState::Waiting, LIFE_MS - 1, ConfirmationState::Waiting),
            (ConfirmationState::Waiting, LIFE_MS, ConfirmationState::Expired),
            (ConfirmationState::Confirmed, LIFE_MS, ConfirmationState::Confirmed),
            (ConfirmationState::Rejected, LIFE_MS, ConfirmationState::Rejected),
        ] {
            let stored = StoredConfirmation { state, ..waiting.clone() };
            assert_eq!(stored.state_at(NOW_MS + passed), expected, "{state:?} {passed}");
        }
    }
}
