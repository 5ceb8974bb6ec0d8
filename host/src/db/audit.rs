//! The audit log, as other rooms read it and add to it.

use super::handle::Db;
use super::types::DbError;
use super::writer::inbox::{Operation, Request};
use crate::audit::{ChainError, Entry, EntryFilter, Head, Record, Verifier};

/// Entries that are read at once.
const PAGE: u32 = 500;

impl Db {
    /// Records decisions that need no other change of the database. A record of a state (`Record::observed`) that
    /// the last entry about it has is left out. Before [`Db::start`] it does not wait for the commit.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn record(&self, records: Vec<Record>) -> Result<(), DbError> {
        if records.is_empty() {
            return Ok(());
        }
        if self.is_idle() {
            let (reply, _unread) = tokio::sync::oneshot::channel();
            self.request(Request::Operate(Operation::Record { records, reply }));
            return Ok(());
        }
        self.ask(|reply| Request::Operate(Operation::Record { records, reply })).await
    }

    /// Up to `limit` entries before `before`, the newest first.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn audit(
        &self,
        filter: &EntryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, DbError> {
        self.inner.reads.audit(filter, before.unwrap_or(i64::MAX), limit).await
    }

    /// Up to `limit` entries after `after`, in order.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<Entry>, DbError> {
        self.inner.reads.audit_after(after, limit).await
    }

    /// Checks all entries up to the newest one. With `expected`, that head must be one of them.
    ///
    /// # Errors
    /// [`DbError::Unavailable`]. The result is an error if the log is not whole.
    pub async fn verify_audit(&self, expected: Option<Head>) -> Result<Result<Head, ChainError>, DbError> {
        let mut verifier = Verifier::new(expected);
        loop {
            let (page, stored) = self.inner.reads.audit_page(verifier.head().number, PAGE).await?;
            if let Err(error) = page.iter().try_for_each(|entry| verifier.check(entry)) {
                return Ok(Err(error));
            }
            // The stored head is of the same moment as the page: after a page that ends the log, it is the last entry.
            if page.len() < PAGE as usize {
                return Ok(verifier.finish(stored));
            }
        }
    }
}
