//! The open deliveries of each order in `SQLite`, found by the order's hash.
//!
//! Memory has them, up to a limit; in an index each would have a page to itself, written once when it opens and
//! once when it is closed. What is beyond the limit comes into an index late and many at a time (`recent.rs`). Each
//! is in memory or in the index and never in both, so that closing it takes it out. Memory is as the open
//! transaction is: after one that changed it and was not committed it is read again.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Row as _, SqliteConnection};

use super::bulk::Bulk;
use super::recent::{Entry, Progress, Recent};
use crate::db::types::DbError;
use crate::delivery::{DeliveryId, Order};

const INDEX: &str = "INSERT INTO order_index (ordering, event_seq, number)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const CLOSE: &str = "DELETE FROM order_index
    WHERE (ordering, event_seq, number) IN (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const FIRST: &str = "SELECT column1,
        (SELECT event_seq FROM order_index WHERE ordering = column1 ORDER BY event_seq, number LIMIT 1) AS seq,
        (SELECT number FROM order_index WHERE ordering = column1 ORDER BY event_seq, number LIMIT 1)
    FROM (VALUES {rows}) WHERE seq IS NOT NULL";
// By the index of what is open: in it there is no closed one. Many as one text: a row takes longer to hand over than
// to read.
const OPEN: &str = "SELECT json_group_array(json_array(plugin, due_at, event_seq, number, ordering)) FROM (
    SELECT plugin, due_at, event_seq, number, ordering FROM delivery INDEXED BY delivery_open
    WHERE due_at IS NOT NULL AND ordering IS NOT NULL AND (plugin, due_at, event_seq, number) > (?, ?, ?, ?) AND event_seq > ?
    ORDER BY plugin, due_at, event_seq, number LIMIT ?)";
/// Read so many at a time.
const PAGE: i64 = 4096;

/// An open delivery that has an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Open {
    order: i64,
    event: i64,
    number: i64,
}

impl Entry for Open {
    fn seq(&self) -> i64 {
        self.event
    }
}

impl Open {
    fn of((Order(order), DeliveryId { event, number }): (Order, DeliveryId)) -> Self {
        Self { order, event, number }
    }

    /// All of an order.
    fn all(Order(order): Order) -> RangeInclusive<Self> {
        Self { order, event: i64::MIN, number: i64::MIN }..=Self { order, event: i64::MAX, number: i64::MAX }
    }

    fn id(self) -> DeliveryId {
        DeliveryId { event: self.event, number: self.number }
    }
}

/// See the module.
pub(super) struct Orders {
    recent: Recent<Open>,
    /// What is stored of how far the index is; `None` when nothing is known of what is stored.
    stored: Option<Progress<Open>>,
    /// Whether the index may have any.
    indexed: bool,
    /// Whether the open transaction changed anything.
    changed: bool,
    index: Bulk,
    close: Bulk,
    first: Bulk,
}

impl Orders {
    /// Up to `max`, and a batch, are kept out of the index.
    pub(super) fn new(max: usize) -> Self {
        Self {
            recent: Recent::new(max),
            stored: None,
            indexed: false,
            changed: false,
            index: Bulk::new(INDEX, 3),
            close: Bulk::new(CLOSE, 3),
            first: Bulk::new(FIRST, 1),
        }
    }

    /// Before anything else in a transaction: learns what is stored, unless it is known.
    pub(super) async fn begin(&mut self, conn: &mut SqliteConnection) -> Result<(), DbError> {
        if self.stored.is_some() {
            return Ok(());
        }
        let sql = "SELECT done_seq, moving_seq, next_ordering, next_seq, next_number FROM order_progress";
        let (done_seq, moving_seq, order, event, number) = sqlx::query_as(sql).fetch_one(&mut *conn).await?;
        let progress = Progress { done_seq, moving_seq, next: Open { order, event, number } };
        self.recent.load(progress, open_after(conn, done_seq).await?);
        let sql = "SELECT EXISTS (SELECT 1 FROM order_index)";
        self.indexed = sqlx::query_scalar(sql).fetch_one(conn).await?;
        self.stored = Some(progress);
        self.changed = false;
        Ok(())
    }

    /// The transaction is committed.
    pub(super) fn committed(&mut self) {
        self.changed = false;
    }

    /// It is not committed, or may not be.
    pub(super) fn undone(&mut self) {
        if self.changed {
            self.stored = None;
        }
    }

    /// Which of these have an open delivery.
    pub(super) async fn open(
        &self,
        conn: &mut SqliteConnection,
        orders: &[Order],
    ) -> Result<HashSet<Order>, DbError> {
        let recent = |order: &&Order| self.recent.first(&Open::all(**order)).is_some();
        let (open, others): (Vec<Order>, Vec<Order>) = orders.iter().partition(recent);
        let mut open: HashSet<_> = open.into_iter().collect();
        open.extend(self.firsts(conn, &others).await?.into_keys());
        Ok(open)
    }

