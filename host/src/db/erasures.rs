//! Erasures of personal values, as operators and [`crate::dispatch`] ask for them.

use std::future::Future;

use super::handle::Db;
use super::types::{Answer, DbError};
use super::writer::inbox::{Operation, Reply};
use crate::audit::Decision;
use crate::erasure::{Candidate, ErasureInProgress, ErasurePage, PersonalSources, Progress, Request};
use crate::replay;

/// An erasure to be stored.
#[derive(Debug, Clone)]
pub(super) struct NewErasure {
    pub(super) request: Request,
    pub(super) sources: PersonalSources,
    /// The number of events that the selection matches.
    pub(super) found: u64,
    /// The newest event.
    pub(super) last_event: i64,
}

/// A request to the writer.
pub(super) enum ErasureOperation {
    Begin { new: Box<NewErasure>, by: Decision, reply: Reply<i64> },
    Advance { page: ErasurePage, reply: Reply<()> },
    EmptyLog { reply: Reply<()> },
}

/// The write side. Each call is one transaction.
pub(super) trait ErasureStorage {
    /// Stores a requested erasure, and returns its number.
    fn begin_erasure(
        &mut self,
        new: &NewErasure,
        by: &Decision,
    ) -> impl Future<Output = Result<i64, DbError>> + Send;

    /// Overwrites the values of a page of events. An event that is open or was erased meanwhile is skipped.
    fn advance_erasure(&mut self, page: &ErasurePage) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Moves commits to their final place, so that no old value remains in the database's log. An error if a reader
    /// prevents it.
    fn empty_log(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// The read side.
pub(super) trait ErasureReads: Send + Sync {
    /// Up to `limit` events that an erasure finds, in order.
    fn erasure_candidates<'a>(
        &'a self,
        running: &'a ErasureInProgress,
        limit: u32,
    ) -> Answer<'a, Vec<Candidate>>;

    /// Erasures in progress, the oldest first.
    fn running_erasures(&self) -> Answer<'_, Vec<ErasureInProgress>>;

    /// An erasure.
    fn erasure(&self, id: i64) -> Answer<'_, Option<Progress>>;

    /// Those of these events that were erased, in order.
    fn erased_among<'a>(&'a self, events: &'a [i64]) -> Answer<'a, Vec<i64>>;
}

impl Db {
    /// Stores an erasure, to be carried out by the dispatch room, and returns its number. It includes the events up to
    /// the newest one now.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn begin_erasure(
        &self,
        request: Request,
        sources: PersonalSources,
        by: Decision,
    ) -> Result<i64, DbError> {
        let counted = replay::Request {
            of: replay::ReplayTarget::Events,
            action: replay::Action::Replay,
            selection: request.selection.clone(),
            to: None,
            again: false,
            revision: None,
            dry_run: true,
        };
        let (found, last_event) = self.inner.reads.count(&counted).await?;
        let new = Box::new(NewErasure { request, sources, found, last_event });
        self.operate(|reply| Operation::Erase(ErasureOperation::Begin { new, by, reply })).await
    }

    /// Commits a page of an erasure.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn erasure_step(&self, page: ErasurePage) -> Result<(), DbError> {
        self.operate(|reply| Operation::Erase(ErasureOperation::Advance { page, reply })).await
    }

    /// Empties the database's log, so that no old value remains in it.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], also if a reader prevents it.
    pub async fn empty_log(&self) -> Result<(), DbError> {
        self.operate(|reply| Operation::Erase(ErasureOperation::EmptyLog { reply })).await
    }

    /// Returns erasures in progress, the oldest first.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn running_erasures(&self) -> Result<Vec<ErasureInProgress>, DbError> {
        self.inner.reads.running_erasures().await
    }

    /// The next up to `limit` events that an erasure finds, in order.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn erasure_candidates(
        &self,
        running: &ErasureInProgress,
        limit: u32,
    ) -> Result<Vec<Candidate>, DbError> {
        self.inner.reads.erasure_candidates(running, limit).await
    }

    /// Returns an erasure's progress.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn erasure(&self, id: i64) -> Result<Option<Progress>, DbError> {
        self.inner.reads.erasure(id).await
    }

    /// Those of these events that were erased.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn erased_among(&self, events: &[i64]) -> Result<Vec<i64>, DbError> {
        self.inner.reads.erased_among(events).await
    }
}
