//! The implementation of `SearchReads`, gathered from the files of each subject.

use sqlx::Row as _;

use super::event_changes;
use super::reader::Reader;
use super::values::{digest_of, unsigned};
use crate::db::search::SearchSettings;
use crate::db::search::reads::{
    ChangeRange, DocumentPage, DocumentScope, EventChange, ReadLane, SearchReads,
};
use crate::db::types::{Answer, InMemoryState};
use crate::db::view::EventSummary;
use crate::event::Digest;

impl SearchReads for Reader {
    fn documents<'a>(
        &'a self,
        lane: ReadLane,
        scope: DocumentScope<'a>,
        limit: u32,
        settings: &'a SearchSettings,
    ) -> Answer<'a, DocumentPage> {
        Box::pin(self.documents(lane, scope, limit, settings))
    }

    fn summaries<'a>(
        &'a self,
        numbers: &'a [i64],
        memory: &'a InMemoryState,
    ) -> Answer<'a, Vec<(i64, EventSummary)>> {
        Box::pin(self.summaries(numbers, memory))
    }

    fn event_changes(&self, lane: ReadLane, after: i64, limit: u32) -> Answer<'_, Vec<EventChange>> {
        Box::pin(event_changes::after(self.pool_of(lane), after, limit))
    }

    fn change_range(&self, lane: ReadLane) -> Answer<'_, ChangeRange> {
        Box::pin(event_changes::range(self.pool_of(lane)))
    }

    fn identity(&self, number: i64) -> Answer<'_, Option<(Digest, u64)>> {
        Box::pin(async move {
            let sql = "SELECT digest, received_at FROM idempotency_key WHERE event_seq = ?";
            let query = sqlx::query(sql).bind(number);
            let row = query.fetch_optional(self.pool_of(ReadLane::Follower)).await?;
            row.map(|row| Ok((digest_of(&row, 0)?, unsigned(row.try_get(1)?)))).transpose()
        })
    }

    fn newest(&self, lane: ReadLane) -> Answer<'_, i64> {
        Box::pin(async move {
            let query = sqlx::query_scalar("SELECT max(seq) FROM event");
            let newest: Option<i64> = query.fetch_one(self.pool_of(lane)).await?;
            Ok(newest.unwrap_or(0))
        })
    }
}
