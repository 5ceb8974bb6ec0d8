//! Sessions of the pages in memory.

use super::reads::{MemoryReads, answer};
use super::storage::MemoryStorage;
use super::tables::Tables;
use crate::audit::Decision;
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::page_types::{PageReads, RecentAttempt, Rotation, SessionCreation, SessionWrites};
use crate::db::types::{Answer, DbError};
use crate::event::{PluginName, now_ms};
use crate::token::{NewSession, SessionLimits, SessionUse, StoredSession};

impl Tables {
    fn create_session(
        &mut self,
        new: &NewSession,
        limits: SessionLimits,
        by: &Decision,
    ) -> DecisionOutcome<SessionCreation> {
        let (now, last) = (new.created_at, self.sessions.iter().map(|session| session.id).max().unwrap_or(0));
        let valid: Vec<_> =
            self.tokens.iter().filter(|token| token.revoked_at.is_none()).map(|token| token.id).collect();
        let is_over = |session: &StoredSession| {
            session.end(0, now, limits.idle_ms).is_some() || !valid.contains(&session.session.token)
        };
        self.sessions.retain(|session| session.id == last || !is_over(session));
        let mut own: Vec<_> =
            self.sessions.iter().filter(|session| session.session.token == new.token).collect();
        own.retain(|session| session.revoked_at.is_none());
        own.sort_by_key(|session| std::cmp::Reverse((session.used_at, session.id)));
        let surplus: Vec<_> =
            own.iter().skip(limits.per_token_max.max(1) as usize - 1).map(|session| session.id).collect();
        for id in surplus {
            if let Some(record) = self.revoke_session(id, by).record {
                self.append(&record.result("too many of this token"));
            }
        }
        let count =
            self.sessions.iter().filter(|session| session.end(0, now, limits.idle_ms).is_none()).count();
        if count >= limits.all_max as usize {
            return DecisionOutcome::new(SessionCreation::Full, None);
        }
        let id = last + 1;
        let (rotated_at, used_at) = (now, now);
        let session = new.clone();
        self.sessions.push(StoredSession {
            id,
            session,
            previous: None,
            rotated_at,
            used_at,
            revoked_at: None,
        });
        DecisionOutcome::new(SessionCreation::Created(id), decisions::create_session(by, id, new))
    }

    fn revoke_session(&mut self, id: i64, by: &Decision) -> DecisionOutcome<bool> {
        let mut valid = self.sessions.iter_mut().filter(|session| session.revoked_at.is_none());
        let Some(found) = valid.find(|session| session.id == id) else {
            return DecisionOutcome::new(false, None);
        };
        found.revoked_at = Some(now_ms());
        DecisionOutcome::new(true, decisions::revoke_session(by, id))
    }
}

impl SessionWrites for MemoryStorage {
    async fn create_session(
        &mut self,
        new: &NewSession,
        limits: SessionLimits,
        by: &Decision,
    ) -> Result<SessionCreation, DbError> {
        self.database.decide(by, |tables| tables.create_session(new, limits, by))
    }

    async fn revoke_session(&mut self, id: i64, by: &Decision) -> Result<bool, DbError> {
        self.database.decide(by, |tables| tables.revoke_session(id, by))
    }

    async fn rotate_session(&mut self, rotation: &Rotation) -> Result<bool, DbError> {
        let Rotation { id, presented, rotated_at, hash, at } = *rotation;
        let mut tables = self.database.tables();
        let mut valid = tables.sessions.iter_mut().filter(|session| session.revoked_at.is_none());
        let Some(found) = valid.find(|session| {
            let is_its = session.session.hash == presented || session.previous == Some(presented);
            session.id == id && is_its && session.rotated_at == rotated_at
        }) else {
            return Ok(false);
        };
        (found.session.hash, found.previous, found.rotated_at) = (hash, Some(presented), at);
        Ok(true)
    }

    async fn note_session_uses(&mut self, uses: &[SessionUse]) -> Result<(), DbError> {
        let mut tables = self.database.tables();
        for session in &mut tables.sessions {
            if let Some(noted) = uses.iter().find(|noted| noted.id == session.id) {
                session.used_at = session.used_at.max(noted.at);
                if noted.is_confirmed {
                    session.previous = None;
                }
            }
        }
        Ok(())
    }
}

impl PageReads for MemoryReads {
    fn sessions(&self) -> Answer<'_, Vec<StoredSession>> {
        answer(self.0.tables().sessions.clone())
    }

    fn oldest_open(&self) -> Answer<'_, Option<u64>> {
        let tables = self.0.tables();
        let mut open = tables.deliveries.iter().filter(|(_, stored)| stored.standing.is_open());
        let oldest = open.next().and_then(|(id, _)| tables.events.get(&id.event));
        answer(oldest.map(|event| event.received_at))
    }

    fn recent_attempts<'a>(
        &'a self,
        plugin: &'a PluginName,
        events: u32,
        limit: u32,
    ) -> Answer<'a, Vec<RecentAttempt>> {
        let tables = self.0.tables();
        let newest = tables.events.keys().next_back().copied().unwrap_or(0);
        let oldest = newest.saturating_sub(i64::from(events));
        let recent = tables
            .deliveries
            .iter()
            .rev()
            .filter(|(id, stored)| id.event > oldest && stored.plugin == *plugin);
        let attempts = recent.flat_map(|(_, stored)| stored.attempts.iter().rev()).map(|of| RecentAttempt {
            started_at: of.started_at,
            outcome: of.outcome(),
            duration_us: of.duration_us,
            peak_memory_bytes: of.peak_memory_bytes,
        });
        answer(attempts.take(limit as usize).collect())
    }
}
