//! What an event is: ids, names, digests and the idempotency key. No IO.

mod pattern;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

pub use pattern::EventPattern;
pub use text::replace_lone_surrogates;

/// Longest name of a source or a plugin, in bytes.
pub const NAME_MAX_BYTES: usize = 64;

/// The name of a source or of a plugin: 1 to 64 of `a-z A-Z 0-9 - _ .`, beginning with a letter or
/// a digit. It is part of URLs, file names and database keys, so nothing in it needs quoting.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// Name of a configured sender.
pub type SourceName = Name;
/// Name of a plugin: its file's name without `.wasm`.
pub type PluginName = Name;

/// A name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name: use 1 to {NAME_MAX_BYTES} of a-z A-Z 0-9 - _ . and begin with a letter or digit")]
pub struct BadName(String);

impl Name {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`BadName`] when a character or the length is not allowed.
    pub fn new(name: &str) -> Result<Self, BadName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let ok = (1..=NAME_MAX_BYTES).contains(&name.len())
            && name.chars().all(allowed)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric());
        ok.then(|| Self(name.into())).ok_or_else(|| BadName(name.into()))
    }

    /// A name with something in front, which may be longer than [`NAME_MAX_BYTES`] by that.
    #[must_use]
    pub(crate) fn prefixed(prefix: &str, name: &Self) -> Self {
        Self(format!("{prefix}{name}").into())
    }

    /// As [`Name::new`] and [`Name::prefixed`] made it.
    #[must_use]
    pub(crate) fn stored(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

/// A SHA-256 digest: of a payload, or of a plugin's file (then it names a revision).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The first 12 hexadecimal digits: enough to tell revisions apart in a message.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// A verified event, as it is stored: a fact that a source vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who sent it.
    pub source: SourceName,
    /// The sender's id, or the SHA-256 of the body where it has none.
    pub id: String,
    /// `appointment.created` and the like.
    pub event_type: String,
    /// The sender's timestamp, RFC 3339; the time of receipt where it gave none.
    pub created: String,
    /// When it was received, ms since the Unix epoch.
    pub received_at: u64,
    /// The raw body, as it was signed.
    pub body: Bytes,
    /// Where in `body` the payload for handlers is.
    pub payload: Range<usize>,
    /// What the source's `ordering_key` points to, as text.
    pub ordering_key: Option<String>,
    /// SHA-256 of `body`: tells a duplicate from a conflict.
    pub digest: Digest,
    /// Which handler emitted it; `None` = it was received.
    pub origin: Option<Origin>,
}

/// Where an event comes from that a plugin emitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The event whose handler emitted it: its sequence number in the database.
    pub event: i64,
    /// Which of that event's deliveries.
    pub delivery: i64,
    /// How many events it is away from one that was received: 1 for those of its own handlers.
    pub depth: u32,
    /// That one: its sequence number in the database.
    pub root: i64,
}

impl Event {
    /// How many events it is away from one that was received.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.origin.map_or(0, |origin| origin.depth)
    }

    /// The payload as JSON text, as it was sent.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.body.get(self.payload.clone()).unwrap_or_default()
    }

    /// The payload as handlers get it: text without lone surrogates.
    #[must_use]
    pub fn payload_text(&self) -> Cow<'_, str> {
        match String::from_utf8_lossy(self.payload()) {
            Cow::Borrowed(text) => replace_lone_surrogates(text),
            Cow::Owned(text) => Cow::Owned(replace_lone_surrogates(&text).into_owned()),
        }
    }
}

/// Milliseconds since the Unix epoch, now.
#[must_use]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// A moment, given in ms since the Unix epoch, as RFC 3339.
#[must_use]
pub fn rfc3339(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default().to_string()
}
