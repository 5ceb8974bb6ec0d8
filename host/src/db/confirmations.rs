//! Confirmations that operators decide about, as other rooms store, read and change them.

use super::confirmation_types::{ConfirmationChange, OldConfirmations, OpenedConfirmation};
use super::handle::Db;
use super::types::DbError;
use super::writer::inbox::{ConfirmationOperation, Operation, Reply, Request};
use crate::audit::Decision;
use crate::clock;
use crate::confirmation::{
    ConfirmationDecision, ConfirmationReceipt, ConfirmationState, NewConfirmation, StoredConfirmation,
};

/// The most confirmations in a list.
const LISTED_MAX: u32 = 1000;

impl Db {
    /// Stores a received confirmation, if it is to wait for an operator. Returns after the commit.
    ///
    /// # Errors
    /// [`DbError::Unavailable`]: nothing was stored, or the result is unknown.
    pub async fn store_confirmation(&self, new: NewConfirmation) -> Result<ConfirmationReceipt, DbError> {
        if let Some(fault) = self.fault() {
            return Err(DbError::Unavailable(fault));
        }
        self.ask_confirmation(|reply| ConfirmationOperation::Store { new: Box::new(new), reply }).await
    }

    /// The newest 1,000 confirmations, of one source or of all, the newest first. Their states are those of now.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn confirmations(&self, source: Option<&str>) -> Result<Vec<StoredConfirmation>, DbError> {
        let mut all = self.inner.reads.confirmations(source, LISTED_MAX).await?;
        let now = clock::now_ms();
        for one in &mut all {
            one.state = one.state_at(now);
        }
        Ok(all)
    }

    /// The numbers of confirmations that wait, by source.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn waiting_confirmations(&self) -> Result<Vec<(String, u64)>, DbError> {
        let mut counts: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        let all = self.confirmations(None).await?;
        for one in all.iter().filter(|one| one.state == ConfirmationState::Waiting) {
            *counts.entry(one.request.source.to_string()).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    /// Notes that the URL of a confirmation is opened, with the entry of the decision. The caller opens it, and says with
    /// [`Db::end_confirmation`] what came of it.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn approve_confirmation(
        &self,
        source: &str,
        id: i64,
        by: Decision,
    ) -> Result<ConfirmationDecision, DbError> {
        self.decide_confirmation(source, id, true, by).await
    }

    /// Rejects a confirmation.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn reject_confirmation(
        &self,
        source: &str,
        id: i64,
        by: Decision,
    ) -> Result<ConfirmationDecision, DbError> {
        self.decide_confirmation(source, id, false, by).await
    }

    async fn decide_confirmation(
        &self,
        source: &str,
        id: i64,
        is_approved: bool,
        by: Decision,
    ) -> Result<ConfirmationDecision, DbError> {
        let (source, at) = (source.to_owned(), clock::now_ms());
        let change = Box::new(ConfirmationChange { source, id, is_approved, at, by });
        self.ask_confirmation(|reply| ConfirmationOperation::Decide { change, reply }).await
    }

    /// Stores what came of opening the URL of a confirmation. `None` if the confirmation is not there any more.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn end_confirmation(
        &self,
        opened: OpenedConfirmation,
    ) -> Result<Option<StoredConfirmation>, DbError> {
        let opened = Box::new(opened);
        self.ask_confirmation(|reply| ConfirmationOperation::End { opened, reply }).await
    }

    /// Marks confirmations that expired, and removes those that were decided before this time, ms by the host's clock.
    pub(super) async fn prune_confirmations(&self, decided_before: u64) -> Result<(), DbError> {
        let old = OldConfirmations { now: clock::now_ms(), decided_before };
        let all = self.inner.reads.confirmations(None, LISTED_MAX).await?;
        if !all.iter().any(|one| old.has(one)) {
            return Ok(());
        }
        self.ask_confirmation(|reply| ConfirmationOperation::Prune { old, reply }).await
    }

    async fn ask_confirmation<T>(
        &self,
        operation: impl FnOnce(Reply<T>) -> ConfirmationOperation,
    ) -> Result<T, DbError> {
        self.ask(|reply| Request::Operate(Operation::Confirmation(operation(reply)))).await
    }
}
