//! The deliveries that block others of their ordering key, as they are shown.

use std::collections::HashMap;

use sqlx::{Row as _, SqliteConnection};

use super::deliveries::Stored;
use super::orders::Open;
use super::reader::Reader;
use crate::db::types::DbError;
use crate::delivery::{DeliveryId, OrderingHash};

/// A page may have thousands of keys, more than a statement has parameters.
const FIRSTS: &str = "SELECT j.value,
        (SELECT event_seq FROM order_index WHERE ordering = j.value ORDER BY event_seq, number LIMIT 1) AS seq,
        (SELECT number FROM order_index WHERE ordering = j.value ORDER BY event_seq, number LIMIT 1)
    FROM json_each(?) j WHERE seq IS NOT NULL";

impl Reader {
    /// Names for each blocked delivery the first open one of its ordering key.
    pub(super) async fn name_blockers(
        &self,
        moment: &mut SqliteConnection,
        stored: &mut [Stored],
    ) -> Result<(), DbError> {
        let mut orders: Vec<i64> = stored.iter().filter_map(Stored::blocked_order).collect();
        if orders.is_empty() {
            return Ok(());
        }
        orders.sort_unstable();
        orders.dedup();
        // One that moved into the index after the moment began is found in neither: then a later one, or none, is
        // shown. Another connection would not have that gap, but a reader that holds one must not wait for a second.
        let recent: HashMap<i64, DeliveryId> = orders
            .iter()
            .filter_map(|order| {
                Some((*order, self.order_index().first(&Open::all(OrderingHash(*order)))?.id()))
            })
            .collect();
        let indexed = firsts(moment, &orders).await?;
        for delivery in stored {
            let Some(order) = delivery.blocked_order() else { continue };
            let first = recent.get(&order).into_iter().chain(indexed.get(&order)).min();
            // Another one is shown at most until the transaction that unblocks this one is committed.
            delivery.blocked_by = first.copied().filter(|first| *first < delivery.id);
        }
        Ok(())
    }
}

/// The first delivery of each of these in the index.
async fn firsts(moment: &mut SqliteConnection, orders: &[i64]) -> Result<HashMap<i64, DeliveryId>, DbError> {
    let query = sqlx::query(FIRSTS).bind(serde_json::json!(orders).to_string());
    let mut firsts = HashMap::new();
    for row in query.fetch_all(moment).await? {
        firsts.insert(row.try_get(0)?, DeliveryId { event: row.try_get(1)?, number: row.try_get(2)? });
    }
    Ok(firsts)
}
