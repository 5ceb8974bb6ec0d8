//! The tokens in memory. The rows of the database are the truth; this is a copy, so that a request costs one hash.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::db::{Db, DbError, StoredTokens};
use crate::token::{StoredToken, TokenHash};

/// A token and the time of its last use.
pub(in crate::admin) struct KnownToken {
    pub(in crate::admin) stored: StoredToken,
    /// ms since the Unix epoch; 0 = never. Shared by the copies of the same row.
    used_at: Arc<AtomicU64>,
}

impl KnownToken {
    /// Notes a use. It is written later.
    pub(super) fn note_use(&self, now_ms: u64) {
        self.used_at.store(now_ms, Ordering::Relaxed);
    }

    /// The last use, ms since the Unix epoch.
    pub(in crate::admin) fn used_at(&self) -> Option<u64> {
        Some(self.used_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }
}

/// See the module.
#[derive(Default)]
pub(in crate::admin) struct Tokens {
    known: ArcSwap<HashMap<TokenHash, Arc<KnownToken>>>,
    /// Reads follow each other, so that none puts an older state in the place of a newer one. The damaged rows that the
    /// last one found.
    damaged: Mutex<Vec<(String, String)>>,
    /// The numbers of tokens that are refused although no row says that they are revoked.
    refused: std::sync::Mutex<HashSet<i64>>,
}

impl Tokens {
    /// Finds a token, valid or not.
    pub(in crate::admin) fn find(&self, hash: &TokenHash) -> Option<Arc<KnownToken>> {
        self.known.load().get(hash).cloned()
    }

    /// Finds the token with this number, valid or not.
    pub(super) fn find_number(&self, id: i64) -> Option<Arc<KnownToken>> {
        self.known.load().values().find(|token| token.stored.id == id).cloned()
    }

    /// All tokens, the oldest first.
    pub(in crate::admin) fn list(&self) -> Vec<Arc<KnownToken>> {
        let mut all: Vec<_> = self.known.load().values().cloned().collect();
        all.sort_unstable_by_key(|token| token.stored.id);
        all
    }

    /// Takes the state of the database.
    pub(super) async fn reload(&self, db: &Db) -> Result<(), DbError> {
        let mut known_damaged = self.damaged.lock().await;
        let StoredTokens { tokens: rows, damaged } = db.tokens().await?;
        for (name, problem) in damaged.iter().filter(|row| !known_damaged.contains(row)) {
            tracing::warn!(
                "the token `{name}` is not valid, since its row in the database is damaged: {problem}; \
                 revoke it, and create another"
            );
        }
        *known_damaged = damaged;
        let before = self.known.load();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|id| rows.iter().any(|stored| stored.id == *id && stored.revoked_at.is_none()));
        let known = rows.into_iter().filter(|stored| !refused.contains(&stored.id)).map(|stored| {
            let hash = stored.token.hash;
            let used_at = match before.get(&hash) {
                Some(known) => Arc::clone(&known.used_at),
                None => Arc::default(),
            };
            used_at.fetch_max(stored.used_at.unwrap_or(0), Ordering::Relaxed);
            (hash, Arc::new(KnownToken { stored, used_at }))
        });
        self.known.store(Arc::new(known.collect()));
        Ok(())
    }

    /// Refuses the tokens with a name, whose revocation could not be stored or read, until a row says that they are
    /// revoked. Returns whether there was one.
    pub(super) fn refuse(&self, name: &str) -> bool {
        let is_other = |token: &KnownToken| token.stored.token.name.as_str() != name;
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let named: Vec<_> = self.known.load().values().filter(|token| !is_other(token)).cloned().collect();
        let valid =
            named.iter().filter(|token| token.stored.revoked_at.is_none()).map(|token| token.stored.id);
        let before = refused.len();
        refused.extend(valid);
        let found = refused.len() > before;
        drop(refused);
        self.known.rcu(|known| {
            let others = known.iter().filter(|(_, token)| is_other(token));
            others.map(|(hash, token)| (*hash, Arc::clone(token))).collect::<HashMap<_, _>>()
        });
        found
    }

    /// The uses that are not written yet, by the tokens' numbers.
    pub(super) fn uses(&self) -> Vec<(i64, u64)> {
        let tokens = self.known.load();
        let unwritten = tokens.values().filter_map(|token| {
            let used_at = token.used_at()?;
            (token.stored.used_at < Some(used_at)).then_some((token.stored.id, used_at))
        });
        unwritten.collect()
    }
}
