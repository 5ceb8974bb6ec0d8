//! Decisions and the entries of the audit log that record them. No IO.
//!
//! A decision names its actor, and its entry is committed in the same transaction as the change. So the methods of
//! [`crate::db::Db`] that change something for an operator take a [`Decision`], and the storage makes a [`Record`] of
//! it, which becomes an [`Entry`].

mod bulk;
mod chain;
mod filter;
mod keyed;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::event::Digest;

pub use bulk::BulkDecision;
pub use chain::{ChainError, ChainFault, Entry, HEAD_PATTERN, Head, Verifier};
pub use filter::{describe_effects, describe_replay, describe_selection};
pub use keyed::{KeptAnswer, KeyedRequest, REQUEST_KEY_PATTERN, RequestKey};

/// The longest note, in characters.
pub const NOTE_MAX_CHARS: usize = 1000;
/// The longest value before or after a change, as JSON. In a longer one, long members are recorded by their digests.
const VALUE_MAX_BYTES: usize = 16 * 1024;
/// The longest target, actor and result, in bytes; a longer one is cut.
const TARGET_MAX_BYTES: usize = 512;
/// Ids of a list that are recorded; of all, the number and a digest.
const LISTED_MAX: usize = 100;
/// The longest text within a value that is too long; a longer one is recorded by its digest then.
const MEMBER_MAX_BYTES: usize = 256;

/// The kind of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// A token of the admin API.
    Token,
    /// A file in the plugins directory.
    File,
    /// The configuration file.
    Config,
    /// A command on the host's machine that needs no token.
    Command,
    /// The host itself.
    Host,
}

impl ActorKind {
    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::File => "file",
            Self::Config => "config",
            Self::Command => "command",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The one who decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The kind.
    pub kind: ActorKind,
    /// The name of the token, the path of the file, or the host's program.
    pub name: String,
    /// The remote address of a token's request.
    pub address: Option<String>,
}

/// A decision: its actor, and the reason that was given for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub actor: Actor,
    /// The number of the token. The change is refused if the token was revoked before it commits.
    pub token: Option<i64>,
    /// Why, in the actor's words.
    pub note: Option<String>,
    /// The idempotency key of the token's request. It is stored with the decision.
    pub key: Option<RequestKey>,
}

impl Decision {
    /// A decision of the host itself.
    #[must_use]
    pub fn of_host() -> Self {
        Self::of_kind(ActorKind::Host, "hookyard")
    }

    /// A change that the host finds in a file.
    #[must_use]
    pub fn of_kind(kind: ActorKind, name: impl Into<String>) -> Self {
        Self { actor: Actor { kind, name: name.into(), address: None }, token: None, note: None, key: None }
    }

    /// The decision's record. `action` is a noun and a verb (`plugin.pause`), `target` names what it changes.
    #[must_use]
    pub fn record(&self, action: &'static str, target: impl Into<String>) -> Record {
        Record {
            decision: self.clone(),
            action,
            target: target.into(),
            before: None,
            after: None,
            result: "done".into(),
            is_observation: false,
        }
    }
}

/// A decision and its change, to be written in the transaction of the change. It has no secrets and no personal values.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    decision: Decision,
    action: &'static str,
    target: String,
    before: Option<Value>,
    after: Option<Value>,
    result: String,
    is_observation: bool,
}

impl Record {
    /// Makes it the record of a state that the host found, such as a file's content: it is written only if the last
    /// entry about its target has another state after it, which is then the state before.
    #[must_use]
    pub fn observed(mut self) -> Self {
        self.is_observation = true;
        self
    }

    /// Whether it is the record of a state that the host found.
    #[must_use]
    pub fn is_observation(&self) -> bool {
        self.is_observation
    }

    /// The record with the state that the last entry left; `None` if nothing has changed since.
    #[must_use]
    pub fn since(&self, last: Option<&str>) -> Option<Self> {
        if last.is_some() && self.stored_after().as_deref() == last {
            return None;
        }
        let before = last.and_then(|last| serde_json::from_str(last).ok());
        Some(Self { before, ..self.clone() })
    }

    /// Adds the state before the change.
    #[must_use]
    pub fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
    }

    /// Adds the state after the change.
    #[must_use]
    pub fn after(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }

    /// Sets the result; without it, it is `done`.
    #[must_use]
    pub fn result(mut self, result: impl Into<String>) -> Self {
        self.result = result.into();
        self
    }

    /// The action.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// The target, as it is stored.
    #[must_use]
    pub fn target(&self) -> &str {
        cut(&self.target, TARGET_MAX_BYTES)
    }

    /// The number of the token that decides.
    #[must_use]
    pub fn token(&self) -> Option<i64> {
        self.decision.token
    }

    /// The idempotency key of the request that decides, and the number of its token.
    #[must_use]
    pub fn request_key(&self) -> Option<(i64, &RequestKey)> {
        self.decision.token.zip(self.decision.key.as_ref())
    }

    /// The name of the actor.
    #[must_use]
    pub fn actor_name(&self) -> &str {
        &self.decision.actor.name
    }

    /// The state after the change, as it is stored.
    #[must_use]
    pub fn stored_after(&self) -> Option<String> {
        self.after.as_ref().map(stored)
    }
}

