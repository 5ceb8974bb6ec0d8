//! Sessions of the pages: a browser that logged in with a token.

use std::fmt;

use super::TokenHash;

/// How long a browser may use the secret before the last rotation after it has used the new one: requests that were under
/// way then still have it. In ms.
pub(super) const PREVIOUS_SECRET_MS: u64 = 60_000;
/// The longest description of a browser that is kept, in bytes.
pub const AGENT_MAX_BYTES: usize = 256;

/// What the tokens of a session's forms are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FormKey(pub [u8; 32]);

impl fmt::Debug for FormKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(key of forms)")
    }
}

/// A session to be stored. Times are ms since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The number of its token.
    pub token: i64,
    /// The hash of its secret.
    pub hash: TokenHash,
    /// See [`FormKey`].
    pub form_key: FormKey,
    /// The remote address of the log-in.
    pub address: Option<String>,
    /// The browser's description of itself.
    pub agent: String,
    /// When it began.
    pub created_at: u64,
    /// Its end, however much it is used.
    pub expires_at: u64,
}

/// A stored session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Its number, which no other session ever has.
    pub id: i64,
    /// What it began with. The hash is that of its current secret.
    pub session: NewSession,
    /// The hash of the secret before.
    pub previous: Option<TokenHash>,
    /// When it got its current secret.
    pub rotated_at: u64,
    /// The time of its last request; at most a minute old.
    pub used_at: u64,
    /// When it was ended before its time.
    pub revoked_at: Option<u64>,
}

/// The limits on sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// The most sessions of all tokens. Further log-ins are refused.
    pub all_max: u32,
    /// The most sessions of a token. A further log-in ends the one that was unused for longest.
    pub per_token_max: u32,
    /// The time without a request after which a session is over.
    pub idle_ms: u64,
}

impl StoredSession {
    /// Why no request with it is answered, if none is.
    #[must_use]
    pub fn end(&self, used_at: u64, now: u64, idle_ms: u64) -> Option<SessionEnd> {
        if self.revoked_at.is_some() {
            Some(SessionEnd::Revoked)
        } else if now >= self.session.expires_at {
            Some(SessionEnd::Expired)
        } else if now.saturating_sub(used_at.max(self.used_at)) >= idle_ms {
            Some(SessionEnd::Idle)
        } else {
            None
        }
    }

    /// Whether it may take a request with this secret. `confirmed_at` is the time of the first request with the current
    /// one.
    #[must_use]
    pub fn takes(&self, hash: &TokenHash, confirmed_at: Option<u64>, now: u64) -> bool {
        let is_recent = confirmed_at.is_none_or(|at| now.saturating_sub(at) < PREVIOUS_SECRET_MS);
        self.session.hash == *hash || (self.previous == Some(*hash) && is_recent)
    }
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// Somebody ended it.
    Revoked,
    /// Its time is over.
    Expired,
    /// It was unused for too long.
    Idle,
}

/// A request with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionUse {
    /// The session.
    pub id: i64,
    /// The time of the last request.
    pub at: u64,
    /// Whether the secret before the current one is over.
    pub is_confirmed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> StoredSession {
        let session = NewSession {
            token: 1,
            hash: TokenHash::of("new"),
            form_key: FormKey([7; 32]),
            address: None,
            agent: String::new(),
            created_at: 1000,
            expires_at: 90_000,
        };
        let previous = Some(TokenHash::of("old"));
        StoredSession { id: 1, session, previous, rotated_at: 1000, used_at: 1000, revoked_at: None }
    }

    #[test]
    fn a_session_ends_when_it_is_revoked_too_old_or_unused_for_too_long() {
        for (revoked_at, used_at, now, end) in [
            (None, 0, 1000, None),
            (None, 0, 10_999, None),
            (None, 0, 11_000, Some(SessionEnd::Idle)),
            (None, 5000, 11_000, None),
            (None, 5000, 15_000, Some(SessionEnd::Idle)),
            (None, 89_999, 89_999, None),
            (None, 89_999, 90_000, Some(SessionEnd::Expired)),
            (Some(5), 1000, 1000, Some(SessionEnd::Revoked)),
        ] {
            let session = StoredSession { revoked_at, ..session() };
            assert_eq!(session.end(used_at, now, 10_000), end, "{revoked_at:?} {used_at} {now}");
        }
    }

    #[test]
    fn the_secret_before_is_taken_until_the_browser_has_the_new_one_and_a_minute_more() {
        let session = session();
        for (secret, confirmed_at, now, takes) in [
            ("new", None, 1000, true),
            ("new", Some(1000), 89_000, true),
            ("old", None, 89_000, true),
            ("old", Some(2000), 61_999, true),
            ("old", Some(2000), 62_000, false),
            ("older", None, 1000, false),
        ] {
            assert_eq!(session.takes(&TokenHash::of(secret), confirmed_at, now), takes, "{secret} {now}");
        }
    }

    #[test]
    fn debug_output_hides_what_forms_are_protected_by() {
        assert!(!format!("{:?}", session()).contains('7'));
    }
}
