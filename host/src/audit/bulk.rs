//! Decisions about many rows, which several transactions carry out.

use std::fmt::Display;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Decision, LISTED_MAX, Record};
use crate::event::Digest;

/// A decision about many rows. Its first transaction records the filter, and its last one the changed rows: their
/// number, the first ids, and the SHA-256 of all ids, each with a line feed after it.
/// A process that is killed between them leaves the first entry only.
#[derive(Debug, Clone)]
pub struct BulkDecision {
    decision: Decision,
    action: &'static str,
    target: &'static str,
    filter: Value,
    /// Rows changed by the transactions before.
    changed: Box<ChangedRows>,
    has_begun: bool,
}

#[derive(Debug, Clone, Default)]
struct ChangedRows {
    count: u64,
    first: Vec<String>,
    ids: Sha256,
}

impl ChangedRows {
    fn add(&mut self, ids: impl IntoIterator<Item = impl Display>) {
        for id in ids {
            let mut id = id.to_string();
            if self.first.len() < LISTED_MAX {
                self.first.push(id.clone());
            }
            self.count = self.count.saturating_add(1);
            id.push('\n');
            self.ids.update(id);
        }
    }

    fn describe(&self, filter: &Value) -> Value {
        if self.count == 0 {
            return json!({ "filter": filter, "count": 0 });
        }
        let sha256 = Digest(self.ids.clone().finalize().into());
        json!({ "filter": filter, "count": self.count, "ids": &self.first, "ids_sha256": sha256 })
    }
}

impl BulkDecision {
    /// A decision about the rows that a filter finds.
    #[must_use]
    pub fn new(decision: Decision, action: &'static str, target: &'static str, filter: Value) -> Self {
        Self { decision, action, target, filter, changed: Box::default(), has_begun: false }
    }

    /// The record of the next transaction, which changes the rows with these ids; `None` if it writes none.
    #[must_use]
    pub fn record(&self, ids: impl IntoIterator<Item = impl Display>, is_last: bool) -> Option<Record> {
        let record = self.decision.record(self.action, self.target);
        if is_last {
            let mut changed = self.changed.clone();
            changed.add(ids);
            return Some(record.after(changed.describe(&self.filter)));
        }
        (!self.has_begun).then(|| record.after(json!({ "filter": self.filter })).result("begun"))
    }

    /// The rest of the decision, after a transaction that changed the rows with these ids.
    #[must_use]
    pub fn after(mut self, ids: impl IntoIterator<Item = impl Display>) -> Self {
        self.changed.add(ids);
        self.has_begun = true;
        self
    }

    /// The record of a decision that ended with an error after some of its transactions; `None` if it had none.
    #[must_use]
    pub fn record_failure(&self) -> Option<Record> {
        let record = || self.decision.record(self.action, self.target);
        self.has_begun.then(|| record().after(self.changed.describe(&self.filter)).result("failed"))
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
        let bulk =
            BulkDecision::new(Decision::of_host(), "delivery.retry", "deliveries", json!({ "plugin": "p" }));
        let parse = |record: Option<Record>| -> Value {
            serde_json::from_str(&record.unwrap().stored_after().unwrap()).unwrap()
        };
        let filter = json!({ "plugin": "p" });
        let digest = |text: &str| Digest::of(text.as_bytes());
        let alone = json!({ "count": 2, "filter": filter, "ids": ["1-1", "1-2"], "ids_sha256": digest("1-1\n1-2\n") });
        assert_eq!(parse(bulk.record(["1-1", "1-2"], true)), alone);
        assert_eq!(parse(bulk.record([""; 0], true)), json!({ "count": 0, "filter": filter }));
        assert_eq!(bulk.record_failure(), None);
        assert_eq!(parse(bulk.record(0..500, false)), json!({ "filter": filter }));
        let bulk = bulk.after(0..500);
        assert_eq!(bulk.record(500..1000, false), None);
        assert_eq!(parse(bulk.record_failure())["count"], 500);
        let last = parse(bulk.after(500..1000).record(1000..1007, true));
        let all: String = (0..1007).flat_map(|id| [id.to_string(), "\n".into()]).collect();
        assert_eq!((&last["count"], &last["ids_sha256"]), (&json!(1007), &json!(digest(&all))));
        assert_eq!(last["ids"].as_array().unwrap().len(), LISTED_MAX);
    }
}
