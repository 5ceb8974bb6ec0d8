//! Finds candidates in the index, the newest first.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sqlx::QueryBuilder;
use sqlx::sqlite::Sqlite;

use super::{PART_BITS, SearchIndex, part_of};
use crate::db::search::{Candidates, IsVisible, Lookup, LookupRange, ReceivedRange};
use crate::db::sqlite::values::integer;

/// Most rows that one call reads, about: a search for something frequent and something rare goes on with the next call.
const ROWS_MAX: usize = 200_000;
/// A call ends after the part in which it has taken so long.
const TIME_MAX: Duration = Duration::from_millis(100);
/// Most parts that one call reads.
const PARTS_MAX: u32 = 4096;
/// With so few events, further lookups are left to the comparison with the events themselves.
const FEW: usize = 512;
/// Greater than every text that begins with what stands before it: the last character.
const LAST: char = '\u{10ffff}';

/// What to look for.
pub(in crate::db) struct Find<'a> {
    /// All of these must find an event. One that finds few should be first.
    pub(in crate::db) lookups: &'a [Lookup],
    pub(in crate::db) is_visible: IsVisible<'a>,
    pub(in crate::db) received: ReceivedRange,
    /// Only events before this one.
    pub(in crate::db) before: i64,
    /// Candidates that are enough.
    pub(in crate::db) limit: usize,
}

/// A lookup with the numbers of its fields.
struct Resolved<'a> {
    ranges: &'a [LookupRange],
    fields: Vec<i64>,
}

impl Resolved<'_> {
    /// Whether its events can be read in their order: those of a single text in a single field.
    fn is_ordered(&self) -> bool {
        matches!(self.ranges, [LookupRange::Exact(_)]) && self.fields.len() == 1
    }
}

impl SearchIndex {
    /// Events that all lookups find. More may follow down from where it stopped.
    pub(in crate::db) async fn find(&self, find: &Find<'_>) -> Result<Candidates, sqlx::Error> {
        let found = self.find_in_parts(find).await;
        self.note(found)
    }

    async fn find_in_parts(&self, find: &Find<'_>) -> Result<Candidates, sqlx::Error> {
        let lookups: Vec<_> =
            find.lookups.iter().map(|lookup| self.resolve(lookup, find.is_visible)).collect();
        let mut candidates = Candidates::default();
        if lookups.iter().any(|lookup| lookup.fields.is_empty()) {
            return Ok(candidates);
        }
        let sql = "SELECT part FROM part WHERE part <= ? AND received_last >= ? AND received_first < ?
            ORDER BY part DESC LIMIT ?";
        let query = sqlx::query_scalar(sql).bind(part_of(find.before.saturating_sub(1)));
        let query = query.bind(integer(find.received.since)).bind(integer(find.received.until));
        let parts: Vec<i64> = query.bind(PARTS_MAX).fetch_all(&self.pool).await?;
        let (mut rows, began) = (0, Instant::now());
        for part in &parts {
            let wanted = find.limit - candidates.events.len();
            let (events, is_whole) = self.find_in_part(find, &lookups, *part, wanted, &mut rows).await?;
            candidates.events.extend(events.iter().rev());
            if !is_whole {
                candidates.read_to = candidates.events.last().copied();
                return Ok(candidates);
            }
            if rows >= ROWS_MAX || began.elapsed() >= TIME_MAX || candidates.events.len() >= find.limit {
                candidates.read_to = Some(part << PART_BITS);
                return Ok(candidates);
            }
        }
        let is_end = parts.len() < PARTS_MAX as usize;
        candidates.read_to = parts.last().filter(|_| !is_end).map(|part| part << PART_BITS);
        Ok(candidates)
    }

    fn resolve<'a>(&self, lookup: &'a Lookup, is_visible: IsVisible<'_>) -> Resolved<'a> {
        let memory = self.memory();
        let fields = memory.fields.iter();
        let fields = fields.filter(|(field, _)| lookup.kind.includes(field) && is_visible(field));
        Resolved { ranges: &lookup.ranges, fields: fields.map(|(_, id)| *id).collect() }
    }

