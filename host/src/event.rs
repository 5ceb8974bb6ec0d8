//! Events: ids, names, digests and the idempotency key. No IO.

mod fields;
mod json;
mod metadata;
mod names;
mod number;
mod ordering;
mod pattern;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::trace::TraceContext;

pub use fields::{FieldPaths, FoundField};
pub use json::{JsonStrings, each_value, indent_json, parse_json_string};
pub use metadata::{EventMetadata, is_json_type};
pub use names::{is_same_name, normalize_name, parse_index};
pub use number::{NUMBER_PATTERN, parse_digits, parse_number};
pub use ordering::{ordering_key_text, shorten_ordering_key};
pub use pattern::EventPattern;
pub use text::replace_lone_surrogates;

/// The longest name of a source or a plugin, in bytes.
pub const NAME_MAX_BYTES: usize = 64;
/// The form of a [`Name`], as a regular expression.
pub const NAME_PATTERN: &str = "^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$";

/// The name of a source or of a plugin: 1 to 64 of `a-z A-Z 0-9 - _ .`, beginning with a letter or
/// a digit. It is part of URLs, file names and database keys, where none of these characters needs quoting.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// The name of a configured sender.
pub type SourceName = Name;
/// The name of a plugin: its file's name without `.wasm`.
pub type PluginName = Name;
/// The name of a verifier: its file's name without `.wasm`.
pub type VerifierName = Name;

/// The error of a text that is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name: use 1 to {NAME_MAX_BYTES} of a-z A-Z 0-9 - _ . and begin with a letter or digit"
)]
pub struct BadName(String);

impl Name {
    /// Checks a name.
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

    /// A name with a prefix, which may make it longer than [`NAME_MAX_BYTES`].
    #[must_use]
    pub(crate) fn prefixed(prefix: &str, name: &Self) -> Self {
        Self(format!("{prefix}{name}").into())
    }

    /// A stored name, which [`Name::new`] or [`Name::prefixed`] has checked.
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

/// A SHA-256 digest of a payload or of a plugin's file. The latter identifies a revision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The first 12 hexadecimal digits, for messages.
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

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(&*text, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// A verified event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its source.
    pub source: SourceName,
    /// The sender's id, or the SHA-256 of a body without one.
    pub id: String,
    /// `appointment.created` and the like.
    pub event_type: String,
    /// The sender's timestamp, RFC 3339, or the time of receipt without one.
    pub created: String,
    /// The time when it was received, ms since the Unix epoch.
    pub received_at: u64,
    /// The raw body, as signed.
    pub body: Bytes,
    /// The range of the payload for handlers in `body`.
    pub payload: Range<usize>,
    /// The value at the source's `ordering_key`, as text.
    pub ordering_key: Option<String>,
    /// SHA-256 of `body` without the values that change on a retry; it distinguishes a duplicate from a conflict.
    pub digest: Digest,
    /// The event that it comes from; `None` if it was received.
    pub origin: Option<Origin>,
    /// Its place in a trace, if it has one.
    pub trace: Option<TraceContext>,
    /// What its request said about it beside the body; `None` if that is nothing.
    pub metadata: Option<Arc<EventMetadata>>,
}

/// The delivery number of the origin of events that an operator made with an edited payload. No delivery has it.
pub const EDITED: i64 = 0;

/// The origin of an event that a handler emitted, or that an operator made with an edited payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The event whose handler emitted it, or that was edited: its sequence number in the database.
    pub event: i64,
    /// The number of that event's delivery, or [`EDITED`].
    pub delivery: i64,
    /// The number of emitted events from the received one to this one: 1 for events of its own handlers.
    pub depth: u32,
    /// The received event: its sequence number in the database.
    pub root: i64,
}

impl Event {
    /// The number of emitted events from the received one to this one.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.origin.map_or(0, |origin| origin.depth)
    }

    /// The payload as JSON text, as sent.
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

/// The interface of an event type's typed handler: `moncreneau:events/appointment-created` for `appointment.created` in
/// the package `moncreneau:events`.
#[must_use]
pub fn interface_name(package: &str, event_type: &str) -> String {
    let kebab = event_type.chars().map(|c| if matches!(c, '.' | '_') { '-' } else { c.to_ascii_lowercase() });
    package.chars().chain(['/']).chain(kebab).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_are_event_types_in_kebab_case() {
        for (package, event_type, interface) in [
            ("moncreneau:events", "appointment.created", "moncreneau:events/appointment-created"),
            ("a:b", "Order.line_item.added", "a:b/order-line-item-added"),
        ] {
            assert_eq!(interface_name(package, event_type), interface);
        }
    }
}
