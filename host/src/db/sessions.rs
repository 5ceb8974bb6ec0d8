//! Sessions of the pages, as the admin room stores and reads them.

use super::handle::Db;
use super::page_types::{Rotation, SessionCreation};
use super::types::DbError;
use super::writer::inbox::{Operation, Request, SessionOperation};
use crate::audit::Decision;
use crate::token::{NewSession, SessionLimits, SessionUse, StoredSession};

impl Db {
    /// All sessions, the oldest first. Some may be over.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn sessions(&self) -> Result<Vec<StoredSession>, DbError> {
        self.inner.reads.sessions().await
    }

    /// Stores a session. If its token has too many then, those that were unused for longest are ended.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn create_session(
        &self,
        new: NewSession,
        limits: SessionLimits,
        by: Decision,
    ) -> Result<SessionCreation, DbError> {
        let new = Box::new(new);
        self.ask_session(|reply| SessionOperation::Create { new, limits, by, reply }).await
    }

    /// Ends a session. False if there is none that is not over.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn revoke_session(&self, id: i64, by: Decision) -> Result<bool, DbError> {
        self.ask_session(|reply| SessionOperation::Revoke { id, by, reply }).await
    }

    /// Gives a session another secret. False if the presented one is none of its secrets.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn rotate_session(&self, rotation: Rotation) -> Result<bool, DbError> {
        self.ask_session(|reply| SessionOperation::Rotate { rotation, reply }).await
    }

    /// Notes when sessions were used. It is no decision, and has no audit entry.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn note_session_uses(&self, uses: Vec<SessionUse>) -> Result<(), DbError> {
        if uses.is_empty() {
            return Ok(());
        }
        self.ask_session(|reply| SessionOperation::NoteUses { uses, reply }).await
    }

    async fn ask_session<T>(
        &self,
        operation: impl FnOnce(super::writer::inbox::Reply<T>) -> SessionOperation,
    ) -> Result<T, DbError> {
        self.ask(|reply| Request::Operate(Operation::Session(operation(reply)))).await
    }
}
