//! Tokens, as the admin room stores and reads them.

use super::handle::Db;
use super::types::{DbError, StoredTokens, TokenCreation};
use super::writer::inbox::{Operation, Request};
use crate::audit::Decision;
use crate::token::NewToken;

impl Db {
    /// All tokens, revoked ones included, and the rows that are damaged.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn tokens(&self) -> Result<StoredTokens, DbError> {
        self.inner.reads.tokens().await
    }

    /// Stores a token, unless its name is in use, or there are `tokens_max` already.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn create_token(
        &self,
        new: NewToken,
        tokens_max: u32,
        by: Decision,
    ) -> Result<TokenCreation, DbError> {
        self.ask(|reply| Request::Operate(Operation::CreateToken { new, tokens_max, by, reply })).await
    }

    /// Revokes the token with this name. False if there is none.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn revoke_token(&self, name: String, by: Decision) -> Result<bool, DbError> {
        self.ask(|reply| Request::Operate(Operation::RevokeToken { name, by, reply })).await
    }

    /// Stores the token of the data directory's file, unless it was stored before, and perhaps revoked. If it is new,
    /// an earlier token of the same name is revoked.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn keep_first_token(&self, new: NewToken) -> Result<(), DbError> {
        self.ask(|reply| Request::Operate(Operation::KeepFirstToken { new, reply })).await
    }

    /// Notes when tokens were used, by their numbers. It is no decision, and has no audit entry.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn note_token_uses(&self, uses: Vec<(i64, u64)>) -> Result<(), DbError> {
        if uses.is_empty() {
            return Ok(());
        }
        self.ask(|reply| Request::Operate(Operation::NoteTokenUses { uses, reply })).await
    }
}
