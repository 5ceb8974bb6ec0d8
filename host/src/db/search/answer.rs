//! Answers a search: from the index as far as it is, and from the events that are newer.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::lookup::{Candidates, IndexPosition};
use super::query::{Query, SearchFilter};
use super::reads::{DocumentPage, DocumentScope, ReadLane};
use super::settings::SearchSettings;
use super::state::IndexStatus;
use super::terms::{Document, IndexedField};
use crate::db::handle::Db;
use crate::db::sqlite::search_index::Find;
use crate::db::types::DbError;
use crate::db::view::EventSummary;

/// Candidates that are compared at once.
const CHUNK: u32 = 200;
/// Candidates that are compared for one page. A page may be short although more follow.
const COMPARED_MAX: usize = 5000;
/// A page ends when it has taken so long. Pages of a frequent text with a rare condition are short.
const TIME_MAX: Duration = Duration::from_millis(150);
/// Changes of indexed events that are read because the index does not have them yet.
const CHANGES_MAX: u32 = 1000;

/// A page of a search, the newest event first.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// The events. A page may be short although more follow.
    pub events: Vec<EventSummary>,
    /// The start of the next page; absent on the last.
    pub next: Option<i64>,
    /// Whether no event was left out because the index is behind.
    pub is_complete: bool,
    /// All events up to this number are in the index.
    pub indexed_through: i64,
}

/// A page that is being filled.
struct Filling<'a> {
    db: &'a Db,
    query: Query<'a>,
    settings: &'a SearchSettings,
    limit: usize,
    found: Vec<(i64, EventSummary)>,
    compared: usize,
    began: Instant,
}

impl Db {
    /// A page of a search, the newest event first. `cursor` is the last page's `next`. Only terms of fields that
    /// `is_visible` allows find an event.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn search(
        &self,
        filter: &SearchFilter,
        is_visible: &(dyn Fn(&IndexedField) -> bool + Send + Sync),
        cursor: Option<i64>,
        limit: u32,
    ) -> Result<SearchPage, DbError> {
        let state = &self.inner.search;
        let settings = state.settings.load_full();
        let index = state.usable();
        // Read first: what comes into the index after this is only found twice.
        let at = index.as_ref().map(|index| index.position()).unwrap_or_default();
        let limit = limit.max(1) as usize;
        let query = Query::new(filter, &settings, is_visible);
        let mut page = Filling {
            db: self,
            query,
            settings: &settings,
            limit,
            found: Vec::new(),
            compared: 0,
            began: Instant::now(),
        };
        let before = cursor.unwrap_or(i64::MAX);

        let (newer, newer_rest) = page.scan_newer(at, before).await?;
        let mut is_complete = newer;
        let mut next = newer_rest;
        if next.is_none() {
            let (changed, all_changes) = page.changed_events(at).await?;
            is_complete &= all_changes;
            let mut before = before.min(at.through.saturating_add(1));
            loop {
                let found = match &index {
                    Some(index) => {
                        let lookups = page.query.lookups();
                        let (received, is_visible) = (page.query.received, page.query.visibility());
                        let find =
                            Find { lookups: &lookups, is_visible, received, before, limit: CHUNK as usize };
                        index.find(&find).await?
                    }
                    None => Candidates::default(),
                };
                let read_to = found.read_to;
                let more = changed.range(read_to.unwrap_or(0)..before).copied();
                let candidates: BTreeSet<_> = found.events.into_iter().chain(more).collect();
                next = page.compare(candidates.into_iter().rev().collect()).await?;
                let Some(read_to) = read_to.filter(|_| next.is_none()) else { break };
                before = read_to;
                if page.is_spent() {
                    next = Some(read_to);
                    break;
                }
            }
        }
        let events = page.found.into_iter().map(|(_, event)| event).collect();
        Ok(SearchPage { events, next, is_complete, indexed_through: at.through })
    }

    /// Whether a list by type or source is better read by the index: it has nearly all events, and
    /// a rare type is found without reading all other events.
    #[must_use]
    pub fn prefers_index(&self, filter: &SearchFilter) -> bool {
        let status = self.index_status();
        let scan_max_events = self.inner.search.settings.load().scan_max_events;
        let is_near =
            status.is_on && status.problem.is_none() && status.lag_events < u64::from(scan_max_events) / 2;
        is_near && filter.state.is_none() && (filter.event_type.is_some() || filter.source.is_some())
    }

    /// How far the search index is.
    #[must_use]
    pub fn index_status(&self) -> IndexStatus {
        self.inner.search.status()
    }
}

