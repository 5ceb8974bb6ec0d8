//! Decisions about many rows, which several transactions carry out.

use serde_json::{Value, json};

use super::{Decision, Record};

/// A decision about many rows. Its first transaction records the filter, and its last one the number of changed rows.
/// A process that is killed between them leaves the first entry only.
#[derive(Debug, Clone, PartialEq)]
pub struct Bulk {
    decision: Decision,
    action: &'static str,
    target: &'static str,
    filter: Value,
    /// Rows changed by the transactions before.
    changed: u64,
    has_begun: bool,
}

impl Bulk {
    /// A decision about the rows that a filter finds.
    #[must_use]
    pub fn new(decision: Decision, action: &'static str, target: &'static str, filter: Value) -> Self {
        Self { decision, action, target, filter, changed: 0, has_begun: false }
    }

    /// The record of the next transaction, which changes this many rows; `None` if it writes none.
    #[must_use]
    pub fn record(&self, changed: u64, is_last: bool) -> Option<Record> {
        let record = self.decision.record(self.action, self.target);
        if is_last {
            let count = self.changed.saturating_add(changed);
            return Some(record.after(json!({ "filter": self.filter, "count": count })));
        }
        (!self.has_begun).then(|| record.after(json!({ "filter": self.filter })).result("begun"))
    }

    /// The rest of the decision, after a transaction that changed this many rows.
    #[must_use]
    pub fn after(mut self, changed: u64) -> Self {
        self.changed = self.changed.saturating_add(changed);
        self.has_begun = true;
        self
    }

    /// The name of the actor.
    #[must_use]
    pub fn actor_name(&self) -> &str {
        &self.decision.actor.name
    }

    /// The number of the token that decides.
    #[must_use]
    pub fn token(&self) -> Option<i64> {
        self.decision.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transaction_has_one_entry_and_several_have_two() {
        let bulk = Bulk::new(Decision::of_host(), "delivery.retry", "deliveries", json!({ "plugin": "p" }));
        let alone = bulk.record(3, true).unwrap().stored_after().unwrap();
        assert_eq!(alone, r#"{"count":3,"filter":{"plugin":"p"}}"#);
        let first = bulk.record(500, false).unwrap();
        assert_eq!(first.stored_after().unwrap(), r#"{"filter":{"plugin":"p"}}"#);
        let bulk = bulk.after(500);
        assert_eq!(bulk.record(500, false), None);
        let last = bulk.after(500).record(7, true).unwrap().stored_after().unwrap();
        assert_eq!(last, r#"{"count":1007,"filter":{"plugin":"p"}}"#);
    }
}
