//! Tokens and the audit log in memory.

use super::MemoryDatabase;
use super::tables::Tables;
use crate::audit::{Decision, Entry, Head, Record};
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::types::{DbError, REVOKED_TOKENS_MAX, TokenCreation};
use crate::event::now_ms;
use crate::token::{FIRST_TOKEN, NewToken, StoredToken};

impl MemoryDatabase {
    /// Changes the tables by a decision, and appends its record.
    pub(super) fn decide<T>(
        &self,
        by: &Decision,
        change: impl FnOnce(&mut Tables) -> DecisionOutcome<T>,
    ) -> Result<T, DbError> {
        let mut tables = self.tables();
        tables.check_token(by.token, &by.actor.name)?;
        let DecisionOutcome { value, record } = change(&mut tables);
        if let Some(record) = record {
            tables.append(&record);
        }
        Ok(value)
    }
}

impl Tables {
    /// Refuses a decision of a token that was revoked.
    pub(super) fn check_token(&self, token: Option<i64>, name: &str) -> Result<(), DbError> {
        let is_valid = |id: i64| self.tokens.iter().any(|token| token.id == id && token.revoked_at.is_none());
        if token.is_none_or(is_valid) { Ok(()) } else { Err(DbError::Revoked(name.into())) }
    }

    pub(super) fn audit_head(&self) -> Head {
        self.audit.last().map(Entry::as_head).unwrap_or_default()
    }

    pub(super) fn append(&mut self, record: &Record) {
        let mut record = record.clone();
        if record.is_observation() {
            let is_same = |entry: &&Entry| entry.action == record.action() && entry.target == record.target();
            let last = self.audit.iter().rev().find(is_same).and_then(|entry| entry.after.as_deref());
            let Some(changed) = record.since(last) else { return };
            record = changed;
        }
        let entry = Entry::seal(&self.audit_head(), now_ms(), &record);
        self.insert_keyed(&record, &entry);
        self.audit.push(entry);
    }

    pub(super) fn create_token(
        &mut self,
        new: &NewToken,
        tokens_max: u32,
        by: &Decision,
    ) -> DecisionOutcome<TokenCreation> {
        let now = now_ms();
        let valid: Vec<_> = self.tokens.iter().filter(|token| token.ended_at(now).is_none()).collect();
        if let Some(taken) = valid.iter().find(|taken| taken.token.name == new.name) {
            return DecisionOutcome::new(TokenCreation::NameTaken(Box::new((*taken).clone())), None);
        }
        if valid.len() >= tokens_max as usize {
            return DecisionOutcome::new(TokenCreation::Full, None);
        }
        // An expired token leaves its name.
        if let Some(record) = self.revoke_token(new.name.as_str(), by).record {
            self.append(&record);
        }
        let made = self.insert_token(new, &by.actor.name);
        let mut revocations: Vec<_> =
            self.tokens.iter().filter_map(|stored| Some((stored.ended_at(now)?, stored.id))).collect();
        revocations.sort_unstable_by(|a, b| b.cmp(a));
        let old = revocations.get(REVOKED_TOKENS_MAX as usize..).unwrap_or_default();
        self.tokens.retain(|token| {
            token.token.name.as_str() == FIRST_TOKEN || !old.iter().any(|(_, id)| *id == token.id)
        });
        DecisionOutcome::new(TokenCreation::Created(Box::new(made)), decisions::create_token(by, new))
    }

    pub(super) fn revoke_token(&mut self, name: &str, by: &Decision) -> DecisionOutcome<bool> {
        let mut valid = self.tokens.iter_mut().filter(|token| token.revoked_at.is_none());
        let Some(found) = valid.find(|token| token.token.name.as_str() == name) else {
            return DecisionOutcome::new(false, None);
        };
        found.revoked_at = Some(now_ms());
        DecisionOutcome::new(true, decisions::revoke_token(by, name, Some(&found.token)))
    }

    pub(super) fn keep_first_token(&mut self, new: &NewToken) {
        if self.tokens.iter().any(|token| token.token.hash == new.hash) {
            return;
        }
        let by = Decision::of_host();
        if let Some(record) = self.revoke_token(new.name.as_str(), &by).record {
            self.append(&record);
        }
        self.insert_token(new, &by.actor.name);
        self.append(&decisions::create_token(&by, new));
    }

    pub(super) fn note_token_uses(&mut self, uses: &[(i64, u64)]) {
        for stored in &mut self.tokens {
            let noted = uses.iter().find(|(id, _)| *id == stored.id).map(|(_, at)| *at);
            stored.used_at = stored.used_at.max(noted);
        }
    }

    fn insert_token(&mut self, new: &NewToken, created_by: &str) -> StoredToken {
        let id = self.tokens.iter().map(|token| token.id).max().unwrap_or(0) + 1;
        let stored = StoredToken {
            id,
            token: new.clone(),
            created_at: now_ms(),
            created_by: created_by.into(),
            used_at: None,
            revoked_at: None,
        };
        self.tokens.push(stored.clone());
        stored
    }
}
