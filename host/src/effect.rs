//! Effects that handlers queue, which the host carries out after their delivery is done, and attempts at them. No IO.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryId;
use crate::event::{PluginName, SourceName, parse_number};
use crate::trace::TraceContext;

/// The header by which a receiver recognises a repeated request.
pub const KEY_HEADER: &str = "idempotency-key";

/// The id of an effect: its delivery and its number within the call, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EffectId {
    /// The delivery whose handler queued it.
    pub delivery: DeliveryId,
    /// The number within the call, from 1.
    pub number: i64,
}

/// The form of an effect's id, as a regular expression.
pub const EFFECT_ID_PATTERN: &str = "^[1-9][0-9]{0,17}-[1-9][0-9]{0,17}-[1-9][0-9]{0,17}$";

/// A text that is no effect's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEffectId;

impl FromStr for EffectId {
    type Err = BadEffectId;

    fn from_str(text: &str) -> Result<Self, BadEffectId> {
        let (delivery, number) = text.rsplit_once('-').ok_or(BadEffectId)?;
        let delivery = delivery.parse().map_err(|_| BadEffectId)?;
        Ok(Self { delivery, number: parse_number(number).ok_or(BadEffectId)? })
    }
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.delivery, self.number)
    }
}

/// The idempotency key of an effect, the same on each attempt: the delivery's key and the number.
#[must_use]
pub fn idempotency_key(delivery_key: &str, number: usize) -> String {
    format!("{delivery_key}.{number}")
}

/// A request, an email or an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Effect {
    /// An HTTP request.
    Http(HttpRequest),
    /// An email.
    Email(Email),
    /// An event for plugins.
    Event(Emitted),
}

impl Effect {
    /// `http`, `email` or `event`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Email(_) => "email",
            Self::Event(_) => "event",
        }
    }
}

/// The bytes that each header, recipient and attachment counts in addition to its texts.
const PART_BYTES: usize = 64;

/// Headers whose values operators may see. Any other header may hold a secret.
const SHOWN_HEADERS: [&str; 9] = [
    "accept",
    "accept-language",
    "content-language",
    "content-type",
    "date",
    "if-match",
    "if-none-match",
    "prefer",
    KEY_HEADER,
];

impl Effect {
    /// An effect of the same kind whose texts are all replaced by this one.
    #[must_use]
    pub fn erased(&self, text: &str) -> Self {
        match self {
            Self::Http(_) => Self::Http(HttpRequest {
                method: text.into(),
                url: text.into(),
                headers: Vec::new(),
                body: Vec::new(),
            }),
            Self::Email(_) => Self::Email(Email {
                to: vec![text.into()],
                cc: Vec::new(),
                bcc: Vec::new(),
                reply_to: None,
                subject: text.into(),
                text: text.into(),
                html: None,
                attachments: Vec::new(),
            }),
            Self::Event(_) => Self::Event(Emitted { event_type: text.into(), data: format!("\"{text}\"") }),
        }
    }

    /// A copy for operators, in which the values of headers that may hold a secret are replaced.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut shown = self.clone();
        if let Self::Http(request) = &mut shown {
            for (name, value) in &mut request.headers {
                if !SHOWN_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                    *value = "(not shown)".into();
                }
            }
        }
        shown
    }

    /// Bytes of all its texts and contents, and 64 for each header, recipient and attachment: about its size
    /// in memory.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        // Every field is named, so that a new one cannot be forgotten.
        match self {
            Self::Http(HttpRequest { method, url, headers, body }) => {
                let pairs = headers.iter().flat_map(|(name, value)| [name.len(), value.len()]);
                let parts = PART_BYTES * headers.len();
                pairs.chain([parts, method.len(), url.len(), body.len()]).sum()
            }
            Self::Email(Email { to, cc, bcc, reply_to, subject, text, html, attachments }) => {
                let addresses = to.iter().chain(cc).chain(bcc).chain(reply_to).map(String::len);
                let files = attachments.iter().flat_map(|Attachment { filename, content_type, content }| {
                    [filename.len(), content_type.len(), content.len()]
                });
                let parts = PART_BYTES * (to.len() + cc.len() + bcc.len() + attachments.len());
                let texts = [parts, subject.len(), text.len(), html.as_ref().map_or(0, String::len)];
                addresses.chain(files).chain(texts).sum()
            }
            Self::Event(Emitted { event_type, data }) => event_type.len() + data.len(),
        }
    }

    /// A summary in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Http(request) => {
                let url = request.url.split(['?', '#']).next().unwrap_or_default();
                format!("{} {url}", request.method)
            }
            Self::Email(email) => format!("email to {}: {}", email.to.join(", "), email.subject),
            Self::Event(event) => format!("event {}", event.event_type),
        }
    }
}

