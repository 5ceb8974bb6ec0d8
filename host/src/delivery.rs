//! A delivery: one event for one plugin, and its attempts. No IO.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock;
use crate::event::{Digest, Event, PluginName, SourceName, parse_number};

/// A delivery's own id: the event's place in the order of acceptance, and the delivery's number
/// among that event's deliveries, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    /// The event's sequence number in the database.
    pub event: i64,
    /// Which of the event's deliveries, from 1.
    pub number: i64,
}

/// The form of a delivery's id, as a regular expression.
pub const DELIVERY_ID_PATTERN: &str = "^[1-9][0-9]{0,17}-[1-9][0-9]{0,17}$";

/// A text that is no delivery's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a delivery id: ids look like 12-1, and `hookyard delivery list` shows them")]
pub struct BadDeliveryId(String);

impl FromStr for DeliveryId {
    type Err = BadDeliveryId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('-').map(|(event, number)| (parse_number(event), parse_number(number)));
        match parts {
            Some((Some(event), Some(number))) => Ok(Self { event, number }),
            _ => Err(BadDeliveryId(text.into())),
        }
    }
}

impl Serialize for DeliveryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeliveryId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.event, self.number)
    }
}

/// A hash of plugin, source and ordering key. Deliveries with the same hash run one after the other. It is 8 bytes of
/// SHA-256; a collision only makes two keys wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderingHash(pub(crate) i64);

impl OrderingHash {
    /// The hash for a plugin's deliveries of events with this source and ordering key.
    #[must_use]
    pub fn of(source: &SourceName, key: &str, plugin: &PluginName) -> Self {
        let digest = <[u8; 32]>::from(hash_of(&[source.as_str(), plugin.as_str(), key]).finalize());
        Self(digest.first_chunk().copied().map(i64::from_be_bytes).unwrap_or_default())
    }
}

/// SHA-256 over texts and their lengths, so that different lists have different hashes.
fn hash_of(parts: &[&str]) -> Sha256 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash
}

/// A plugin that gets a delivery of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The plugin.
    pub plugin: PluginName,
    /// Whether the plugin takes events with the same ordering key one at a time.
    pub ordered: bool,
    /// Whether it is known to handle the event. Otherwise the delivery is unmatched: it keeps its place in
    /// its ordering key and is not leased before it is matched.
    pub matched: bool,
}

/// A delivery that this host has leased for an attempt.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event, shared between its deliveries.
    pub event: Arc<Event>,
    /// The plugin it goes to.
    pub plugin: PluginName,
    /// Attempts already made.
    pub attempts: u32,
    /// The attempts that failed, except by the host's fault.
    pub failures: u32,
    /// The time when its age began, by the host's clock: the plugin's `age_max_ms` limits it.
    pub since: u64,
    /// The hash of its ordering key for the plugin; `None` without one.
    pub order: Option<OrderingHash>,
    /// The revision that a replay chose for it; `None` for the one in force.
    pub revision: Option<Digest>,
    /// Since when it waits for this attempt.
    pub ready: ReadySince,
}

/// Since when a delivery waits for its next attempt.
#[derive(Debug, Clone, Copy)]
pub enum ReadySince {
    /// It was handed over when it was committed.
    Committed(Instant),
    /// It was read from the database: the time at which it was received or due, by the host's clock, in ms.
    Due(u64),
}

impl ReadySince {
    /// The time that has passed since.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        match self {
            Self::Committed(at) => at.elapsed(),
            Self::Due(at) => Duration::from_millis(clock::now_ms().saturating_sub(at)),
        }
    }
}

impl Delivery {
    /// The received event that this one comes from in the end: its sequence number in the database.
    #[must_use]
    pub fn root(&self) -> i64 {
        self.event.origin.map_or(self.id.event, |origin| origin.root)
    }

    /// The idempotency key, the same on every attempt of this delivery, and on no other one: 32
    /// hexadecimal digits of SHA-256 over source, event id, plugin and delivery number, so it fits
    /// into a header.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        idempotency_key(self.event.source.as_str(), &self.event.id, self.plugin.as_str(), self.id.number)
    }
}

/// The idempotency key of the delivery with this number; see [`Delivery::idempotency_key`].
#[must_use]
pub fn idempotency_key(source: &str, event: &str, plugin: &str, number: i64) -> String {
    let mut hash = hash_of(&[source, event, plugin]);
    hash.update(number.to_be_bytes());
    hex::encode(&hash.finalize()[..16])
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The handler returned ok.
    Done,
    /// It failed, and may be retried.
    Retry,
    /// It failed permanently: a dead letter.
    Rejected,
}

