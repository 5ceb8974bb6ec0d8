//! Everything that leaves the host on a plugin's behalf (being written).

mod grants;

use std::time::Duration;

use crate::config;
use crate::effect::{Email, HttpRequest, TryOutcome};

pub use grants::Grants;

/// `[email]` is malformed.
#[derive(Debug, thiserror::Error)]
#[error("email.smtp")]
pub struct Unusable;

/// Placeholder until the branch is merged.
#[derive(Clone, Debug)]
pub struct Outbound;

/// How one try at an effect ended.
#[derive(Debug, Clone)]
pub struct Sent {
    /// How.
    pub outcome: TryOutcome,
    /// For people.
    pub detail: String,
    /// Not before.
    pub after: Option<Duration>,
}

impl Outbound {
    /// New.
    pub fn new(_: &config::Http, _: &config::Email) -> Result<Self, Unusable> {
        Ok(Self)
    }

    /// One try.
    pub async fn send(&self, _: &Grants, _: &str, _: &HttpRequest) -> Sent {
        Sent { outcome: TryOutcome::Refused, detail: String::new(), after: None }
    }

    /// One try.
    pub async fn mail(&self, _: &Grants, _: &str, _: &Email) -> Sent {
        Sent { outcome: TryOutcome::Refused, detail: String::new(), after: None }
    }
}
