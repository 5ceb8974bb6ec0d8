//! A secret of a source, or a public key, and until when it may verify.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::values::{References, Secret};

/// A secret of a source, or its provider's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSecret {
    secret: Secret,
    /// The time from which it verifies nothing, in ms since the Unix epoch.
    pub not_after: Option<u64>,
}

impl SourceSecret {
    /// The secret.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The secret as text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose()
    }

    /// Replaces the reference by its value.
    pub(super) fn resolve(&mut self, from: &References<'_>) -> Result<(), String> {
        self.secret.resolve(from)
    }
}

impl From<Secret> for SourceSecret {
    fn from(secret: Secret) -> Self {
        Self { secret, not_after: None }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "use a text, or { secret = \"…\", not_after = \"2027-01-31T00:00:00Z\" }")]
enum Written {
    Bare(Secret),
    Dated(DatedSecret),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatedSecret {
    secret: Secret,
    not_after: Option<String>,
}

impl<'de> Deserialize<'de> for SourceSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (secret, not_after) = match Written::deserialize(deserializer)? {
            Written::Bare(secret) => (secret, None),
            Written::Dated(DatedSecret { secret, not_after }) => (secret, not_after),
        };
        let time = |text: String| {
            let at = text.parse::<Timestamp>().ok().and_then(|at| u64::try_from(at.as_millisecond()).ok());
            at.ok_or_else(|| {
                D::Error::custom(format!(
                    "`{text}` is no time: write not_after = \"2027-01-31T00:00:00Z\" (RFC 3339)"
                ))
            })
        };
        Ok(Self { secret, not_after: not_after.map(time).transpose()? })
    }
}
