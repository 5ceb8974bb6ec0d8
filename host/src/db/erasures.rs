//! Erasures of personal values, as operators and [`crate::dispatch`] ask for them.

use super::erasure_types::NewErasure;
use super::handle::Db;
use super::types::DbError;
use super::writer::inbox::{ErasureOperation, Operation};
use crate::audit::Decision;
use crate::erasure::{Candidate, ErasureInProgress, ErasurePage, PersonalSources, Progress, Request};
use crate::replay;

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

    /// The next up to `limit` events that an erasure finds, in order, with bodies of up to `max_bytes` together. At least
    /// one, if there is one.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn erasure_candidates(
        &self,
        running: &ErasureInProgress,
        limit: u32,
        max_bytes: u64,
    ) -> Result<Vec<Candidate>, DbError> {
        self.inner.reads.erasure_candidates(running, limit, max_bytes).await
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
