//! Tokens of the admin API: roles, permissions, and the plugins that a token is for. No IO.

mod pattern;
mod session;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{Digest, Name};

pub use pattern::{BadPattern, PLUGINS_PATTERN, PluginPattern};
pub use session::{
    AGENT_MAX_BYTES, FormKey, NewSession, SessionEnd, SessionLimits, SessionUse, StoredSession,
};

/// What an endpoint requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// See everything but personal values.
    Read,
    /// See personal values too.
    Unmask,
    /// Change what runs: pauses, replays, discards.
    Operate,
    /// Change plugins' revisions.
    Deploy,
    /// Change tokens, and read the audit log.
    Admin,
}

impl Permission {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Unmask => "unmask",
            Self::Operate => "operate",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The role of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees everything but personal values.
    Read,
    /// Runs things: pauses, replays, discards.
    Operate,
    /// A pipeline's: changes the revisions of the plugins that it names.
    Deploy,
    /// Does everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Read, Self::Operate, Self::Deploy, Self::Admin];

    /// The table of permissions.
    #[must_use]
    pub fn permissions(self) -> &'static [Permission] {
        use Permission::{Admin, Deploy, Operate, Read, Unmask};
        match self {
            Self::Read => &[Read],
            Self::Operate => &[Read, Unmask, Operate],
            Self::Deploy => &[Read, Deploy],
            Self::Admin => &[Read, Unmask, Operate, Deploy, Admin],
        }
    }

    /// Whether the role has a permission.
    #[must_use]
    pub fn has(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The hash of a token's secret.
///
/// A plain SHA-256 is right here. Secrets are 256 random bits, so nobody can try them all, and a slow hash, which
/// passwords need, would only make each request slow. A salt would protect nothing either: no two secrets are equal,
/// and no table of hashes of 256-bit numbers can exist.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub Digest);

impl TokenHash {
    /// The hash of a secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Digest::of(secret.as_bytes()))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hash of a token)")
    }
}

/// The name of the token in the file of the data directory.
pub const FIRST_TOKEN: &str = "first-start";

/// A token to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its name.
    pub name: Name,
    /// The hash of its secret.
    pub hash: TokenHash,
    /// Its role.
    pub role: Role,
    /// The plugins that it is for; all plugins if there is none.
    pub plugins: Vec<PluginPattern>,
    /// The end of its time, ms since the Unix epoch.
    pub expires_at: Option<u64>,
}

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// Its number, which no other token ever has.
    pub id: i64,
    /// Its name, role, plugins and expiry.
    pub token: NewToken,
    /// ms since the Unix epoch.
    pub created_at: u64,
    /// The name of the actor who made it.
    pub created_by: String,
    /// The time of a request with it, ms since the Unix epoch; at most a minute old.
    pub used_at: Option<u64>,
    /// The time when it was revoked, ms since the Unix epoch.
    pub revoked_at: Option<u64>,
}

impl StoredToken {
    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.token.expires_at.is_some_and(|end| end <= now_ms)
    }

    /// The time when it was revoked or expired, whichever came first; `None` if it is valid.
    #[must_use]
    pub fn ended_at(&self, now_ms: u64) -> Option<u64> {
        let expired_at = self.token.expires_at.filter(|_| self.is_expired(now_ms));
        self.revoked_at.into_iter().chain(expired_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_the_permissions_of_the_table() {
        use Permission::{Admin, Deploy, Operate, Read, Unmask};
        let all = [Read, Unmask, Operate, Deploy, Admin];
        for (role, has) in [
            (Role::Read, [true, false, false, false, false]),
            (Role::Operate, [true, true, true, false, false]),
            (Role::Deploy, [true, false, false, true, false]),
            (Role::Admin, [true; 5]),
        ] {
            assert_eq!(all.map(|permission| role.has(permission)), has, "{role}");
        }
    }

    #[test]
    fn debug_output_hides_the_hash() {
        assert_eq!(format!("{:?}", TokenHash::of("secret")), "(hash of a token)");
    }
}
