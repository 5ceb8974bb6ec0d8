//! The open deliveries of each ordering key in `SQLite`, found by the key's hash.
//!
//! Memory has them up to a limit. The rest enter an index late (`late_index/`). Each is either in memory or in
//! the index, so closing it removes it.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sqlx::error::BoxDynError;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Arguments as _, Row as _, SqliteConnection};

use super::bulk::BulkStatement;
use super::late_index::{Entry, Indexed, LateIndex};
use crate::db::types::DbError;
use crate::delivery::{DeliveryId, OrderingHash};

const INDEX: &str = "INSERT INTO order_index (ordering, event_seq, number)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const CLOSE: &str = "DELETE FROM order_index
    WHERE (ordering, event_seq, number) IN (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const FIRST: &str = "SELECT column1,
        (SELECT event_seq FROM order_index WHERE ordering = column1 ORDER BY event_seq, number LIMIT 1) AS seq,
        (SELECT number FROM order_index WHERE ordering = column1 ORDER BY event_seq, number LIMIT 1)
    FROM (VALUES {rows}) WHERE seq IS NOT NULL";
// Uses the index of open deliveries, which has no closed ones. Many rows come as one text: handing over a row takes
// longer than reading it.
const OPEN: &str = "SELECT json_group_array(json_array(plugin, due_at, event_seq, number, ordering)) FROM (
    SELECT plugin, due_at, event_seq, number, ordering FROM delivery INDEXED BY delivery_open
    WHERE due_at IS NOT NULL AND ordering IS NOT NULL AND (plugin, due_at, event_seq, number) > (?, ?, ?, ?) AND event_seq > ?
    ORDER BY plugin, due_at, event_seq, number LIMIT ?)";
/// Deliveries per page that is read.
const PAGE: i64 = 4096;

/// An open delivery that has an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Open {
    order: i64,
    event: i64,
    number: i64,
}

impl Entry for Open {
    fn seq(&self) -> i64 {
        self.event
    }
}

impl Indexed for Open {
    const SELECT_PROGRESS: &'static str =
        "SELECT done_seq, moving_seq, next_ordering, next_seq, next_number FROM order_progress";
    const UPDATE_PROGRESS: &'static str = "UPDATE order_progress
        SET done_seq = ?, moving_seq = ?, next_ordering = ?, next_seq = ?, next_number = ?";

    fn from_row(row: &SqliteRow, column: usize) -> Result<Self, sqlx::Error> {
        let (order, event) = (row.try_get(column)?, row.try_get(column + 1)?);
        Ok(Self { order, event, number: row.try_get(column + 2)? })
    }

    fn bind(self, query: Query<'_, Sqlite, SqliteArguments>) -> Query<'_, Sqlite, SqliteArguments> {
        query.bind(self.order).bind(self.event).bind(self.number)
    }

    async fn stored_after(conn: &mut SqliteConnection, seq: i64) -> Result<Vec<Self>, DbError> {
        open_after(conn, seq).await
    }
}

impl Open {
    fn of((OrderingHash(order), DeliveryId { event, number }): (OrderingHash, DeliveryId)) -> Self {
        Self { order, event, number }
    }

    /// The range of all deliveries of an ordering key.
    pub(super) fn all(OrderingHash(order): OrderingHash) -> RangeInclusive<Self> {
        Self { order, event: i64::MIN, number: i64::MIN }..=Self { order, event: i64::MAX, number: i64::MAX }
    }

    pub(super) fn id(self) -> DeliveryId {
        DeliveryId { event: self.event, number: self.number }
    }
}

/// See the module.
pub(super) struct Orders {
    index: Arc<LateIndex<Open>>,
    /// Whether the index may have any.
    indexed: bool,
    insert: BulkStatement,
    close: BulkStatement,
    first: BulkStatement,
}

impl Orders {
    /// Up to `max`, and a batch, are kept out of the index.
    pub(super) fn new(max: usize) -> Self {
        Self {
            index: Arc::new(LateIndex::new(max)),
            indexed: false,
            insert: BulkStatement::new(INDEX, 3),
            close: BulkStatement::new(CLOSE, 3),
            first: BulkStatement::new(FIRST, 1),
        }
    }