/// A value's JSON text. If it is too long, long members are replaced by their length and digest, so that the others
/// remain.
fn stored(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= VALUE_MAX_BYTES {
        return text;
    }
    let mut short = value.clone();
    shorten(&mut short);
    let mut text = short.to_string();
    while text.len() > VALUE_MAX_BYTES {
        let members = short.as_object_mut().into_iter().flat_map(Map::values_mut);
        match members.max_by_key(|member| member.to_string().len()) {
            Some(longest) if longest.to_string().len() > MEMBER_MAX_BYTES => *longest = digest_of(longest),
            _ => return digest_of(value).to_string(),
        }
        text = short.to_string();
    }
    text
}

/// Replaces long texts and lists in a value.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > MEMBER_MAX_BYTES => *value = digest_of(value),
        Value::Array(items) if items.len() > LISTED_MAX => *value = digest_of(value),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}

fn digest_of(value: &Value) -> Value {
    let text = value.to_string();
    serde_json::json!({ "bytes": text.len(), "sha256": Digest::of(text.as_bytes()) })
}

fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// A filter for entries. All conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// At this time or later, ms since the Unix epoch.
    pub since: Option<u64>,
    /// Of the actor with this name.
    pub actor: Option<String>,
    /// With this action, or with one below it: `plugin` for `plugin.pause`.
    pub action: Option<String>,
    /// With this target.
    pub target: Option<String>,
}

impl EntryFilter {
    /// Whether an entry fits.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        let Self { since, actor, action, target } = self;
        since.is_none_or(|since| entry.at >= since)
            && actor.as_ref().is_none_or(|actor| *actor == entry.actor.name)
            && action.as_ref().is_none_or(|action| {
                let below = entry.action.strip_prefix(action.as_str());
                below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
            })
            && target.as_ref().is_none_or(|target| *target == entry.target)
    }
}

/// A stored value as JSON; text that is none, in a database that was tampered with, as a string.
#[must_use]
pub fn to_json(text: &str) -> Box<RawValue> {
    let raw = serde_json::from_str(text).or_else(|_| serde_json::value::to_raw_value(text));
    raw.unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_value_is_stored_with_its_short_members_and_digests_of_the_long_ones() {
        let decision = Decision::of_host();
        let short = decision.record("plugin.pause", "desk").after(json!({ "paused": true }));
        assert_eq!(short.stored_after().as_deref(), Some(r#"{"paused":true}"#));
        let long = decision.record("x.y", "z").after(json!(["x".repeat(VALUE_MAX_BYTES)]));
        let stored = long.stored_after().unwrap();
        assert!(stored.starts_with(r#"[{"bytes":16386,"sha256":""#), "{stored}");
        let members: Map<_, _> =
            (0..9).map(|n| (format!("m{n}"), vec!["y".repeat(200); 99].into())).collect();
        let long =
            decision.record("x.y", "z").after(json!({ "count": 7, "filter": members, "ids": ["1-1"] }));
        let stored: Value = serde_json::from_str(&long.stored_after().unwrap()).unwrap();
        assert_eq!((&stored["count"], &stored["ids"]), (&json!(7), &json!(["1-1"])));
        assert!(stored["filter"]["sha256"].is_string(), "{stored}");
        let many: Map<_, _> = (0..3000).map(|n| (format!("m{n}"), n.into())).collect();
        let stored = decision.record("x.y", "z").after(many.into()).stored_after().unwrap();
        assert!(stored.starts_with(r#"{"bytes":"#), "{stored}");
        let target = "é".repeat(TARGET_MAX_BYTES);
        assert_eq!(decision.record("x.y", target).target().len(), TARGET_MAX_BYTES);
    }

    #[test]
    fn a_filter_for_an_action_finds_those_below_it() {
        let entry = Entry::seal(&Head::default(), 5, &Decision::of_host().record("plugin.pause", "desk"));
        for (action, matches) in
            [("plugin", true), ("plugin.pause", true), ("plug", false), ("plugin.p", false)]
        {
            let filter = EntryFilter { action: Some(action.into()), ..EntryFilter::default() };
            assert_eq!(filter.matches(&entry), matches, "{action}");
        }
        assert!(EntryFilter { since: Some(5), ..EntryFilter::default() }.matches(&entry));
        assert!(!EntryFilter { since: Some(6), ..EntryFilter::default() }.matches(&entry));
    }
}