    /// Returns the events of a part, and whether there are no more of them.
    async fn find_in_part(
        &self,
        find: &Find<'_>,
        lookups: &[Resolved<'_>],
        part: i64,
        wanted: usize,
        rows: &mut usize,
    ) -> Result<(BTreeSet<i64>, bool), sqlx::Error> {
        let Some((first, more)) = lookups.split_first() else {
            return self.received_in_part(find, part, wanted).await;
        };
        if !more.is_empty()
            && let Some(events) = self.few_in_part(find, lookups, part, rows).await?
        {
            return Ok((events, true));
        }
        let limit = if first.is_ordered() && more.is_empty() { wanted } else { usize::MAX };
        let mut events = self.events_of(first, part, find.before, limit).await?;
        *rows += events.len() + 1;
        let is_whole = events.len() < limit;
        for lookup in more {
            if events.len() <= FEW {
                break;
            }
            let found = self.events_of(lookup, part, find.before, usize::MAX).await?;
            *rows += found.len();
            events.retain(|event| found.contains(event));
        }
        Ok((events, is_whole))
    }

    /// The events of a lookup that finds few in this part, if there is one.
    async fn few_in_part(
        &self,
        find: &Find<'_>,
        lookups: &[Resolved<'_>],
        part: i64,
        rows: &mut usize,
    ) -> Result<Option<BTreeSet<i64>>, sqlx::Error> {
        for lookup in lookups.iter().filter(|lookup| lookup.is_ordered()) {
            let events = self.events_of(lookup, part, find.before, FEW + 1).await?;
            *rows += events.len() + 1;
            if events.len() <= FEW {
                return Ok(Some(events));
            }
        }
        Ok(None)
    }

    async fn events_of(
        &self,
        lookup: &Resolved<'_>,
        part: i64,
        before: i64,
        limit: usize,
    ) -> Result<BTreeSet<i64>, sqlx::Error> {
        let mut events = BTreeSet::new();
        for range in lookup.ranges {
            let (reversed, text, is_exact) = match range {
                LookupRange::Exact(text) => (0, text.clone(), true),
                LookupRange::Prefix(text) => (0, text.clone(), false),
                LookupRange::Suffix(text) => (1, text.chars().rev().collect(), false),
            };
            let mut query = QueryBuilder::<Sqlite>::new("SELECT event FROM term WHERE part = ");
            query.push_bind(part).push(" AND reversed = ").push_bind(reversed);
            if is_exact {
                query.push(" AND text = ").push_bind(text);
            } else {
                let end = format!("{text}{LAST}");
                query.push(" AND text >= ").push_bind(text).push(" AND text < ").push_bind(end);
            }
            query.push(" AND field IN (");
            let mut list = query.separated(", ");
            for field in &lookup.fields {
                list.push(field);
            }
            query.push(") AND event < ").push_bind(before);
            if limit < usize::MAX {
                query.push(" ORDER BY event DESC LIMIT ").push_bind(integer(limit as u64));
            }
            let found: Vec<i64> = query.build_query_scalar().fetch_all(&self.pool).await?;
            events.extend(found);
        }
        Ok(events)
    }

    /// The events of a part by their time only.
    async fn received_in_part(
        &self,
        find: &Find<'_>,
        part: i64,
        wanted: usize,
    ) -> Result<(BTreeSet<i64>, bool), sqlx::Error> {
        let sql = "SELECT event FROM document WHERE event >= ? AND event < ? AND received_at >= ? AND received_at < ?
            ORDER BY event DESC LIMIT ?";
        let (first, end) = (part << PART_BITS, (part + 1) << PART_BITS);
        let query = sqlx::query_scalar(sql).bind(first).bind(end.min(find.before));
        let query = query.bind(integer(find.received.since)).bind(integer(find.received.until));
        let found: Vec<i64> = query.bind(integer(wanted as u64)).fetch_all(&self.pool).await?;
        let is_whole = found.len() < wanted;
        Ok((found.into_iter().collect(), is_whole))
    }
}
