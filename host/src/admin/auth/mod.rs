//! Who may do what: the token of a request, the permission that an endpoint states, and failures.
//!
//! An endpoint's first argument is [`Allowed`] or [`AllowedFor`] with the permission that it needs. It is an
//! extractor, so the endpoint does not run without the permission; it gives the [`Decision`](crate::audit::Decision)
//! that a change is recorded with; and the API's description has it from the same type.

mod allowed;
mod failures;
pub(super) mod need;
mod sessions;
mod tokens;

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch as channel;

use super::Problem;
use crate::clock;
use crate::config::Config;
use crate::db::{Db, DbError};
use crate::event::now_ms;
use crate::token::{NewToken, TokenHash};

pub(super) use allowed::{Allowed, AllowedFor, NOTE_HEADER, StatesPermission, Viewer};
pub(super) use tokens::KnownToken;

pub(super) use sessions::{KnownSession, Resumed};

use failures::{Failures, Refusal};
use sessions::Sessions;
use tokens::Tokens;

/// Interval of the upkeep: how long an unsaved failure waits at least.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two reads of the tokens, which another host may have changed.
const RELOAD_TICKS: u64 = 5;
/// Ticks between two writes of when tokens were used.
const USES_TICKS: u64 = 60;

/// Finds the remote address of a request.
pub type FindPeer = fn(&Extensions) -> Option<IpAddr>;

/// The tokens of the admin API, and the failures to give one. Clones share them.
#[derive(Clone)]
pub struct Access {
    pub(super) tokens: Arc<Tokens>,
    pub(super) sessions: Arc<Sessions>,
    failures: Arc<Failures>,
    /// The token of the data directory's file.
    first: Arc<NewToken>,
    db: Db,
    config: channel::Receiver<Arc<Config>>,
    find_peer: FindPeer,
}

