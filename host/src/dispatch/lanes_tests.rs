use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::delivery::DeliveryId;
use crate::event::{Digest, Event};

fn name(plugin: &str) -> PluginName {
    PluginName::new(plugin).unwrap()
}

fn delivery(plugin: &str, seq: i64) -> Delivery {
    let event = Event {
        source: name("s"),
        id: seq.to_string(),
        event_type: "t".into(),
        created: String::new(),
        received_at: 0,
        body: Bytes::new(),
        payload: 0..0,
        ordering_key: None,
        origin: None,
        digest: Digest([0; 32]),
    };
    Delivery {
        id: DeliveryId { event: seq, number: 1 },
        event: Arc::new(event),
        plugin: name(plugin),
        attempts: 0,
        order: None,
    }
}

/// Lanes whose first lease, which every new plugin makes, is over.
fn lanes(concurrency: usize, window: usize, plugins: &[(&str, usize)]) -> Lanes<Delivery> {
    let mut lanes = Lanes::new(concurrency, window);
    for (plugin, concurrency) in plugins {
        assert!(lanes.open(&name(plugin), *concurrency));
    }
    while let Some((plugin, _)) = lanes.next_lease(0) {
        lanes.leased(&plugin, Leased { waiting: Vec::new(), more: false });
    }
    lanes
}

fn starts(lanes: &mut Lanes<Delivery>) -> Vec<String> {
    std::iter::from_fn(|| lanes.start()).map(|d| format!("{}{}", d.plugin, d.id.event)).collect()
}

#[test]
fn plugins_take_turns_within_their_own_and_the_hosts_concurrency() {
    let mut lanes = lanes(3, 10, &[("a", 10), ("b", 1)]);
    for seq in 1..=4 {
        assert!(lanes.offer(delivery("a", seq)));
    }
    assert!(lanes.offer(delivery("b", 5)) && lanes.offer(delivery("b", 6)));
    assert_eq!(starts(&mut lanes), ["a1", "b5", "a2"]);
    lanes.ended(&name("a"), None);
    assert_eq!(starts(&mut lanes), ["a3"]);
    lanes.ended(&name("b"), None);
    assert_eq!(starts(&mut lanes), ["a4"]);
    lanes.ended(&name("a"), None);
    assert_eq!(starts(&mut lanes), ["b6"]);
}

#[test]
fn a_full_window_leaves_the_rest_in_the_database_and_leases_it_in_order() {
    let mut lanes = lanes(1, 2, &[("a", 1)]);
    assert!(lanes.offer(delivery("a", 1)) && lanes.offer(delivery("a", 2)));
    assert!(!lanes.offer(delivery("a", 3)), "the window is full");
    assert_eq!(lanes.next_lease(0), None, "not before it is half empty");
    assert_eq!(starts(&mut lanes), ["a1"]);
    assert!(!lanes.offer(delivery("a", 4)), "there is room, but 3 is before it");
    assert_eq!(lanes.next_lease(0), Some((name("a"), 1)));
    assert_eq!(lanes.next_lease(0), None, "one lease at a time");
    lanes.leased(&name("a"), Leased { waiting: vec![delivery("a", 3)], more: true });
    for expected in ["a2", "a3"] {
        lanes.ended(&name("a"), None);
        assert_eq!(starts(&mut lanes), [expected]);
    }
    assert_eq!(lanes.next_lease(0), Some((name("a"), 2)), "the database has more");
}

#[test]
fn what_waits_is_leased_when_it_is_due() {
    let mut lanes = lanes(1, 2, &[("a", 1)]);
    assert!(lanes.offer(delivery("a", 1)));
    starts(&mut lanes);
    lanes.ended(&name("a"), Some(100));
    assert_eq!(lanes.next_due(), Some(100));
    assert_eq!(lanes.next_lease(99), None);
    assert_eq!(lanes.next_lease(100), Some((name("a"), 2)));
}

#[test]
fn a_plugin_that_is_gone_gives_back_what_had_not_started() {
    let mut lanes = lanes(1, 9, &[("a", 1)]);
    assert!(lanes.offer(delivery("a", 1)) && lanes.offer(delivery("a", 2)));
    starts(&mut lanes);
    assert_eq!(lanes.close(&name("a")).len(), 1);
    assert!(!lanes.offer(delivery("a", 3)));
    lanes.ended(&name("a"), None);
    assert_eq!(lanes.running(), 0);
    let late = Leased { waiting: vec![delivery("a", 4)], more: false };
    assert_eq!(lanes.leased(&name("a"), late).len(), 1);
}

#[test]
fn what_still_runs_of_a_plugin_counts_when_it_is_back() {
    let mut lanes = lanes(9, 9, &[("a", 2)]);
    for seq in 1..=2 {
        assert!(lanes.offer(delivery("a", seq)));
    }
    assert_eq!(starts(&mut lanes), ["a1", "a2"]);
    lanes.close(&name("a"));
    lanes.ended(&name("a"), None);
    assert!(lanes.open(&name("a"), 2));
    assert_eq!(lanes.next_lease(0), Some((name("a"), 9)));
    let deliveries = (3..=5).map(|seq| delivery("a", seq)).collect();
    lanes.leased(&name("a"), Leased { waiting: deliveries, more: false });
    assert_eq!(starts(&mut lanes), ["a3"], "one of before still runs");
    for expected in ["a4", "a5"] {
        lanes.ended(&name("a"), None);
        assert_eq!(starts(&mut lanes), [expected]);
    }
    lanes.ended(&name("a"), None);
    lanes.ended(&name("a"), None);
    assert_eq!(lanes.running(), 0);
}

#[test]
fn nothing_starts_once_stopped() {
    let mut lanes = lanes(1, 9, &[("a", 1)]);
    assert!(lanes.offer(delivery("a", 1)));
    lanes.stop();
    assert_eq!(starts(&mut lanes), [""; 0]);
    assert!(!lanes.offer(delivery("a", 2)));
}