    /// The first open delivery of each of these that has one.
    pub(super) async fn first(
        &self,
        conn: &mut SqliteConnection,
        orders: &[Order],
    ) -> Result<Vec<DeliveryId>, DbError> {
        let indexed = self.firsts(conn, orders).await?;
        let first = |order: &Order| {
            let recent = self.recent.first(&Open::all(*order)).map(Open::id);
            recent.into_iter().chain(indexed.get(order).copied()).min()
        };
        Ok(orders.iter().filter_map(first).collect())
    }

    /// The same of those that the index has.
    async fn firsts(
        &self,
        conn: &mut SqliteConnection,
        orders: &[Order],
    ) -> Result<HashMap<Order, DeliveryId>, DbError> {
        if !self.indexed {
            return Ok(HashMap::new());
        }
        let rows = self.first.fetch(conn, orders, bind_order).await?;
        let first = rows.iter().map(|row| {
            Ok((Order(row.try_get(0)?), DeliveryId { event: row.try_get(1)?, number: row.try_get(2)? }))
        });
        first.collect()
    }

    /// These were stored; as many move into the index.
    pub(super) async fn opened(
        &mut self,
        conn: &mut SqliteConnection,
        opened: impl Iterator<Item = (Order, DeliveryId)>,
    ) -> Result<(), DbError> {
        // One of an event of long ago, which a replay made, goes where its like are.
        let (mut to_index, new) = self.divide(opened);
        if to_index.is_empty() && new.is_empty() {
            return Ok(());
        }
        self.changed = true;
        for open in &new {
            self.recent.add(*open);
        }
        let step = self.recent.step(new.len());
        to_index.extend(&step.entries);
        self.indexed |= !to_index.is_empty();
        self.index.execute(conn, &to_index, bind_open).await?;
        self.recent.moved(step);
        self.store(conn).await
    }

    /// These are closed.
    pub(super) async fn closed(
        &mut self,
        conn: &mut SqliteConnection,
        closed: impl Iterator<Item = (Order, DeliveryId)>,
    ) -> Result<(), DbError> {
        let (indexed, recent) = self.divide(closed);
        self.changed |= !(indexed.is_empty() && recent.is_empty());
        for open in &recent {
            self.recent.remove(open);
        }
        self.close.execute(conn, &indexed, bind_open).await?;
        Ok(())
    }

    /// Those that belong into the index, and those that belong into memory.
    fn divide(&self, some: impl Iterator<Item = (Order, DeliveryId)>) -> (Vec<Open>, Vec<Open>) {
        let progress = self.recent.progress();
        some.map(Open::of).partition(|open| progress.covers(open))
    }

    /// How far the index is, where that is not what is stored.
    async fn store(&mut self, conn: &mut SqliteConnection) -> Result<(), DbError> {
        let progress = self.recent.progress();
        if self.stored == Some(progress) {
            return Ok(());
        }
        let Progress { done_seq, moving_seq, next } = progress;
        let sql = "UPDATE order_progress
            SET done_seq = ?, moving_seq = ?, next_ordering = ?, next_seq = ?, next_number = ?";
        let query = sqlx::query(sql).bind(done_seq).bind(moving_seq);
        query.bind(next.order).bind(next.event).bind(next.number).execute(conn).await?;
        self.stored = Some(progress);
        Ok(())
    }
}

/// The open deliveries of events after one.
async fn open_after(conn: &mut SqliteConnection, event: i64) -> Result<Vec<Open>, DbError> {
    let mut open = Vec::new();
    let mut last = (String::new(), i64::MIN, 0, 0);
    loop {
        let (plugin, due_at, seq, number) = &last;
        let query = sqlx::query_scalar(OPEN).bind(plugin).bind(due_at).bind(seq).bind(number);
        let page: String = query.bind(event).bind(PAGE).fetch_one(&mut *conn).await?;
        let page: Vec<(String, i64, i64, i64, i64)> =
            serde_json::from_str(&page).map_err(|error| DbError::Unavailable(error.to_string()))?;
        let Some((plugin, due_at, seq, number, _)) = page.last() else { return Ok(open) };
        last = (plugin.clone(), *due_at, *seq, *number);
        open.extend(page.into_iter().map(|(_, _, event, number, order)| Open { order, event, number }));
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as for rows of any size")]
fn bind_order(row: &mut SqliteArguments, Order(order): &Order) -> Result<(), BoxDynError> {
    row.add(*order)
}

fn bind_open(row: &mut SqliteArguments, open: &Open) -> Result<(), BoxDynError> {
    row.add(open.order)?;
    row.add(open.event)?;
    row.add(open.number)
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
