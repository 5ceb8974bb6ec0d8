//! Requests without a valid token, limited for each address, and requests without a permission. Both are recorded in the
//! audit log as counts, so that nobody can fill the database with them.
//!
//! Three budgets bound the entries, so that a flood of one kind hides no other: for expired and revoked tokens, for
//! missing permissions, and for all other failures. Each has 100 entries at once, and one more every five minutes.
//! Beyond it, failures are counted together, in one entry an hour.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::audit::{ActorKind, Decision, Record};
use crate::token::Permission;

/// The time in which failures are counted for the limit, and between two writes.
const WINDOW_MS: u64 = 60_000;
/// Addresses of which failures are counted one by one; those of the others are counted together.
const ADDRESSES_MAX: usize = 1000;
/// Entries of a kind that are written at once.
const ENTRIES_MAX: u64 = 100;
/// The time after which one more of them is written.
const ENTRY_MS: u64 = 5 * 60_000;
/// The time between two entries for all others.
const REST_MS: u64 = 60 * 60_000;

/// The reason why a request has no valid token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// It has none.
    Missing,
    /// There is no such token.
    Unknown,
    /// The token with this name has expired.
    Expired(String),
    /// The token with this name was revoked.
    Revoked(String),
}

impl Refusal {
    /// Whether the host knows the token.
    pub(super) fn is_of_known_token(&self) -> bool {
        matches!(self, Self::Expired(_) | Self::Revoked(_))
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::Expired(_) => "expired",
            Self::Revoked(_) => "revoked",
        }
    }

    /// The name of a token that the host knows.
    fn token(&self) -> &str {
        match self {
            Self::Missing | Self::Unknown => "",
            Self::Expired(name) | Self::Revoked(name) => name,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Counts>);

/// An address, or `None` for those that are not counted one by one.
type Address = Option<IpAddr>;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Failure {
    /// Requests of an address without a valid token.
    Authentication(Address, Refusal),
    /// Requests of the token with this name without this permission.
    Denial(String, &'static str),
}

#[derive(Debug, Default)]
struct Counts {
    /// The time when the window began.
    began: u64,
    /// Failures of each address in this window.
    window: BTreeMap<Address, u64>,
    /// The time of the last write.
    written: Option<u64>,
    /// Failures that are not recorded: of known tokens, of permissions, and others, in the order in which they are written.
    budgets: [Budget; 3],
}

/// Failures of one kind, and the entries that may be written about them.
#[derive(Debug, Default)]
struct Budget {
    /// Failures that are not recorded.
    unrecorded: BTreeMap<Failure, u64>,
    /// Failures beyond the budget, and the time when they were written last.
    rest: u64,
    rest_written: Option<u64>,
    /// Entries written, less one for each [`ENTRY_MS`] since `spent_at`.
    spent: u64,
    spent_at: u64,
}

/// Records to be written, and their counts, which are put back if that fails.
#[derive(Debug, Default)]
pub(super) struct UnwrittenFailures {
    pub(super) records: Vec<Record>,
    taken: [TakenCounts; 3],
}

#[derive(Debug, Default)]
struct TakenCounts {
    counted: Vec<(Failure, u64)>,
    rest: u64,
}

impl Failures {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a failure. Returns whether the address has had at most `max` of them in this minute.
    pub(super) fn count(&self, refusal: Refusal, peer: Option<IpAddr>, now_ms: u64, max: u64) -> bool {
        let mut counts = self.lock();
        if now_ms.saturating_sub(counts.began) >= WINDOW_MS {
            counts.began = now_ms;
            counts.window.clear();
        }
        let mut address = peer.map(network_of);
        if !counts.window.contains_key(&address) && counts.window.len() >= ADDRESSES_MAX {
            address = None;
        }
        let failures = counts.window.entry(address).or_default();
        *failures = failures.saturating_add(1);
        let is_within = *failures <= max;
        let [known_tokens, _, others] = &mut counts.budgets;
        let budget = if refusal.is_of_known_token() { known_tokens } else { others };
        budget.add(Failure::Authentication(address, refusal), 1);
        is_within
    }

    /// Counts a request of a token without a permission.
    pub(super) fn count_denial(&self, token: &str, permission: Permission) {
        let [_, denials, _] = &mut self.lock().budgets;
        denials.add(Failure::Denial(token.into(), permission.as_str()), 1);
    }

    /// The records of failures, if it is time to write them, or `all` are to be written.
    pub(super) fn take(&self, now_ms: u64, all: bool) -> UnwrittenFailures {
        let mut counts = self.lock();
        let Counts { written, budgets, .. } = &mut *counts;
        let is_due = all || is_over(*written, now_ms, WINDOW_MS);
        if is_due && budgets.iter().any(|budget| !budget.unrecorded.is_empty()) {
            *written = Some(now_ms);
        }
        let mut unwritten = UnwrittenFailures::default();
        for ((budget, taken), action) in
            budgets.iter_mut().zip(&mut unwritten.taken).zip(["auth.failure", "auth.denied", "auth.failure"])
        {
            if is_due {
                taken.counted = budget.take(now_ms);
                unwritten
                    .records
                    .extend(taken.counted.iter().map(|(failure, count)| record(failure, *count)));
            }
            if budget.rest > 0 && (all || is_over(budget.rest_written, now_ms, REST_MS)) {
                budget.rest_written = Some(now_ms);
                taken.rest = std::mem::take(&mut budget.rest);
                let decision = Decision::of_kind(ActorKind::Host, "hookyard");
                let after = json!({ "count": taken.rest, "addresses": "others" });
                unwritten.records.push(decision.record(action, "").after(after).result("refused"));
            }
        }
        unwritten
    }

    /// Counts failures again whose records could not be written.
    pub(super) fn put_back(&self, unwritten: UnwrittenFailures) {
        let mut counts = self.lock();
        for (budget, taken) in counts.budgets.iter_mut().zip(unwritten.taken) {
            budget.spent = budget.spent.saturating_sub(taken.counted.len() as u64);
            for (failure, count) in taken.counted {
                budget.add(failure, count);
            }
            if taken.rest > 0 {
                budget.rest = budget.rest.saturating_add(taken.rest);
                budget.rest_written = None;
            }
        }
    }
}

fn is_over(last: Option<u64>, now_ms: u64, interval: u64) -> bool {
    last.is_none_or(|at| now_ms.saturating_sub(at) >= interval)
}

impl Budget {
    fn add(&mut self, failure: Failure, count: u64) {
        let room = self.unrecorded.len() < ADDRESSES_MAX;
        match self.unrecorded.get_mut(&failure) {
            Some(counted) => *counted = counted.saturating_add(count),
            None if room => _ = self.unrecorded.insert(failure, count),
            None => self.rest = self.rest.saturating_add(count),
        }
    }

    /// Takes the failures that get an entry of their own, those with the most requests first. The others are counted
    /// together.
    fn take(&mut self, now_ms: u64) -> Vec<(Failure, u64)> {
        let mut unrecorded: Vec<_> = std::mem::take(&mut self.unrecorded).into_iter().collect();
        unrecorded.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        unrecorded.retain(|(failure, count)| {
            let has_entry = !matches!(failure, Failure::Authentication(None, _)) && self.spend(now_ms);
            if !has_entry {
                self.rest = self.rest.saturating_add(*count);
            }
            has_entry
        });
        unrecorded
    }

    /// Takes an entry from the budget, if there is one.
    fn spend(&mut self, now_ms: u64) -> bool {
        let regained = now_ms.saturating_sub(self.spent_at) / ENTRY_MS;
        if regained > 0 {
            self.spent = self.spent.saturating_sub(regained);
            self.spent_at = now_ms;
        }
        let has_room = self.spent < ENTRIES_MAX;
        self.spent += u64::from(has_room);
        has_room
    }
}

fn record(failure: &Failure, count: u64) -> Record {
    let mut decision = Decision::of_kind(ActorKind::Host, "hookyard");
    match failure {
        Failure::Authentication(address, refusal) => {
            decision.actor.address = address.map(|address| address.to_string());
            let after = json!({ "count": count, "token": refusal.word() });
            decision.record("auth.failure", refusal.token()).after(after).result("refused")
        }
        Failure::Denial(token, permission) => {
            let after = json!({ "count": count, "permission": permission });
            decision.record("auth.denied", token.as_str()).after(after).result("refused")
        }
    }
}

/// The address of one machine: of IPv6 addresses the first 64 bits, since one machine may have all with the same.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    fn counts(unwritten: &UnwrittenFailures) -> Vec<String> {
        unwritten.records.iter().map(|record| record.stored_after().unwrap()).collect()
    }

    #[test]
    fn an_address_is_limited_by_the_minute_and_no_other_is() {
        let failures = Failures::default();
        let count = |peer, now| failures.count(Refusal::Unknown, Some(peer), now, 2);
        assert_eq!([0, 0, 0].map(|now| count(peer(1), 100_000 + now)), [true, true, false]);
        assert!(count(peer(2), 100_000), "another address");
        assert!(!count(peer(1), 159_999));
        assert!(count(peer(1), 160_000), "the next minute");
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn failures_are_recorded_once_a_minute_with_their_number() {
        let failures = Failures::default();
        let count = |refusal: &Refusal, now| failures.count(refusal.clone(), Some(peer(1)), now, 100);
        count(&Refusal::Unknown, 100_000);
        assert_eq!(counts(&failures.take(100_001, false)), [r#"{"count":1,"token":"unknown"}"#]);
        for _ in 0..7 {
            count(&Refusal::Unknown, 100_002);
        }
        count(&Refusal::Revoked("ci".into()), 100_002);
        assert_eq!(counts(&failures.take(160_000, false)), [""; 0], "not a minute yet");
        let records = failures.take(160_001, false);
        assert_eq!(
            counts(&records),
            [r#"{"count":1,"token":"revoked"}"#, r#"{"count":7,"token":"unknown"}"#]
        );
        assert_eq!(records.records[0].target(), "ci");
        count(&Refusal::Missing, 160_002);
        assert_eq!(counts(&failures.take(160_003, true)), [r#"{"count":1,"token":"missing"}"#], "at the end");
        assert_eq!(counts(&failures.take(999_999, true)), [""; 0]);
    }

    #[test]
    fn failures_that_could_not_be_written_are_written_later() {
        let failures = Failures::default();
        for number in 0..150 {
            failures.count(Refusal::Unknown, Some(peer(number)), 100_000, 100);
        }
        failures.count_denial("ci", Permission::Admin);
        for round in 0..5 {
            let unwritten = failures.take(100_000 + round * WINDOW_MS, false);
            assert_eq!(unwritten.records.len(), 1 + 100 + 1);
            failures.put_back(unwritten);
        }
        let written = failures.take(900_000, false);
        let sum: u64 = counts(&written)
            .iter()
            .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap()["count"].as_u64().unwrap())
            .sum();
        assert_eq!(sum, 151);
        assert_eq!(counts(&failures.take(u64::MAX, true)), [""; 0]);
    }

    #[test]
    fn a_flood_hides_neither_a_revoked_token_nor_a_missing_permission() {
        let failures = Failures::default();
        for number in 0..2000 {
            for _ in 0..2 {
                failures.count(Refusal::Unknown, Some(peer(number % 900)), 100_000, 10);
            }
        }
        failures.count(Refusal::Revoked("ci".into()), Some(peer(901)), 100_000, 10);
        failures.count_denial("dashboard", Permission::Operate);
        failures.count_denial("dashboard", Permission::Operate);
        let unwritten = failures.take(100_000, false);
        assert_eq!(
            counts(&unwritten)[..2],
            [r#"{"count":1,"token":"revoked"}"#, r#"{"count":2,"permission":"operate"}"#]
        );
        assert_eq!(unwritten.records[1].target(), "dashboard");
        assert_eq!(unwritten.records.len(), 2 + 100 + 1);
    }

    /// A day of failures from ever new addresses.
    #[test]
    fn an_attacker_with_many_addresses_makes_few_entries() {
        let failures = Failures::default();
        let (mut entries, mut recorded, mut made) = (0, 0, 0);
        for minute in 0..24 * 60_u32 {
            let now = 1_000_000 + u64::from(minute) * WINDOW_MS;
            // Once more than are counted one by one.
            for number in 0..if minute == 7 { 3000 } else { 20 } {
                failures.count(Refusal::Unknown, Some(peer(minute * 5000 + number)), now, 10);
                made += 1;
            }
            assert!(failures.lock().window.len() <= ADDRESSES_MAX + 1);
            assert!(failures.lock().budgets.iter().all(|budget| budget.unrecorded.len() <= ADDRESSES_MAX));
            for record in failures.take(now, minute + 1 == 24 * 60).records {
                let after: serde_json::Value = serde_json::from_str(&record.stored_after().unwrap()).unwrap();
                entries += 1;
                recorded += after["count"].as_u64().unwrap();
            }
        }
        assert_eq!(recorded, made, "all are counted");
        assert!(entries <= 100 + 288 + 26, "{entries}");
    }
}