    /// Reads the stored deliveries, unless they are known. Each transaction begins with it.
    pub(super) async fn begin(&mut self, conn: &mut SqliteConnection) -> Result<(), DbError> {
        if self.index.begin(conn).await? {
            let sql = "SELECT EXISTS (SELECT 1 FROM order_index)";
            self.indexed = true;
            self.indexed = sqlx::query_scalar(sql).fetch_one(conn).await?;
        }
        Ok(())
    }

    /// The index.
    pub(super) fn index(&self) -> &Arc<LateIndex<Open>> {
        &self.index
    }

    /// Returns the ordering keys among these that have an open delivery.
    pub(super) async fn open(
        &self,
        conn: &mut SqliteConnection,
        orders: &[OrderingHash],
    ) -> Result<HashSet<OrderingHash>, DbError> {
        let recent = |order: &&OrderingHash| self.index.first(&Open::all(**order)).is_some();
        let (open, others): (Vec<OrderingHash>, Vec<OrderingHash>) = orders.iter().partition(recent);
        let mut open: HashSet<_> = open.into_iter().collect();
        open.extend(self.firsts(conn, &others).await?.into_keys());
        Ok(open)
    }

    /// The first open delivery of each of these that has one.
    pub(super) async fn first(
        &self,
        conn: &mut SqliteConnection,
        orders: &[OrderingHash],
    ) -> Result<Vec<DeliveryId>, DbError> {
        let indexed = self.firsts(conn, orders).await?;
        let first = |order: &OrderingHash| {
            let recent = self.index.first(&Open::all(*order)).map(Open::id);
            recent.into_iter().chain(indexed.get(order).copied()).min()
        };
        Ok(orders.iter().filter_map(first).collect())
    }

    /// Returns the same for the deliveries in the index.
    async fn firsts(
        &self,
        conn: &mut SqliteConnection,
        orders: &[OrderingHash],
    ) -> Result<HashMap<OrderingHash, DeliveryId>, DbError> {
        if !self.indexed {
            return Ok(HashMap::new());
        }
        let rows = self.first.fetch(conn, orders, bind_order).await?;
        let first = rows.iter().map(|row| {
            Ok((
                OrderingHash(row.try_get(0)?),
                DeliveryId { event: row.try_get(1)?, number: row.try_get(2)? },
            ))
        });
        first.collect()
    }

    /// Adds stored deliveries, and moves as many into the index.
    pub(super) async fn opened(
        &mut self,
        conn: &mut SqliteConnection,
        opened: impl Iterator<Item = (OrderingHash, DeliveryId)>,
    ) -> Result<(), DbError> {
        // One of an event of long ago, which a replay made, goes where its like are.
        let (mut to_index, new) = self.index.divide(opened.map(Open::of));
        if to_index.is_empty() && new.is_empty() {
            return Ok(());
        }
        to_index.extend(self.index.exchange(&new));
        self.indexed |= !to_index.is_empty();
        self.insert.execute(conn, &to_index, bind_open).await?;
        self.index.store_progress(conn).await
    }

    /// Removes closed deliveries.
    pub(super) async fn closed(
        &mut self,
        conn: &mut SqliteConnection,
        closed: impl Iterator<Item = (OrderingHash, DeliveryId)>,
    ) -> Result<(), DbError> {
        let (indexed, recent) = self.index.divide(closed.map(Open::of));
        self.index.remove(&recent);
        self.close.execute(conn, &indexed, bind_open).await?;
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
fn bind_order(row: &mut SqliteArguments, OrderingHash(order): &OrderingHash) -> Result<(), BoxDynError> {
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
