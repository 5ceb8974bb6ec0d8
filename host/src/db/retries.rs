//! Waiting deliveries that are made due before their time, for an operator or for a new revision.

use super::handle::Db;
use super::types::{DbError, DueCause, DueChange, WaitingFilter};
use super::writer::inbox::{Operation, Request};
use crate::audit::{self, BulkDecision, Decision};
use crate::clock;
use crate::delivery::DeliveryId;
use crate::event::{Digest, PluginName};
use crate::failpoint::{self, Point};
use crate::replay::Selection;

/// Deliveries that one transaction makes due: a few milliseconds of the writer's time.
const PAGE: usize = 500;
/// Most deliveries that are found at once, and that one request makes due. Their ids are in memory meanwhile.
const RETRIED_MAX: usize = 100_000;

/// How many deliveries a filter found, and how many of them still waited when they were made due.
struct MadeDue {
    found: usize,
    changed: u64,
}

impl Db {
    /// Counts the waiting deliveries of a selection.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn count_waiting(&self, selection: Selection) -> Result<u64, DbError> {
        let filter = WaitingFilter { selection, failed_before: None, due_after: clock::now_ms() };
        self.inner.reads.count_waiting(&filter).await
    }

    /// Makes waiting deliveries of a selection due, each once, and at most 100,000. They run unless they are held.
    /// Returns their number.
    ///
    /// # Errors
    /// [`DbError::Unavailable`]; some may be due then.
    pub async fn retry(&self, selection: Selection, by: Decision) -> Result<u64, DbError> {
        let filter = audit::describe_selection(&selection);
        let by = BulkDecision::new(by, "delivery.retry", "deliveries", filter);
        Ok(self.make_due(selection, None, Some(by)).await?.changed)
    }

    /// Makes the waiting deliveries of a plugin due whose last attempt ran another revision than this one, and
    /// records when all of them are. Returns their number. It can be repeated.
    ///
    /// # Errors
    /// [`DbError::Unavailable`]; some may be due then.
    pub async fn retry_on_revision(&self, plugin: &PluginName, revision: Digest) -> Result<u64, DbError> {
        let selection = Selection { plugin: Some(plugin.to_string()), ..Selection::default() };
        let mut changed = 0;
        // Attempts on the old revision that ended before now are committed with this: the query finds them.
        let at = clock::now_ms();
        let cause = DueCause::NewRevision { retried: None };
        self.change_due(DueChange { ids: Vec::new(), at, cause }).await?;
        loop {
            // Those that were made due, or that failed on this revision meanwhile, are not found again.
            let made = self.make_due(selection.clone(), Some(revision), None).await?;
            changed += made.changed;
            if made.found < RETRIED_MAX {
                break;
            }
        }
        let cause = DueCause::NewRevision { retried: Some((plugin.clone(), revision)) };
        self.change_due(DueChange { ids: Vec::new(), at: clock::now_ms(), cause }).await?;
        Ok(changed)
    }

    /// The revisions for which [`Db::retry_on_revision`] was done: the last one of each plugin.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn retried_revisions(&self) -> Result<Vec<(PluginName, Digest)>, DbError> {
        self.inner.reads.retried_revisions().await
    }

    async fn make_due(
        &self,
        selection: Selection,
        failed_before: Option<Digest>,
        mut by: Option<BulkDecision>,
    ) -> Result<MadeDue, DbError> {
        let at = clock::now_ms();
        let filter = WaitingFilter { selection, failed_before, due_after: at };
        // All ids are read before any delivery is due: one that fails again meanwhile is not found again.
        let ids: Vec<DeliveryId> = self.inner.reads.waiting(&filter, RETRIED_MAX).await?;
        let mut changed = 0;
        let mut pages: Vec<_> = ids.chunks(PAGE).map(<[_]>::to_vec).collect();
        if pages.is_empty() && by.is_some() {
            // An operator's decision about nothing is recorded too.
            pages.push(Vec::new());
        }
        let last = pages.len();
        for (number, ids) in (1..).zip(pages) {
            failpoint::pass(Point::DueStep);
            let cause = match &by {
                Some(by) => DueCause::Operator { by: Box::new(by.clone()), is_last: number == last },
                None => DueCause::NewRevision { retried: None },
            };
            let due = match self.change_due(DueChange { ids, at, cause }).await {
                Ok(due) => due,
                Err(error) => {
                    self.record_failed(by.as_ref()).await;
                    return Err(error);
                }
            };
            changed += due.len() as u64;
            by = by.map(|by| by.after(due));
        }
        Ok(MadeDue { found: ids.len(), changed })
    }

    /// Records a decision that ended with an error after some of its transactions. Without a database the log says
    /// that it has begun only.
    pub(super) async fn record_failed(&self, by: Option<&BulkDecision>) {
        let record = by.and_then(BulkDecision::record_failure);
        if self.record(record.into_iter().collect()).await.is_err() {
            tracing::warn!(
                "the audit log says only that a decision has begun, and not how many rows it changed"
            );
        }
    }

    async fn change_due(&self, change: DueChange) -> Result<Vec<DeliveryId>, DbError> {
        self.ask(|reply| Request::Operate(Operation::MakeDue { change, reply })).await
    }
}
