//! Requests without a valid token: limited for each address, and recorded in the audit log as counts, so that nobody
//! can fill the database with them.
//!
//! Entries for single addresses have a budget: 100 at once, and one more every five minutes. Beyond it, failures
//! are counted together, in one entry an hour.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::audit::{ActorKind, Decision, Record};

/// The time in which failures are counted for the limit, and between two writes.
const WINDOW_MS: u64 = 60_000;
/// Addresses of which failures are counted one by one; those of the others are counted together.
const ADDRESSES_MAX: usize = 1000;
/// Entries for single addresses that are written at once.
const ENTRIES_MAX: u64 = 100;
/// The time after which one more of them is written.
const ENTRY_MS: u64 = 5 * 60_000;
/// The time between two entries for all other addresses.
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

#[derive(Debug, Default)]
struct Counts {
    /// The time when the window began.
    began: u64,
    /// Failures of each address in this window.
    window: BTreeMap<Address, u64>,
    /// Failures that are not recorded.
    unrecorded: BTreeMap<(Address, Refusal), u64>,
    /// Failures beyond the budget, and their number.
    rest: u64,
    /// The time of the last write, and of the last one of the rest.
    written: Option<u64>,
    rest_written: Option<u64>,
    /// Entries written, less one for each [`ENTRY_MS`] since `spent_at`.
    spent: u64,
    spent_at: u64,
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
        let key = (address, refusal);
        if counts.unrecorded.contains_key(&key) || counts.unrecorded.len() < ADDRESSES_MAX {
            *counts.unrecorded.entry(key).or_default() += 1;
        } else {
            counts.rest += 1;
        }
        is_within
    }

    /// The records of failures, if it is time to write them, or `all` are to be written.
    pub(super) fn take(&self, now_ms: u64, all: bool) -> Vec<Record> {
        let mut counts = self.lock();
        let is_due =
            |last: Option<u64>, interval| last.is_none_or(|at| now_ms.saturating_sub(at) >= interval);
        let mut records = Vec::new();
        if !counts.unrecorded.is_empty() && (all || is_due(counts.written, WINDOW_MS)) {
            counts.written = Some(now_ms);
            let mut unrecorded: Vec<_> = std::mem::take(&mut counts.unrecorded).into_iter().collect();
            unrecorded.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            for ((address, refusal), count) in unrecorded {
                if address.is_some() && counts.spend(now_ms) {
                    records.push(record(address, &refusal, count));
                } else {
                    counts.rest += count;
                }
            }
        }
        if counts.rest > 0 && (all || is_due(counts.rest_written, REST_MS)) {
            counts.rest_written = Some(now_ms);
            let rest = std::mem::take(&mut counts.rest);
            let decision = Decision::of_kind(ActorKind::Host, "hookyard");
            let after = json!({ "count": rest, "addresses": "others" });
            records.push(decision.record("auth.failure", "").after(after).result("refused"));
        }
        records
    }
}

impl Counts {
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

fn record(address: Address, refusal: &Refusal, count: u64) -> Record {
    let mut decision = Decision::of_kind(ActorKind::Host, "hookyard");
    decision.actor.address = address.map(|address| address.to_string());
    let after = json!({ "count": count, "token": refusal.word() });
    decision.record("auth.failure", refusal.token()).after(after).result("refused")
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

    fn counts(records: &[Record]) -> Vec<String> {
        records.iter().map(|record| record.stored_after().unwrap()).collect()
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
            [r#"{"count":7,"token":"unknown"}"#, r#"{"count":1,"token":"revoked"}"#]
        );
        assert_eq!(records[1].target(), "ci");
        count(&Refusal::Missing, 160_002);
        assert_eq!(counts(&failures.take(160_003, true)), [r#"{"count":1,"token":"missing"}"#], "at the end");
        assert_eq!(counts(&failures.take(999_999, true)), [""; 0]);
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
            assert!(failures.lock().unrecorded.len() <= ADDRESSES_MAX);
            for record in failures.take(now, minute + 1 == 24 * 60) {
                let after: serde_json::Value = serde_json::from_str(&record.stored_after().unwrap()).unwrap();
                entries += 1;
                recorded += after["count"].as_u64().unwrap();
            }
        }
        assert_eq!(recorded, made, "all are counted");
        assert!(entries <= 100 + 288 + 26, "{entries}");
    }
}
