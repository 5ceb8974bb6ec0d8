//! Tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::formats::{NameText, PluginsText, read_time};
use crate::event::Name;
use crate::token::{PluginPattern, Role, StoredToken};

/// All tokens.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The tokens, the oldest first.
    pub items: Vec<TokenView>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}

/// A token, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its name.
    pub name: String,
    /// `read`, `operate`, `deploy` or `admin`.
    #[schema(value_type = TokenRole)]
    pub role: Role,
    /// Patterns of the plugins that it is for; none for all plugins.
    #[schema(value_type = Vec<String>)]
    pub plugins: Vec<PluginPattern>,
    /// `valid`, `expired` or `revoked`.
    pub state: TokenState,
    /// ms since the Unix epoch.
    pub created_at: u64,
    /// The actor who made it.
    pub created_by: String,
    /// The end of its time, ms since the Unix epoch.
    pub expires_at: Option<u64>,
    /// When a request had it last, ms since the Unix epoch. After a crash of the host, up to a minute is missing.
    pub used_at: Option<u64>,
    /// When it was revoked, ms since the Unix epoch.
    pub revoked_at: Option<u64>,
}

/// Whether a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    /// Requests with it are answered.
    Valid,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// The role of a token.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[expect(dead_code, reason = "it describes the role, which the model has")]
enum TokenRole {
    /// Sees everything but personal values.
    Read,
    /// Runs things: pauses, replays, discards.
    Operate,
    /// A pipeline's: changes the revisions of the plugins that it names.
    Deploy,
    /// Does everything.
    Admin,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Its name: 1 to 64 of `a-z A-Z 0-9 - _ .`, beginning with a letter or a digit.
    #[schema(value_type = NameText)]
    pub name: Name,
    /// `read`, `operate`, `deploy` or `admin`.
    #[schema(value_type = TokenRole)]
    pub role: Role,
    /// Patterns of the plugins that it is for: names, beginnings of names and a `*`, or `*`. None for all plugins.
    #[serde(default)]
    #[schema(value_type = Vec<PluginsText>, max_items = 100)]
    pub plugins: Vec<PluginPattern>,
    /// How long it is valid, in milliseconds; without it, until it is revoked.
    #[serde(default, deserialize_with = "read_time")]
    #[schema(minimum = 1, maximum = 3_153_600_000_000_u64)]
    pub expires_in_ms: Option<u64>,
}

/// A new token.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// Its secret, which is shown here only. Null in the answer to a repeated request (`Idempotency-Key`).
    #[schema(required)]
    pub secret: Option<String>,
    /// The token.
    #[serde(flatten)]
    pub token: TokenView,
}

impl std::fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedToken").field("token", &self.token).finish_non_exhaustive()
    }
}

impl TokenView {
    pub(in crate::admin) fn new(stored: &StoredToken, used_at: Option<u64>, now: u64) -> Self {
        let state = match (stored.revoked_at, stored.token.expires_at) {
            (Some(_), _) => TokenState::Revoked,
            (None, Some(end)) if end <= now => TokenState::Expired,
            (None, _) => TokenState::Valid,
        };
        Self {
            name: stored.token.name.to_string(),
            role: stored.token.role,
            plugins: stored.token.plugins.clone(),
            state,
            created_at: stored.created_at,
            created_by: stored.created_by.clone(),
            expires_at: stored.token.expires_at,
            used_at: used_at.max(stored.used_at),
            revoked_at: stored.revoked_at,
        }
    }
}
