//! Requests with an idempotency key, as the admin room reads them and adds their answers.

use super::handle::Db;
use super::keyed_types::AnsweredRequest;
use super::types::DbError;
use super::writer::inbox::{Operation, Request};
use crate::audit::{Entry, KeyedRequest};

impl Db {
    /// The request of a token with this idempotency key, if it made a decision.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn keyed_request(&self, token: i64, key: &str) -> Result<Option<KeyedRequest>, DbError> {
        self.inner.reads.keyed_request(token, key).await
    }

    /// Counts the requests of a token that made a decision since this time (ms since the Unix epoch), up to `limit`.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn keyed_requests(&self, token: i64, since: u64, limit: u32) -> Result<u32, DbError> {
        self.inner.reads.keyed_requests(token, since, limit).await
    }

    /// Stores the answer to a request that made a decision, and removes old requests.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn keep_answer(&self, answered: AnsweredRequest) -> Result<(), DbError> {
        self.ask(|reply| Request::Operate(Operation::KeepAnswer { answered, reply })).await
    }

    /// The entry of the audit log with this number.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn audit_entry(&self, number: i64) -> Result<Option<Entry>, DbError> {
        let found = self.audit_after(number.saturating_sub(1), 1).await?;
        Ok(found.into_iter().find(|entry| entry.number == number))
    }
}
