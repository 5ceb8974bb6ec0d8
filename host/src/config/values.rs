//! Values that are more than a number or a text: secrets, JSON pointers, and how long instances live.

use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Longest event type, in bytes.
pub const EVENT_TYPE_MAX_BYTES: usize = 128;
/// Deepest JSON pointer, in segments.
pub(super) const POINTER_MAX_SEGMENTS: usize = 32;

/// A secret: `env:NAME` and `file:PATH` are read when the config is; never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Secret {
    /// Takes a secret as it is, reading nothing.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret as text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Puts what it refers to in place of the reference.
    pub(super) fn resolve(&mut self, from: &References<'_>) -> Result<(), String> {
        from.resolve(&mut self.0)?;
        if self.0.is_empty() {
            return Err("a secret may not be empty".into());
        }
        if self.0.trim() != self.0 {
            return Err(
                "it begins or ends with white space, which would be part of the secret: remove it".into()
            );
        }
        Ok(())
    }
}

/// Where `env:` and `file:` are looked up.
pub(super) struct References<'a> {
    /// Relative paths start here.
    pub(super) dir: &'a Path,
    /// The environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

impl References<'_> {
    /// Replaces `env:NAME` or `file:PATH` by what is there; anything else stands for itself.
    ///
    /// # Errors
    /// Names the variable or the file that is missing or empty.
    pub(super) fn resolve(&self, value: &mut String) -> Result<(), String> {
        if let Some(name) = value.strip_prefix("env:") {
            let found = (self.env)(name).map(|found| without_line_end(&found).to_owned());
            let found = found.filter(|found| !found.is_empty());
            *value = found.ok_or_else(|| format!("environment variable `{name}` is not set or empty"))?;
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

/// Tools that write files and variables end them with a line break, which nobody means.
pub(super) fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// An RFC 6901 JSON pointer, taken apart. Without segments it means the whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    segments: Vec<String>,
}

impl Pointer {
    /// A pointer made of these segments, unescaped.
    #[must_use]
    pub fn to(segments: &[&str]) -> Self {
        Self { segments: segments.iter().map(|&segment| segment.to_owned()).collect() }
    }

    /// Takes a pointer apart.
    ///
    /// # Errors
    /// Says why the text is no JSON pointer.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no JSON pointer: {why}");
        if text.is_empty() {
            return Ok(Self::to(&[]));
        }
        let rest = text.strip_prefix('/').ok_or_else(|| wrong("it begins with `/`"))?;
        let segments = rest.split('/').map(unescape).collect::<Option<Vec<_>>>();
        let segments = segments.ok_or_else(|| wrong("`~` is written `~0`, and `/` in a name `~1`"))?;
        if segments.len() > POINTER_MAX_SEGMENTS {
            return Err(wrong("it is too deep"));
        }
        Ok(Self { segments })
    }

    /// The names and indexes on the way, unescaped.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }
}

fn unescape(segment: &str) -> Option<String> {
    let mut parts = segment.split('~');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut chars = part.chars();
        plain.push(match chars.next()? {
            '0' => '~',
            '1' => '/',
            _ => return None,
        });
        plain.push_str(chars.as_str());
    }
    Some(plain)
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let escaped = |segment: &String| segment.replace('~', "~0").replace('/', "~1");
        self.segments.iter().try_for_each(|segment| write!(f, "/{}", escaped(segment)))
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// How long an instance of a plugin lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Instances {
    /// A new one for every attempt: nothing left in memory is seen by the next.
    #[default]
    Fresh,
    /// Kept for later attempts while all goes well, up to the plugin's `reuse_max` calls.
    Reused,
}

impl<'de> Deserialize<'de> for Instances {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "fresh" => Ok(Self::Fresh),
            "reused" => Ok(Self::Reused),
            other => Err(D::Error::custom(format!("`{other}` is not known: use `fresh` or `reused`"))),
        }
    }
}
