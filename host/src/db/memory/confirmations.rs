//! Confirmations that operators decide about, in memory.

use super::reads::{MemoryReads, answer};
use super::storage::MemoryStorage;
use super::tables::Tables;
use crate::confirmation::{
    ConfirmationDecision, ConfirmationReceipt, ConfirmationState, NewConfirmation, StoredConfirmation, judge,
};
use crate::db::confirmation_types::{
    ConfirmationChange, ConfirmationReads, ConfirmationWrites, OldConfirmations, OpenedConfirmation,
    UNFINISHED,
};
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::types::{Answer, DbError};

impl Tables {
    fn expire_confirmations(&mut self, now: u64) {
        for one in &mut self.confirmations {
            if one.state_at(now) != one.state {
                (one.state, one.decided_at) = (ConfirmationState::Expired, Some(one.expires_at()));
            }
        }
    }

    fn store_confirmation(&mut self, new: &NewConfirmation) -> ConfirmationReceipt {
        self.expire_confirmations(new.received_at);
        let of_source = self.confirmations.iter().filter(|one| one.request.source == new.source);
        let (receipt, place) = judge(&of_source.cloned().collect::<Vec<_>>(), new);
        match receipt {
            ConfirmationReceipt::Stored => {
                let last = self.confirmations.iter().map(|one| one.id).max().unwrap_or(0);
                self.confirmations.push(StoredConfirmation::waiting(last + 1, new.clone()));
            }
            ConfirmationReceipt::Renewed => {
                let renewed = self.confirmations.iter_mut().filter(|one| Some(one.id) == place);
                renewed.for_each(|one| *one = StoredConfirmation::waiting(one.id, new.clone()));
            }
            ConfirmationReceipt::Repeated | ConfirmationReceipt::Full => {}
        }
        receipt
    }

    fn decide_confirmation(&mut self, change: &ConfirmationChange) -> DecisionOutcome<ConfirmationDecision> {
        let ConfirmationChange { source, id, is_approved, at, by } = change;
        let mut all = self.confirmations.iter_mut();
        let Some(found) = all.find(|one| one.id == *id && one.request.source.as_str() == source) else {
            return DecisionOutcome::new(ConfirmationDecision::Unknown, None);
        };
        let state = found.state_at(*at);
        if state != ConfirmationState::Waiting {
            return DecisionOutcome::new(ConfirmationDecision::NotWaiting(state), None);
        }
        if *is_approved {
            (found.opened_at, found.failure) = (Some(*at), Some(UNFINISHED.into()));
        } else {
            found.state = ConfirmationState::Rejected;
            (found.decided_at, found.decided_by) = (Some(*at), Some(by.actor.name.clone()));
        }
        let record = decisions::decide_confirmation(change, &found.request.topic);
        DecisionOutcome::new(ConfirmationDecision::Decided(Box::new(found.clone())), record)
    }

    fn end_confirmation(&mut self, opened: &OpenedConfirmation) -> Option<StoredConfirmation> {
        let found = self.confirmations.iter_mut().find(|one| one.id == opened.id)?;
        match &opened.result {
            Ok(subscription) => {
                (found.state, found.failure) = (ConfirmationState::Confirmed, None);
                found.subscription.clone_from(subscription);
                (found.decided_at, found.decided_by) = (Some(opened.at), Some(opened.by.clone()));
            }
            Err(failure) if found.state == ConfirmationState::Waiting && found.request.url == opened.url => {
                found.failure = Some(failure.clone());
            }
            Err(_) => {}
        }
        Some(found.clone())
    }
}

impl ConfirmationWrites for MemoryStorage {
    async fn store_confirmation(&mut self, new: &NewConfirmation) -> Result<ConfirmationReceipt, DbError> {
        Ok(self.database.tables().store_confirmation(new))
    }

    async fn decide_confirmation(
        &mut self,
        change: &ConfirmationChange,
    ) -> Result<ConfirmationDecision, DbError> {
        self.database.decide(&change.by, |tables| tables.decide_confirmation(change))
    }

    async fn end_confirmation(
        &mut self,
        opened: &OpenedConfirmation,
    ) -> Result<Option<StoredConfirmation>, DbError> {
        let mut tables = self.database.tables();
        let stored = tables.end_confirmation(opened);
        if let Some(stored) = &stored {
            tables.append(&decisions::end_confirmation(opened, stored));
        }
        Ok(stored)
    }

    async fn prune_confirmations(&mut self, old: OldConfirmations) -> Result<(), DbError> {
        let mut tables = self.database.tables();
        tables.expire_confirmations(old.now);
        let newest = tables.confirmations.iter().map(|one| one.id).max();
        tables.confirmations.retain(|one| Some(one.id) == newest || !old.is_removed(one));
        Ok(())
    }
}

impl ConfirmationReads for MemoryReads {
    fn confirmations<'a>(
        &'a self,
        source: Option<&'a str>,
        limit: u32,
    ) -> Answer<'a, Vec<StoredConfirmation>> {
        let tables = self.0.tables();
        let newest = tables.confirmations.iter().rev();
        let of_source =
            newest.filter(|one| source.is_none_or(|source| one.request.source.as_str() == source));
        answer(of_source.take(limit as usize).cloned().collect())
    }
}
