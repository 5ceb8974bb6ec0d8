//! One event for one plugin, and the tries at it. No IO.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::event::{Digest, Event, PluginName, SourceName};

/// A delivery's own id: the event's place in the order of acceptance, and a number from 1 that
/// tells that event's deliveries apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    /// The event's sequence number in the database.
    pub event: i64,
    /// Which of the event's deliveries, from 1.
    pub number: i64,
}

/// A text that is no delivery's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no delivery's id: it looks like 12-1, and `hookyard delivery list` shows them")]
pub struct BadDeliveryId(String);

impl FromStr for DeliveryId {
    type Err = BadDeliveryId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('-').map(|(event, number)| (event.parse(), number.parse()));
        match parts {
            Some((Ok(event), Ok(number))) => Ok(Self { event, number }),
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

/// What runs one after the other: the deliveries of one plugin whose events have the same source and
/// ordering key. 8 bytes of SHA-256 over the three; that two share one by chance only makes them wait for
/// each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order(pub(crate) i64);

impl Order {
    /// The order of a plugin's deliveries of events with this source and ordering key.
    #[must_use]
    pub fn of(source: &SourceName, key: &str, plugin: &PluginName) -> Self {
        let digest = <[u8; 32]>::from(hash_of(&[source.as_str(), plugin.as_str(), key]).finalize());
        Self(digest.first_chunk().copied().map(i64::from_be_bytes).unwrap_or_default())
    }
}

/// SHA-256 over texts, such that no two lists of them look the same.
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
    /// Which.
    pub plugin: PluginName,
    /// Whether it takes events with the same ordering key one at a time.
    pub ordered: bool,
}

/// A delivery that this host has leased and is to try.
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
    /// Those of them that failed, and not by the host's fault.
    pub failures: u32,
    /// When its time began, by the host's clock: it has as long as its plugin's `age_max_ms`.
    pub since: u64,
    /// What it runs in turn with.
    pub order: Option<Order>,
}

impl Delivery {
    /// The received event that this one comes from in the end: its sequence number in the database.
    #[must_use]
    pub fn root(&self) -> i64 {
        self.event.origin.map_or(self.id.event, |origin| origin.root)
    }

    /// The same on every attempt of this delivery, and on no other delivery: 32 hexadecimal digits
    /// of SHA-256 over source, event id, plugin and delivery number, so it can stand in a header.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let mut hash = hash_of(&[self.event.source.as_str(), &self.event.id, self.plugin.as_str()]);
        hash.update(self.id.number.to_be_bytes());
        hex::encode(&hash.finalize()[..16])
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The handler returned ok.
    Done,
    /// It is to be tried again.
    Retry,
    /// It is not to be tried again: a dead letter.
    Rejected,
}

/// Whose failure an attempt that is not done was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The handler said so.
    Handler,
    /// The guest trapped, or ran into a limit.
    Trap,
    /// The guest was still running at its deadline.
    Timeout,
    /// The payload does not fit the handler's type.
    Payload,
    /// The host's own: never counted against the plugin.
    Host,
    /// The host process died during the attempt.
    Crash,
}

/// Why an attempt is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// [`Outcome::Retry`] or [`Outcome::Rejected`].
    pub outcome: Outcome,
    /// Whose failure it was.
    pub cause: Cause,
    /// For people: names what, where and, for a trap, the guest's function and line.
    pub reason: String,
    /// The handler's wish: not before so many ms.
    pub after_ms: Option<u64>,
}

/// One try at a delivery, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// From taking an instance to dropping it.
    pub duration_us: u64,
    /// The revision that ran.
    pub revision: Digest,
    /// The most linear memory the instance had, all memories added up.
    pub peak_memory_bytes: u64,
    /// What the guest logged, `LEVEL text`.
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

/// Where a delivery stands in the database. `Running` is never stored: it is a lease held by a
/// live process, so a crash leaves nothing to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// To be run now.
    Pending,
    /// Being run.
    Running,
    /// To be run again later.
    Waiting,
    /// It would be run, but for what [`HeldBecause`] says.
    Held,
    /// Handled.
    Done,
    /// A dead letter.
    Dead,
}

/// What a delivery waits for that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldBecause {
    /// Its plugin is not there.
    Absent,
    /// An operator paused its plugin.
    Paused,
    /// Its plugin failed too often of late.
    Breaker,
    /// An earlier one with the same ordering key is open.
    Order,
}

/// How an operator dealt with a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settled {
    /// Another delivery runs it again.
    Replayed,
    /// It is not to be run again.
    Discarded,
}

/// What an attempt makes of its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Handled.
    Done,
    /// Again, not before this time of the host's clock (ms).
    Wait(u64),
    /// Dead letter.
    Dead,
}
