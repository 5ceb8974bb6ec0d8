//! What is written and read of confirmations that operators decide about.

use std::future::Future;

use super::types::{Answer, DbError};
use crate::audit::Decision;
use crate::confirmation::{ConfirmationDecision, ConfirmationReceipt, NewConfirmation, StoredConfirmation};

/// The failure of an opening until its end is stored. It stays if the process ends before.
pub(super) const UNFINISHED: &str = "no answer so far: the host waits for it, or ended before it came";

/// A decision about a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfirmationChange {
    pub(super) source: String,
    pub(super) id: i64,
    /// Approved: the host opens its URL. Otherwise it is rejected.
    pub(super) is_approved: bool,
    /// ms by the host's clock.
    pub(super) at: u64,
    pub(super) by: Decision,
}

/// The end of an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedConfirmation {
    /// The confirmation.
    pub id: i64,
    /// The URL that was opened. Another one may have taken its place meanwhile.
    pub url: String,
    /// ms by the host's clock.
    pub at: u64,
    /// Who approved it.
    pub by: String,
    /// What the provider named, if it confirmed; or why it did not.
    pub result: Result<Option<String>, String>,
}

/// What of the stored confirmations is old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OldConfirmations {
    /// Those that wait are expired by this time, ms by the host's clock.
    pub(super) now: u64,
    /// Those that were decided before this time are removed.
    pub(super) decided_before: u64,
}

impl OldConfirmations {
    /// Whether a confirmation changes or goes.
    pub(super) fn has(&self, stored: &StoredConfirmation) -> bool {
        stored.state_at(self.now) != stored.state || self.is_removed(stored)
    }

    /// Whether a confirmation goes, unless it is the newest.
    pub(super) fn is_removed(&self, stored: &StoredConfirmation) -> bool {
        stored.decided_at.is_some_and(|at| at < self.decided_before)
    }
}

/// Writes confirmations. Each call is one transaction.
pub(super) trait ConfirmationWrites: Send {
    /// Stores a received confirmation, if it is to wait.
    fn store_confirmation(
        &mut self,
        new: &NewConfirmation,
    ) -> impl Future<Output = Result<ConfirmationReceipt, DbError>> + Send;

    /// Rejects a confirmation, or notes that its URL is opened. Both only while it waits.
    fn decide_confirmation(
        &mut self,
        change: &ConfirmationChange,
    ) -> impl Future<Output = Result<ConfirmationDecision, DbError>> + Send;

    /// Stores what came of an opening. `None` if the confirmation is not there any more.
    fn end_confirmation(
        &mut self,
        opened: &OpenedConfirmation,
    ) -> impl Future<Output = Result<Option<StoredConfirmation>, DbError>> + Send;

    /// Marks those that expired, and removes old ones. The newest row stays, so that no number is used twice. It costs no
    /// `fsync`.
    fn prune_confirmations(
        &mut self,
        old: OldConfirmations,
    ) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// Reads confirmations.
pub(super) trait ConfirmationReads: Send + Sync {
    /// Up to `limit` confirmations, of one source or of all, the newest first.
    fn confirmations<'a>(
        &'a self,
        source: Option<&'a str>,
        limit: u32,
    ) -> Answer<'a, Vec<StoredConfirmation>>;
}