impl Outcome {
    /// Its name, as everywhere outside of the program.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Rejected => "rejected",
        }
    }
}

/// The cause of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The handler returned the failure.
    Handler,
    /// The guest trapped, or ran into a limit.
    Trap,
    /// The guest was still running at its deadline.
    Timeout,
    /// The payload does not fit the handler's type.
    Payload,
    /// The host failed. It never counts against the plugin.
    Host,
    /// The host process died during the attempt.
    Crash,
}

impl Cause {
    /// Its name, as everywhere outside of the program.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Payload => "payload",
            Self::Host => "host",
            Self::Crash => "crash",
        }
    }
}

/// The failure of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// [`Outcome::Retry`] or [`Outcome::Rejected`].
    pub outcome: Outcome,
    /// The cause.
    pub cause: Cause,
    /// The error for people and, for a trap, the guest's function and line.
    pub reason: String,
    /// The handler's own delay before the next attempt, in ms.
    pub after_ms: Option<u64>,
}

/// Returns the part of a reason that says what happened. In front of it stand plugin, revision, event and interface,
/// which a list shows in other columns.
#[must_use]
pub fn reason_without_names<'a>(reason: &'a str, plugin: &str, event: &str) -> &'a str {
    let named = || {
        let rest = reason.strip_prefix(plugin)?.strip_prefix(' ')?;
        let (revision, rest) = rest.split_once(" on ")?;
        let rest = rest.strip_prefix(event)?.strip_prefix(": ")?;
        revision.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(rest)
    };
    let Some(rest) = named() else { return reason };
    match rest.split_once(": ") {
        // `moncreneau:events/appointment-created@1.0.0`
        Some((name, cause)) if name.contains(':') && name.contains('/') && !name.contains(' ') => cause,
        _ => rest,
    }
}

/// The record of an attempt at a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The attempt's number, from 1.
    pub number: u32,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// The time from taking an instance to dropping it.
    pub duration_us: u64,
    /// The revision that ran.
    pub revision: Digest,
    /// The peak size of the instance's linear memories together.
    pub peak_memory_bytes: u64,
    /// The guest's log lines, `LEVEL text`.
    pub logs: Vec<String>,
    /// `None` when done.
    pub failure: Option<Failure>,
}

impl Attempt {
    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.failure.as_ref().map_or(Outcome::Done, |failure| failure.outcome)
    }
}

/// The state of a delivery. `Running` is never stored: it is a lease in the memory of a process, so a crash leaves
/// nothing to repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is due.
    Pending,
    /// An attempt is running.
    Running,
    /// It waits for its next attempt.
    Waiting,
    /// It waits for the reason in [`HoldReason`].
    Held,
    /// Handled.
    Done,
    /// A dead letter.
    Dead,
}

/// The reason why a delivery is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldReason {
    /// Its plugin is absent.
    Absent,
    /// An operator paused its plugin.
    Paused,
    /// An operator switched its plugin off for its event's type.
    #[serde(rename = "switched off")]
    SwitchedOff,
    /// The breaker paused its plugin.
    Breaker,
    /// Its plugin's handlers are not known yet.
    Unmatched,
    /// An earlier delivery with the same ordering key is open.
    Order,
}

/// The resolution of a dead letter by an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// Another delivery runs it again.
    Replayed,
    /// It was discarded.
    Discarded,
}

/// The next step of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Handled.
    Done,
    /// Another attempt, not before this time of the host's clock (ms).
    Wait(u64),
    /// Dead letter.
    Dead,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shows_the_cause_of_a_reason() {
        for (reason, expected) in [
            (
                "desk 0123456789ab on evt: moncreneau:events/appointment-created@1.0.0: trap: x: y",
                "trap: x: y",
            ),
            (
                "desk 0123456789ab on evt: this revision has no handler for a: b",
                "this revision has no handler for a: b",
            ),
            ("desk 0123456789ab on evt: p:q/r@1.0.0: http://x/y: refused", "http://x/y: refused"),
            ("the host process died while this ran", "the host process died while this ran"),
            ("other 0123456789ab on evt: p:q/r: x", "other 0123456789ab on evt: p:q/r: x"),
            ("desk is not on evt: p:q/r: x", "desk is not on evt: p:q/r: x"),
            ("", ""),
        ] {
            assert_eq!(reason_without_names(reason, "desk", "evt"), expected);
        }
    }
}