impl Filling<'_> {
    /// Whether this page has taken enough time.
    fn is_spent(&self) -> bool {
        self.compared >= COMPARED_MAX || self.began.elapsed() >= TIME_MAX
    }

    /// Compares the events that the index does not have. Returns whether it compared all of them, and where to go on if
    /// the page is full.
    async fn scan_newer(&mut self, at: IndexPosition, before: i64) -> Result<(bool, Option<i64>), DbError> {
        let reads = &self.db.inner.reads;
        let (mut before, mut left) = (before, self.settings.scan_max_events);
        while before > at.through.saturating_add(1) {
            if left == 0 {
                return Ok((false, None));
            }
            let scope = DocumentScope::Between(at.through, before);
            let limit = left.min(CHUNK);
            let page = reads.documents(ReadLane::Answer, scope, limit, self.settings).await?;
            let DocumentPage { documents, more } = page;
            let Some(last) = documents.last().map(|document| document.number) else { break };
            before = last;
            left = left.saturating_sub(u32::try_from(documents.len()).unwrap_or(u32::MAX));
            if let Some(next) = self.take(&documents).await? {
                return Ok((true, Some(next)));
            }
            if !more {
                break;
            }
        }
        Ok((true, None))
    }

    /// Indexed events with changes that the index does not have, and whether these are all.
    async fn changed_events(&self, at: IndexPosition) -> Result<(BTreeSet<i64>, bool), DbError> {
        let reads = &self.db.inner.reads;
        let changes = reads.event_changes(ReadLane::Answer, at.changes, CHANGES_MAX).await?;
        let is_all = changes.len() < CHANGES_MAX as usize;
        // A change of several events takes terms away. What the index proposes is compared in any case.
        let events = changes.iter().filter(|change| change.first == change.last).map(|change| change.first);
        Ok((events.filter(|event| *event <= at.through).collect(), is_all))
    }

    /// Compares candidates, in this order. Returns where to go on if the page is full or has taken enough time.
    async fn compare(&mut self, candidates: Vec<i64>) -> Result<Option<i64>, DbError> {
        let mut candidates = VecDeque::from(candidates);
        while !candidates.is_empty() {
            let chunk: Vec<_> = candidates.drain(..candidates.len().min(CHUNK as usize)).collect();
            let mut documents = self.documents(&chunk).await?;
            documents.reverse();
            if let Some(next) = self.take(&documents).await? {
                return Ok(Some(next));
            }
            if self.is_spent() && !candidates.is_empty() {
                return Ok(chunk.last().copied());
            }
        }
        Ok(None)
    }

    /// All of these events, in ascending order.
    async fn documents(&self, numbers: &[i64]) -> Result<Vec<Document>, DbError> {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        let (mut all, mut rest) = (Vec::with_capacity(numbers.len()), numbers.as_slice());
        loop {
            let scope = DocumentScope::These(rest);
            let reads = &self.db.inner.reads;
            let page = reads.documents(ReadLane::Answer, scope, CHUNK + 1, self.settings).await?;
            let last = page.documents.last().map(|document| document.number);
            all.extend(page.documents);
            let Some(last) = last.filter(|_| page.more) else { return Ok(all) };
            rest = &rest[rest.partition_point(|number| *number <= last)..];
        }
    }

    /// Takes the events that the search finds, in this order. Returns where to go on if the page is full.
    async fn take(&mut self, documents: &[Document]) -> Result<Option<i64>, DbError> {
        self.compared += documents.len();
        let matching = documents.iter().filter(|document| self.query.matches(document));
        let numbers: Vec<_> = matching.map(|document| document.number).collect();
        if numbers.is_empty() {
            return Ok(None);
        }
        let memory = self.db.inner.shared.snapshot();
        let mut summaries = self.db.inner.reads.summaries(&numbers, &memory).await?;
        summaries.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        summaries.retain(|(_, event)| self.query.fits(event));
        for summary in summaries {
            self.found.push(summary);
            if self.found.len() >= self.limit {
                return Ok(self.found.last().map(|(number, _)| *number));
            }
        }
        Ok(None)
    }
}
