//! Values that are more than a number or a text: secrets, JSON pointers, and how long instances live.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonptr::{ParseError, PointerBuf, Token, Tokens};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::event::is_same_name;

/// Longest event type, in bytes.
pub const EVENT_TYPE_MAX_BYTES: usize = 128;
/// Deepest JSON pointer, in tokens.
pub const POINTER_MAX_TOKENS: usize = 32;

/// A secret: `env:NAME` and `file:PATH` are read when the config is; never printed.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret {
    value: String,
    /// See [`Secret::reference`].
    reference: Option<String>,
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Secret {}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Secret {
    /// Makes a secret from text, without resolving references.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self { value: secret, reference: None }
    }

    /// Names the file that it was read from.
    #[must_use]
    pub(super) fn in_file(self, path: &Path) -> Self {
        Self { reference: Some(format!("file:{}", path.display())), ..self }
    }

    /// Where it comes from: `env:NAME` or `file:PATH`, as the configuration has it. `None` for a secret that stands in
    /// the configuration itself.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// The secret as text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Replaces the reference by its value.
    pub(super) fn resolve(&mut self, from: &References<'_>) -> Result<(), String> {
        let is_reference = self.value.starts_with("env:") || self.value.starts_with("file:");
        self.reference = is_reference.then(|| self.value.clone());
        from.resolve(&mut self.value)?;
        if self.value.is_empty() {
            return Err("a secret may not be empty".into());
        }
        if self.value.trim() != self.value {
            return Err(
                "it begins or ends with white space, which would be part of the secret: remove it".into()
            );
        }
        Ok(())
    }
}

/// The bytes of a Standard Webhooks key: 24 to 64.
const WEBHOOK_KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

impl Secret {
    /// The key in a Standard Webhooks secret, `whsec_` and base64.
    ///
    /// # Errors
    /// The valid form; the secret is not repeated.
    pub fn webhook_key(&self) -> Result<Vec<u8>, &'static str> {
        let key = self.value.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        key.filter(|key| WEBHOOK_KEY_BYTES.contains(&key.len()))
            .ok_or("a key is `whsec_` and 24 to 64 bytes in base64: `echo whsec_$(openssl rand -base64 32)` makes one")
    }
}

/// A part of all, from 0 to 1, exact to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    millionths: u32,
}

impl Ratio {
    /// All, in millionths.
    pub const ALL: u32 = 1_000_000;

    /// A ratio of at most [`Ratio::ALL`] millionths.
    #[must_use]
    pub const fn of_millionths(millionths: u32) -> Self {
        Self { millionths: if millionths < Self::ALL { millionths } else { Self::ALL } }
    }

    /// The number of millionths.
    #[must_use]
    pub fn millionths(self) -> u32 {
        self.millionths
    }
}

impl Serialize for Ratio {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.millionths) / f64::from(Self::ALL))
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = f64::deserialize(deserializer)?;
        if !(0.0..=1.0).contains(&written) {
            return Err(D::Error::custom("must be 0 to 1"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to a million")]
        let millionths = (written * f64::from(Self::ALL)).round() as u32;
        Ok(Self { millionths })
    }
}

/// The sources of `env:` and `file:` references.
#[derive(Clone, Copy)]
pub(super) struct References<'a> {
    /// Whether each must have a value. If not, the configuration holds those without one as they are written.
    pub(super) required: bool,
    /// Relative paths start here.
    pub(super) dir: &'a Path,
    /// The environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

impl References<'_> {
    /// Replaces `env:NAME` or `file:PATH` by its value; any other text is the value itself.
    ///
    /// # Errors
    /// The message names the variable or the file that is missing or empty.
    pub(super) fn resolve(&self, value: &mut String) -> Result<(), String> {
        match self.find(value) {
            Err(_) if !self.required => Ok(()),
            found => found,
        }
    }

    fn find(&self, value: &mut String) -> Result<(), String> {
        if let Some(name) = value.strip_prefix("env:") {
            let found = (self.env)(name).map(|found| without_line_end(&found).to_owned());
            let found = found.filter(|found| !found.is_empty());
            *value = found.ok_or_else(|| {
                format!(
                    "environment variable `{name}` is not set or empty; a running host sees a new variable after a \
                     restart only, so write `file:PATH` to do without one"
                )
            })?;
        } else if let Some(path) = value.strip_prefix("file:") {
            let path = self.dir.join(path);
            let shown = path.display();
            let read = super::files::read_text(&path)
                .map_err(|error| format!("file `{shown}` cannot be read: {error}"))?;
            let text = without_line_end(&read);
            if text.is_empty() {
                return Err(format!("file `{shown}` is empty"));
            }
            text.clone_into(value);
        }
        Ok(())
    }
}

/// Tools that write files and variables end them with a line break, which is not part of the value.
pub(super) fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// An RFC 6901 JSON pointer of limited depth. Without tokens it means the whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(PointerBuf);

impl Pointer {
    /// A pointer made of these names and indexes, unescaped.
    #[must_use]
    pub fn to(tokens: &[&str]) -> Self {
        Self(PointerBuf::from_tokens(tokens.iter().copied()))
    }

    /// Parses a pointer.
    ///
    /// # Errors
    /// The reason why the text is no JSON pointer.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no JSON pointer: {why}");
        let pointer = jsonptr::Pointer::parse(text).map_err(|error| match error {
            ParseError::NoLeadingSlash => wrong("it begins with `/`"),
            ParseError::InvalidEncoding { .. } => wrong("`~` is written `~0`, and `/` in a name `~1`"),
        })?;
        if pointer.count() > POINTER_MAX_TOKENS {
            return Err(wrong("it is too deep"));
        }
        Ok(Self(pointer.to_buf()))
    }

    /// Whether it means the whole document.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_root()
    }

    /// Whether it may lead to the same value as `other`, or to one inside of it: names are the same by
    /// [`is_same_name`], and `*` is every name.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let is_same = |(one, other): (Token<'_>, Token<'_>)| {
            let (one, other) = (one.decoded(), other.decoded());
            one == "*" || other == "*" || is_same_name(&one, &other)
        };
        other.0.count() <= self.0.count() && self.tokens().zip(other.tokens()).all(is_same)
    }

    /// Whether one of `others` may lead to the same value, to one inside of it, or to one around it.
    #[must_use]
    pub fn meets_any(&self, others: &[Self]) -> bool {
        others.iter().any(|other| self.is_within(other) || other.is_within(self))
    }

    /// The names and indexes on the way.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        self.0.tokens()
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The revisions that an operator has to approve before they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// None.
    #[default]
    None,
    /// Those with a capability or an event type that the revision in force does not have.
    Widening,
    /// All but those that were in force before.
    All,
}

/// The lifetime of a plugin's instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// A new one for every attempt: nothing left in memory is seen by the next.
    #[default]
    Fresh,
    /// Kept for later attempts while all goes well, up to the plugin's `reuse_max` calls.
    Reused,
}