impl Access {
    /// Reads the tokens, and stores that of the data directory's file unless it is known.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn open(
        db: Db,
        first: NewToken,
        config: channel::Receiver<Arc<Config>>,
        find_peer: FindPeer,
    ) -> Result<Self, DbError> {
        let _the_clock_starts = expiry_clock_ms();
        let tokens = Arc::new(Tokens::default());
        tokens.reload(&db).await?;
        let sessions = Arc::new(Sessions::default());
        sessions.reload(&db).await?;
        let (failures, first) = (Arc::default(), Arc::new(first));
        let access = Self { tokens, sessions, failures, first, db, config, find_peer };
        access.keep_first().await;
        Ok(access)
    }

    /// Stores the token of the data directory's file. A host whose database cannot be written starts all the same, and
    /// stores it later.
    async fn keep_first(&self) {
        if self.tokens.find(&self.first.hash).is_some() {
            return;
        }
        let kept = self.db.keep_first_token((*self.first).clone()).await;
        if let Err(error) = match kept {
            Ok(()) => self.reload().await,
            Err(error) => Err(error),
        } {
            tracing::warn!(
                "the token in the data directory could not be stored, and is not valid yet: {error}"
            );
        }
    }

    /// Records failures, reads changed tokens, and notes when tokens were used. It never ends.
    pub async fn run(self) {
        let (mut ticks, mut is_stale): (u64, bool) = (0, false);
        loop {
            tokio::time::sleep(TICK).await;
            ticks += 1;
            self.record_failures(false).await;
            if ticks.is_multiple_of(RELOAD_TICKS) {
                match self.reload().await {
                    Ok(()) => {
                        is_stale = false;
                        self.keep_first().await;
                    }
                    Err(error) if !is_stale => {
                        is_stale = true;
                        tracing::warn!("the tokens could not be read, and stay as they are: {error}");
                    }
                    Err(_) => {}
                }
            }
            if ticks.is_multiple_of(USES_TICKS) {
                self.note_uses().await;
            }
        }
    }

    /// Writes what is not written yet.
    pub async fn flush(&self) {
        self.record_failures(true).await;
        self.note_uses().await;
    }

    async fn record_failures(&self, now: bool) {
        let unwritten = self.failures.take(clock::now_ms(), now);
        if let Err(error) = self.db.record(unwritten.records.clone()).await {
            self.failures.put_back(unwritten);
            tracing::warn!("failed authentications are not in the audit log yet: {error}");
        }
    }

    async fn note_uses(&self) {
        let tokens = self.db.note_token_uses(self.tokens.uses()).await;
        let sessions = self.db.note_session_uses(self.sessions.uses()).await;
        if let Err(error) = tokens.and(sessions) {
            tracing::debug!("the last uses of tokens and sessions could not be written: {error}");
        }
    }

    /// Reads the tokens again after a change, which is then in force.
    pub(super) async fn reload(&self) -> Result<(), DbError> {
        self.tokens.reload(&self.db).await?;
        self.sessions.reload(&self.db).await
    }

    /// Reads the tokens again after one was revoked. If they cannot be read, it is taken out of memory.
    pub(super) async fn reload_without(&self, revoked: &str) {
        if self.reload().await.is_err() {
            self.tokens.refuse(revoked);
        }
    }

    /// The problem of a revocation that could not be stored. The token is refused all the same while this host runs.
    pub(super) fn refuse_unstored(&self, name: &str, error: DbError) -> Problem {
        let mut problem = Problem::from(error);
        if problem.status == StatusCode::SERVICE_UNAVAILABLE && self.tokens.refuse(name) {
            tracing::warn!(
                "the revocation of the token `{name}` is not stored: it is refused until the host stops"
            );
        }
        if problem.status == StatusCode::SERVICE_UNAVAILABLE {
            problem.detail = format!(
                "{}; the token `{name}` is refused while this host runs, but its revocation is not stored: revoke it \
                 again when the database can be written",
                problem.detail
            );
        }
        problem
    }

    /// The most tokens that are not revoked.
    pub(super) fn tokens_max(&self) -> u32 {
        self.config.borrow().admin.tokens_max
    }

    fn authenticate(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Caller, Refused> {
        let Some(header) = headers.get(header::AUTHORIZATION) else {
            return Err(Refused::new(
                Refusal::Missing,
                "no `Authorization: Bearer TOKEN` header; the first token is in the data directory, and `hookyard \
                 token create` makes others",
            ));
        };
        if headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
            return Err(Refused::new(
                Refusal::Missing,
                "the request has more than one `Authorization` header",
            ));
        }
        let Some(offered) = header.to_str().ok().and_then(bearer) else {
            return Err(Refused::new(Refusal::Missing, "the `Authorization` header is not `Bearer TOKEN`"));
        };
        let token = self.find_valid(offered)?;
        token.note_use(now_ms());
        Ok(self.caller(token, peer, None))
    }

    /// Finds the valid token with this secret.
    fn find_valid(&self, offered: &str) -> Result<Arc<KnownToken>, Refused> {
        // The map is searched by the hash of what was offered. The time of the search depends on that hash only,
        // which tells nothing about the bytes of a valid secret.
        let Some(token) = self.tokens.find(&TokenHash::of(offered)) else {
            return Err(Refused::new(
                Refusal::Unknown,
                "no token of this host is this one; the first one is in the data directory, and `hookyard token list` \
                 shows the others",
            ));
        };
        Self::check(&token)?;
        Ok(token)
    }

    fn caller(
        &self,
        token: Arc<KnownToken>,
        peer: Option<IpAddr>,
        session: Option<Arc<KnownSession>>,
    ) -> Caller {
        let address = peer.map(|peer| peer.to_canonical().to_string());
        Caller { token, address, session, access: self.clone() }
    }

    /// Checks that a token is neither revoked nor expired.
    fn check(token: &KnownToken) -> Result<(), Refused> {
        let new = &token.stored.token;
        if token.stored.revoked_at.is_some() {
            let detail = format!(
                "the token `{}` was revoked; a file that holds it, such as `admin-token` in the data directory, does \
                 not bring it back",
                new.name
            );
            return Err(Refused { refusal: Refusal::Revoked(new.name.to_string()), detail });
        }
        if new.expires_at.is_some_and(|end| end <= expiry_clock_ms()) {
            let detail =
                format!("the token `{}` has expired; `hookyard token create` makes another", new.name);
            return Err(Refused { refusal: Refusal::Expired(new.name.to_string()), detail });
        }
        Ok(())
    }

    /// The problem of a request without a valid token. A valid token is never limited, also from an address with
    /// many failures: secrets cannot be guessed, and a proxy may bring everybody from one address.
    fn refuse(&self, refused: Refused, peer: Option<IpAddr>) -> Problem {
        let max = self.config.borrow().admin.auth_failures_per_minute_max;
        let Refused { refusal, detail } = refused;
        // Whoever has a token that the host knows learns why it is not valid, also behind an address with many failures.
        let has_known_token = refusal.is_of_known_token();
        if self.failures.count(refusal, peer, clock::now_ms(), max) || has_known_token {
            return Problem::new(StatusCode::UNAUTHORIZED, detail);
        }
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "more than {max} requests of a minute from this address had no valid token \
                 (`admin.auth_failures_per_minute_max`); one with a valid token is answered"
            ),
        )
    }
}

/// The time by which tokens expire: the later one of the system clock, and the clock that continues from its first use
/// here. So a clock that is set back while the host runs brings no token back.
pub(super) fn expiry_clock_ms() -> u64 {
    static START: LazyLock<(u64, Instant)> = LazyLock::new(|| (now_ms(), Instant::now()));
    let (started_at, start) = *START;
    let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    now_ms().max(started_at.saturating_add(elapsed))
}

/// The reason why a request is not authenticated.
struct Refused {
    refusal: Refusal,
    detail: String,
}

impl Refused {
    fn new(refusal: Refusal, detail: &str) -> Self {
        Self { refusal, detail: detail.into() }
    }
}

/// The sender of a request with a valid token.
#[derive(Clone)]
pub(in crate::admin) struct Caller {
    token: Arc<KnownToken>,
    address: Option<String>,
    /// The session, if it is a browser's.
    session: Option<Arc<KnownSession>>,
    access: Access,
}

/// Passes requests with a valid token on.
pub(super) async fn require(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    let peer = (access.find_peer)(request.extensions());
    match access.authenticate(request.headers(), peer) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => access.refuse(refused, peer).into_response(),
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_from_its_header_only() {
        for (header, token) in [
            ("Bearer right", Some("right")),
            ("bearer right", Some("right")),
            ("Bearer  right ", Some("right")),
            ("Bearer ", Some("")),
            ("Basic right", None),
            ("right", None),
            ("Bearer\tright", None),
            ("", None),
        ] {
            assert_eq!(bearer(header), token, "{header:?}");
        }
    }
}
