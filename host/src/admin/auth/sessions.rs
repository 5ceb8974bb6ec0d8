//! Sessions of browsers: a log-in with a token, and a cookie with a secret that changes from time to time.
//!
//! The rows of the database are the truth; the copy in memory makes a request cost one hash. A session ends with its
//! token, by its age, by lack of use, or when somebody ends it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use axum::http::StatusCode;
use tokio::sync::Mutex;

use super::failures::Refusal;
use super::{Access, Caller, Problem, Refused, expiry_clock_ms};
use crate::audit::{Actor, ActorKind, Decision};
use crate::db::{Db, DbError, Rotation, SessionCreation};
use crate::event::now_ms;
use crate::token::{
    AGENT_MAX_BYTES, FormKey, NewSession, SessionLimits, SessionUse, StoredSession, TokenHash,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// A session, and what happened with it since its row was written.
pub(in crate::admin) struct KnownSession {
    pub(in crate::admin) stored: StoredSession,
    /// ms since the Unix epoch; shared by the copies of the same row.
    used_at: Arc<AtomicU64>,
    /// The first request with the current secret; 0 = none yet. Shared by the copies with the same secret.
    confirmed_at: Arc<AtomicU64>,
}

impl KnownSession {
    /// The last use, ms since the Unix epoch.
    pub(in crate::admin) fn used_at(&self) -> u64 {
        self.stored.used_at.max(self.used_at.load(Ordering::Relaxed))
    }

    fn confirmed_at(&self) -> Option<u64> {
        Some(self.confirmed_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    fn note_use(&self, hash: &TokenHash, now: u64) {
        self.used_at.fetch_max(now, Ordering::Relaxed);
        if self.stored.session.hash == *hash {
            let _earlier = self.confirmed_at.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// See the module.
#[derive(Default)]
pub(in crate::admin) struct Sessions {
    known: ArcSwap<Vec<Arc<KnownSession>>>,
    by_hash: ArcSwap<HashMap<TokenHash, Arc<KnownSession>>>,
    /// Reads follow each other, so that none puts an older state in the place of a newer one.
    reading: Mutex<()>,
}

impl Sessions {
    /// All sessions, the oldest first. Some may be over.
    pub(in crate::admin) fn list(&self) -> Arc<Vec<Arc<KnownSession>>> {
        self.known.load_full()
    }

    fn find(&self, id: i64) -> Option<Arc<KnownSession>> {
        self.known.load().iter().find(|session| session.stored.id == id).cloned()
    }

    /// Takes the state of the database.
    pub(super) async fn reload(&self, db: &Db) -> Result<(), DbError> {
        let _one_at_a_time = self.reading.lock().await;
        let rows = db.sessions().await?;
        let before: HashMap<_, _> =
            self.known.load().iter().map(|known| (known.stored.id, Arc::clone(known))).collect();
        let known = rows.into_iter().map(|stored| {
            let same = before.get(&stored.id);
            let used_at = same.map(|same| Arc::clone(&same.used_at)).unwrap_or_default();
            let has_same_secret = |same: &&Arc<KnownSession>| same.stored.session.hash == stored.session.hash;
            let confirmed_at = same.filter(has_same_secret).map(|same| Arc::clone(&same.confirmed_at));
            let confirmed_at = confirmed_at.unwrap_or_default();
            Arc::new(KnownSession { stored, used_at, confirmed_at })
        });
        let known: Vec<_> = known.collect();
        let secrets = known.iter().flat_map(|known| {
            let hashes = [Some(known.stored.session.hash), known.stored.previous];
            hashes.into_iter().flatten().map(|hash| (hash, Arc::clone(known)))
        });
        self.by_hash.store(Arc::new(secrets.collect()));
        self.known.store(Arc::new(known));
        Ok(())
    }

    /// Takes a session out of memory that is over, when the rows cannot be read.
    async fn forget(&self, id: i64) {
        let _one_at_a_time = self.reading.lock().await;
        let is_other = |session: &Arc<KnownSession>| session.stored.id != id;
        let by_hash = self.by_hash.load();
        let others = by_hash.iter().filter(|(_, session)| is_other(session));
        self.by_hash.store(Arc::new(others.map(|(hash, session)| (*hash, Arc::clone(session))).collect()));
        self.known
            .store(Arc::new(self.known.load().iter().filter(|session| is_other(session)).cloned().collect()));
    }

    /// The uses that are not written yet.
    pub(super) fn uses(&self) -> Vec<SessionUse> {
        let now = now_ms();
        let sessions = self.known.load();
        let unwritten = sessions.iter().filter_map(|session| {
            let at = session.used_at();
            let previous = session.stored.previous;
            let is_confirmed =
                previous.is_some_and(|hash| !session.stored.takes(&hash, session.confirmed_at(), now));
            let is_new = at > session.stored.used_at || is_confirmed;
            is_new.then_some(SessionUse { id: session.stored.id, at, is_confirmed })
        });
        unwritten.collect()
    }
}

/// A browser that logged in.
pub(in crate::admin) struct LoggedIn {
    /// The secret for its cookie.
    pub(in crate::admin) secret: String,
    /// The end of the session, ms since the Unix epoch.
    pub(in crate::admin) expires_at: u64,
}

/// A request of a browser that is logged in.
pub(in crate::admin) struct Resumed {
    /// The sender.
    pub(in crate::admin) caller: Caller,
    /// The session.
    pub(in crate::admin) session: Arc<KnownSession>,
    /// Another secret for its cookie.
    pub(in crate::admin) rotated: Option<String>,
}

impl Access {
    /// Begins a session with the secret of a token.
    ///
    /// # Errors
    /// A problem if the token is not valid, if there are too many sessions, or if the database does not answer.
    pub(in crate::admin) async fn log_in(
        &self,
        offered: &str,
        peer: Option<IpAddr>,
        agent: &str,
    ) -> Result<LoggedIn, Problem> {
        let offered = offered.trim();
        let found = match offered {
            "" => Err(Refused::new(Refusal::Missing, "no token was given")),
            offered => self.find_valid(offered),
        };
        let token = found.map_err(|refused| self.refuse(refused, peer))?;
        let now = now_ms();
        token.note_use(now);
        let (limits, max_hours) = self.session_limits();
        let secret = new_secret();
        let expires_at = now.saturating_add(max_hours.saturating_mul(HOUR_MS));
        let expires_at = token.stored.token.expires_at.map_or(expires_at, |end| end.min(expires_at));
        let address = peer.map(|peer| peer.to_canonical().to_string());
        let new = NewSession {
            token: token.stored.id,
            hash: TokenHash::of(&secret),
            form_key: FormKey(rand::random()),
            address: address.clone(),
            agent: agent.get(..agent.floor_char_boundary(AGENT_MAX_BYTES)).unwrap_or_default().to_owned(),
            created_at: now,
            expires_at,
        };
        let actor = Actor { kind: ActorKind::Token, name: token.stored.token.name.to_string(), address };
        let by = Decision { actor, token: Some(token.stored.id), note: None, key: None };
        match self.db.create_session(new, limits, by).await? {
            SessionCreation::Created(_) => {
                self.sessions.reload(&self.db).await?;
                Ok(LoggedIn { secret, expires_at })
            }
            SessionCreation::Full => Err(Problem::unavailable(format!(
                "there are {} sessions already (`admin.sessions_max`): end some (`hookyard session list`), or try \
                 again later",
                limits.all_max
            ))),
        }
    }

    /// The sender of a request with the secret of a session; `None` if there is no such session any more.
    pub(in crate::admin) async fn resume(&self, secret: &str, peer: Option<IpAddr>) -> Option<Resumed> {
        let hash = TokenHash::of(secret);
        let session = self.sessions.by_hash.load().get(&hash).cloned()?;
        let now = now_ms();
        if !session.stored.takes(&hash, session.confirmed_at(), now) || !self.continues(&session) {
            return None;
        }
        let token = self.tokens.find_number(session.stored.session.token)?;
        session.note_use(&hash, now);
        token.note_use(now);
        let rotated = self.rotate(&session, hash, now).await;
        let caller = self.caller(token, peer, Some(Arc::clone(&session)));
        Some(Resumed { caller, session, rotated })
    }

    /// Whether a session goes on: it is not over, and its token is valid.
    pub(in crate::admin) fn continues(&self, session: &KnownSession) -> bool {
        let Some(known) = self.sessions.find(session.stored.id) else { return false };
        let (limits, _) = self.session_limits();
        let is_over = known.stored.end(known.used_at(), expiry_clock_ms(), limits.idle_ms).is_some();
        let token = self.tokens.find_number(known.stored.session.token);
        !is_over && token.is_some_and(|token| Self::check(&token).is_ok())
    }

    /// Gives a session another secret, if it is time. A database that cannot be written does not end the session.
    async fn rotate(&self, session: &KnownSession, presented: TokenHash, now: u64) -> Option<String> {
        let every = self.config.borrow().admin.session_rotation_minutes.saturating_mul(MINUTE_MS);
        if now.saturating_sub(session.stored.rotated_at) < every {
            return None;
        }
        let secret = new_secret();
        let rotation = Rotation {
            id: session.stored.id,
            presented,
            rotated_at: session.stored.rotated_at,
            hash: TokenHash::of(&secret),
            at: now,
        };
        let rotated = self.db.rotate_session(rotation).await;
        if !rotated.is_ok_and(|is_rotated| is_rotated) {
            return None;
        }
        self.sessions.reload(&self.db).await.is_ok().then_some(secret)
    }

    /// Ends a session. False if there is none that is not over.
    ///
    /// # Errors
    /// A problem if the database does not answer, or the token was revoked.
    pub(in crate::admin) async fn end_session(&self, id: i64, by: Decision) -> Result<bool, Problem> {
        let access = self.clone();
        // A client that goes away does not leave a session in memory that is over in the database.
        let ending = tokio::spawn(async move {
            let is_ended = access.db.revoke_session(id, by).await?;
            if access.sessions.reload(&access.db).await.is_err() {
                access.sessions.forget(id).await;
            }
            Ok::<_, DbError>(is_ended)
        });
        let ended = ending.await.map_err(|error| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("ending the session: {error}"))
        })?;
        Ok(ended?)
    }

    /// The limits on sessions, and the hours after which each is over.
    pub(in crate::admin) fn session_limits(&self) -> (SessionLimits, u64) {
        let config = self.config.borrow();
        let limits = SessionLimits {
            all_max: config.admin.sessions_max,
            per_token_max: config.admin.sessions_per_token_max,
            idle_ms: config.admin.session_idle_minutes.saturating_mul(MINUTE_MS),
        };
        (limits, config.admin.session_max_hours)
    }

    /// The remote address of a request.
    pub(in crate::admin) fn peer(&self, extensions: &axum::http::Extensions) -> Option<IpAddr> {
        (self.find_peer)(extensions)
    }
}

fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}