/// `hookyard:plugin/outbox.http-request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// In upper case as a rule.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty = none.
    #[serde(with = "content", default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<u8>,
}

/// `hookyard:plugin/outbox.email`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// Addresses, with or without a name.
    pub to: Vec<String>,
    /// More recipients, visible to all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// More recipients, invisible to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<String>,
    /// The address for replies, if it is not the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// `hookyard:plugin/outbox.attachment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The name that the recipient sees.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// The file.
    #[serde(with = "content")]
    pub content: Vec<u8>,
}

/// An event that a plugin causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitted {
    /// Its type.
    pub event_type: String,
    /// Its payload, JSON text.
    pub data: String,
}

/// The prefix of the sources of emitted events. No configured source may have it.
pub const EMITTED_PREFIX: &str = "plugin.";

/// The source of the events that a plugin emits: `plugin.NAME`.
#[must_use]
pub fn source_of(plugin: &PluginName) -> SourceName {
    SourceName::prefixed(EMITTED_PREFIX, plugin)
}

/// An effect as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedEffect {
    /// See [`idempotency_key`].
    pub key: String,
    /// A request, an email or an event.
    pub effect: Effect,
    /// Whether it contains secrets as placeholders `{secret:NAME}`.
    pub masked: bool,
    /// Its size in bytes, counted when it was queued.
    pub size: u64,
}

/// The lasting results of earlier attempts at an effect. They are stored with the effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Whether a request was sent without a response: the other side may still process it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unanswered: bool,
    /// Recipients for whom the server has accepted the email. None of them may get it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivered: Vec<String>,
    /// Recipients that the server has refused permanently, and its replies.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, String>,
}

/// An effect that is leased for an attempt.
#[derive(Debug, Clone)]
pub struct LeasedEffect {
    /// Its id.
    pub id: EffectId,
    /// The plugin, whose grants and settings apply.
    pub plugin: PluginName,
    /// The effect as it is stored.
    pub queued: QueuedEffect,
    /// The number of emitted events between this effect's event and the received one.
    pub depth: u32,
    /// The received event at the beginning of the chain.
    pub root: i64,
    /// The number of earlier attempts.
    pub attempts: u32,
    /// The number of attempts before an operator's last replay. They do not count for the limit.
    pub attempts_before: u32,
    /// The results of earlier attempts.
    pub progress: Progress,
    /// The trace of the event whose handler queued it.
    pub trace: Option<TraceContext>,
}

/// A selection of dead effects, which match all of its conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// With one of these keys.
    pub keys: Option<Vec<String>>,
    /// Queued by this plugin.
    pub plugin: Option<String>,
}

/// The outcome of an attempt at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectOutcome {
    /// It succeeded.
    Done,
    /// It may succeed later.
    Retry,
    /// It can never succeed.
    Refused,
    /// The host process died during it.
    Crash,
}

/// The record of an attempt at an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectAttempt {
    /// The attempt's number, from 1.
    pub number: u32,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// The duration until the response was read.
    pub duration_us: u64,
    /// The outcome.
    pub outcome: EffectOutcome,
    /// The response or the error, for people.
    pub detail: String,
}

/// An attempt at an effect and its consequences, which commit together.
#[derive(Debug, Clone)]
pub struct CompletedEffect {
    /// The effect's id.
    pub id: EffectId,
    /// The plugin that queued it.
    pub plugin: PluginName,
    /// See [`QueuedEffect::size`].
    pub size: u64,
    /// The attempt.
    pub attempt: EffectAttempt,
    /// The time of the next attempt by the host's clock, in ms; `None` if the effect is done or dead.
    pub due: Option<u64>,
    /// The new progress; `None` if it is unchanged.
    pub progress: Option<Progress>,
}

/// Bytes that are readable text in JSON, `{"text": "…"}`, if they are UTF-8, and `{"base64": "…"}` otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(#[serde(with = "content")] pub Vec<u8>);

/// The form of [`Content`].
mod content {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

    #[derive(serde::Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Content<'a> {
        Text(std::borrow::Cow<'a, str>),
        Base64(std::borrow::Cow<'a, str>),
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let content = match std::str::from_utf8(bytes) {
            Ok(text) => Content::Text(text.into()),
            Err(_) => Content::Base64(STANDARD.encode(bytes).into()),
        };
        content.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match Content::deserialize(deserializer)? {
            Content::Text(text) => Ok(text.into_owned().into_bytes()),
            Content::Base64(text) => STANDARD.decode(text.as_bytes()).map_err(D::Error::custom),
        }
    }
}
