//! Reads for search in memory.

use super::reads::{MemoryReads, answer};
use super::tables::{StoredCause, Tables};
use crate::db::search::SearchSettings;
use crate::db::search::reads::{
    ChangeRange, DocumentPage, DocumentScope, EventChange, ReadLane, SearchReads,
};
use crate::db::search::terms::{Document, EventParts, IndexedField};
use crate::db::types::{Answer, InMemoryState};
use crate::db::view::EventSummary;
use crate::event::{Digest, Event};

impl Tables {
    fn document(&self, number: i64, event: &Event, settings: &SearchSettings) -> Document {
        let mut document = Document::of(
            &EventParts {
                number,
                source: event.source.as_str(),
                id: &event.id,
                event_type: &event.event_type,
                received_at: event.received_at,
                ordering_key: event.ordering_key.as_deref(),
                body: &event.body,
            },
            settings,
        );
        if let Some(by) = event.origin.and_then(|origin| self.events.get(&origin.event)) {
            document.add(IndexedField::CausedBy, &by.id, settings);
        }
        for (_, stored) in self.of_event(number) {
            document.add(IndexedField::Plugin, stored.plugin.as_str(), settings);
            if let Some(StoredCause { replay, .. }) = stored.replayed {
                document.add(IndexedField::Replay, &replay.to_string(), settings);
            }
            for failure in stored.attempts.iter().filter_map(|attempt| attempt.failure.as_ref()) {
                let outcome = serde_json::json!(failure.outcome);
                document.add(IndexedField::Outcome, outcome.as_str().unwrap_or_default(), settings);
                document.add_reason(event.source.as_str(), &failure.reason, settings);
            }
        }
        document
    }
}

impl SearchReads for MemoryReads {
    fn documents<'a>(
        &'a self,
        _lane: ReadLane,
        scope: DocumentScope<'a>,
        limit: u32,
        settings: &'a SearchSettings,
    ) -> Answer<'a, DocumentPage> {
        let tables = self.0.tables();
        let limit = limit as usize;
        let document =
            |(number, event): (&i64, &std::sync::Arc<Event>)| tables.document(*number, event, settings);
        let documents: Vec<_> = match scope {
            DocumentScope::After(after) => {
                tables.events.range(after + 1..).take(limit).map(document).collect()
            }
            DocumentScope::Between(after, before) => {
                tables.events.range((after + 1).min(before)..before).rev().take(limit).map(document).collect()
            }
            DocumentScope::These(numbers) => {
                let found = numbers.iter().filter_map(|number| tables.events.get_key_value(number));
                found.take(limit).map(document).collect()
            }
        };
        let more = documents.len() >= limit;
        answer(DocumentPage { documents, more })
    }

    fn summaries<'a>(
        &'a self,
        numbers: &'a [i64],
        memory: &'a InMemoryState,
    ) -> Answer<'a, Vec<(i64, EventSummary)>> {
        let tables = self.0.tables();
        let found = numbers.iter().filter_map(|number| tables.events.get_key_value(number));
        answer(found.map(|(number, event)| (*number, tables.event_summary(*number, event, memory))).collect())
    }

    fn event_changes(&self, _lane: ReadLane, after: i64, limit: u32) -> Answer<'_, Vec<EventChange>> {
        let tables = self.0.tables();
        let changes = tables.changes.range(after + 1..).take(limit as usize);
        answer(
            changes
                .map(|(number, (first, last))| EventChange { number: *number, first: *first, last: *last })
                .collect(),
        )
    }

    fn change_range(&self, _lane: ReadLane) -> Answer<'_, ChangeRange> {
        let tables = self.0.tables();
        let (first, last) = (tables.changes.keys().next(), tables.changes.keys().next_back());
        answer(ChangeRange { first: first.copied().unwrap_or(0), last: last.copied().unwrap_or(0) })
    }

    fn identity(&self, number: i64) -> Answer<'_, Option<(Digest, u64)>> {
        let tables = self.0.tables();
        answer(tables.keys.get(&number).map(|key| (key.digest, key.received_at)))
    }

    fn newest(&self, _lane: ReadLane) -> Answer<'_, i64> {
        answer(self.0.tables().events.keys().next_back().copied().unwrap_or(0))
    }
}
