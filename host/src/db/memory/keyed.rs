//! Requests with an idempotency key in memory.

use super::reads::{MemoryReads, answer};
use super::storage::MemoryStorage;
use super::tables::{StoredErasure, Tables};
use crate::audit::{Entry, KeyedRequest, Record};
use crate::clock;
use crate::db::keyed_types::{AnsweredRequest, KeyedReads, KeyedWrites};
use crate::db::types::{Answer, DbError};
use crate::erasure::ErasureState;

impl Tables {
    /// Inserts the request of a record that has an idempotency key.
    pub(super) fn insert_keyed(&mut self, record: &Record, entry: &Entry) {
        let Some((token, request)) = record.request_key() else { return };
        let (digest, entry, at) = (request.digest, entry.number, clock::now_ms());
        let stored = KeyedRequest { digest, entry, at, answer: None };
        self.keyed.insert((token, request.key.clone()), stored);
    }

    fn keep_answer(&mut self, answered: &AnsweredRequest) {
        let AnsweredRequest { token, key, answer, since, keys_max, answers_max_bytes } = answered;
        // An answer that was made before the last page of an erasure may have a value that is erased since.
        let entry = self.keyed.get(&(*token, key.clone())).map_or(i64::MAX, |stored| stored.entry);
        let is_running = |erasure: &StoredErasure| erasure.progress.state == ErasureState::Running;
        let may_be_erased = self.erasures.values().any(is_running)
            || self.audit.iter().any(|of| of.number > entry && of.action == "erasure.end");
        let answer = answer.as_ref().filter(|_| !may_be_erased);
        if let (Some(stored), Some(answer)) = (self.keyed.get_mut(&(*token, key.clone())), answer) {
            stored.answer = Some(answer.clone());
        }
        let mut ages: Vec<_> = self.keyed.values().map(|stored| (stored.at, stored.entry)).collect();
        ages.sort_unstable_by(|a, b| b.cmp(a));
        let surplus = ages.get(*keys_max as usize).copied();
        self.keyed.retain(|_, stored| {
            stored.at >= *since && surplus.is_none_or(|surplus| (stored.at, stored.entry) > surplus)
        });
        let mut newest: Vec<_> = self.keyed.values_mut().filter(|stored| stored.answer.is_some()).collect();
        newest.sort_unstable_by_key(|stored| std::cmp::Reverse(stored.entry));
        let mut bytes = 0;
        for stored in newest {
            bytes += stored.answer.as_ref().map_or(0, |answer| answer.body.len() as u64);
            if bytes > *answers_max_bytes {
                stored.answer = None;
            }
        }
    }
}

impl KeyedWrites for MemoryStorage {
    async fn keep_answer(&mut self, answered: &AnsweredRequest) -> Result<(), DbError> {
        self.database.tables().keep_answer(answered);
        Ok(())
    }
}

impl KeyedReads for MemoryReads {
    fn keyed_request<'a>(&'a self, token: i64, key: &'a str) -> Answer<'a, Option<KeyedRequest>> {
        answer(self.0.tables().keyed.get(&(token, key.to_owned())).cloned())
    }

    fn keyed_requests(&self, token: i64, since: u64, limit: u32) -> Answer<'_, u32> {
        let tables = self.0.tables();
        let of_token = tables.keyed.iter().filter(|((of, _), stored)| *of == token && stored.at >= since);
        answer(u32::try_from(of_token.take(limit as usize).count()).unwrap_or(limit))
    }
}
