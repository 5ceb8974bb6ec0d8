//! What handlers ask to happen outside once their delivery is done, and the tries at it. No IO.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryId;
use crate::event::{PluginName, SourceName};

/// The header by which whoever gets a request twice can tell.
pub const KEY_HEADER: &str = "idempotency-key";

/// An effect's own id: its delivery and a number from 1 within the call that asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EffectId {
    /// The delivery whose handler asked.
    pub delivery: DeliveryId,
    /// Which of its effects, from 1.
    pub number: i64,
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.delivery, self.number)
    }
}

/// The same on every try at an effect, and on no other effect: the delivery's key and the number.
#[must_use]
pub fn idempotency_key(delivery_key: &str, number: usize) -> String {
    format!("{delivery_key}.{number}")
}

/// What is asked for.
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

/// What each header, recipient and attachment counts beside its texts.
const PART_BYTES: usize = 64;

/// Headers whose values are shown to operators: no other can be known to hold no secret.
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
    /// As operators may see it: no header's value but those that hold no secret.
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

    /// Bytes of all its texts and contents, and 64 for each header, recipient and attachment, which is about what
    /// they take in memory.
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

    /// What it does, in a line.
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
    /// More recipients, whom everybody sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// More recipients, whom nobody sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<String>,
    /// Where answers go, if not to the sender.
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
    /// As the recipient sees it.
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

/// What the sources of emitted events begin with; no configured source may.
pub const EMITTED_PREFIX: &str = "plugin.";

/// The source of the events that a plugin emits: `plugin.NAME`.
#[must_use]
pub fn source_of(plugin: &PluginName) -> SourceName {
    SourceName::prefixed(EMITTED_PREFIX, plugin)
}

/// An effect as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// See [`idempotency_key`].
    pub key: String,
    /// What is asked for.
    pub effect: Effect,
    /// Whether secrets stand in it as `{secret:NAME}`.
    pub masked: bool,
    /// Its bytes, as they were counted when it was asked for.
    pub size: u64,
}

/// What earlier attempts at an effect have settled. It is stored with the effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Whether a request was sent whose answer did not come: the other side may still be working on it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unanswered: bool,
    /// Recipients for whom the server has taken an email: none of them may get it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delivered: Vec<String>,
    /// Recipients that the server has refused for good, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, String>,
}

/// An effect that is to be performed.
#[derive(Debug, Clone)]
pub struct Performing {
    /// Its id.
    pub id: EffectId,
    /// Whose grants and settings hold.
    pub plugin: PluginName,
    /// What to do.
    pub asked: Asked,
    /// How far the event that an emitted one comes from is from a received one.
    pub depth: u32,
    /// The received event that it comes from in the end.
    pub root: i64,
    /// Tries already made.
    pub tries: u32,
    /// Of these, those made before an operator last had it tried again: they do not count.
    pub tries_before: u32,
    /// What the earlier ones have settled.
    pub progress: Progress,
}

/// Which dead effects an operator means: those that all of this fits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// With one of these keys.
    pub keys: Option<Vec<String>>,
    /// Asked for by this plugin.
    pub plugin: Option<String>,
}

/// How a try at an effect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TryOutcome {
    /// It happened.
    Done,
    /// It may succeed later.
    Retry,
    /// It would never succeed.
    Refused,
    /// The host process died during it.
    Crash,
}

/// One try at an effect, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// From 1.
    pub number: u32,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// Until the answer was read.
    pub duration_us: u64,
    /// How it ended.
    pub outcome: TryOutcome,
    /// For people: what was answered, or what is wrong.
    pub detail: String,
}

/// A try and what follows from it: they commit together.
#[derive(Debug, Clone)]
pub struct Performed {
    /// Which effect.
    pub id: EffectId,
    /// Whose it is.
    pub plugin: PluginName,
    /// See [`Asked::size`].
    pub size: u64,
    /// The try made.
    pub made: Try,
    /// When it is due again, by the host's clock (ms); `None` = it is done or dead.
    pub due: Option<u64>,
    /// What is settled now; `None` = nothing more than before.
    pub progress: Option<Progress>,
}

/// Bytes in JSON: as text where they are text, so that people can read it.
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
