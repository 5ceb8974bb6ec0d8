//! What is stored of requests with an idempotency key. Each row is inserted with the audit entry of the request's
//! decision, in the transaction of the decision.

use std::future::Future;

use super::types::{Answer, DbError};
use crate::audit::{KeptAnswer, KeyedRequest};

/// The answer to a request with an idempotency key, and the limits of what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredRequest {
    /// The number of the request's token.
    pub token: i64,
    /// The key.
    pub key: String,
    /// `None` if it is not kept. Repeated requests are still refused.
    pub answer: Option<KeptAnswer>,
    /// Requests before this time are removed, ms since the Unix epoch.
    pub since: u64,
    /// The most requests that remain: the newest ones.
    pub keys_max: u32,
    /// The most bytes of answers that remain: the newest ones.
    pub answers_max_bytes: u64,
}

/// Writes what is stored of requests with an idempotency key.
pub(super) trait KeyedWrites: Send {
    /// Stores the answer to a request that made a decision, and removes old requests. It costs no `fsync`: it is
    /// durable with the next commit.
    fn keep_answer(&mut self, answered: &AnsweredRequest)
    -> impl Future<Output = Result<(), DbError>> + Send;
}

/// Reads what is stored of requests with an idempotency key.
pub(super) trait KeyedReads: Send + Sync {
    /// The request of a token with this key, if it made a decision.
    fn keyed_request<'a>(&'a self, token: i64, key: &'a str) -> Answer<'a, Option<KeyedRequest>>;

    /// Counts the requests of a token since this time, up to `limit`.
    fn keyed_requests(&self, token: i64, since: u64, limit: u32) -> Answer<'_, u32>;
}
