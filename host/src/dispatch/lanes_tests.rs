use super::*;
use crate::dispatch::testing::{delivery, id, name};

/// Lanes after the first lease that every new plugin makes.
fn lanes(concurrency: usize, window: usize, plugins: &[(&str, usize)]) -> Lanes<Delivery> {
    let mut lanes = Lanes::new(concurrency, window);
    for (plugin, concurrency) in plugins {
        assert!(lanes.open(&name(plugin), *concurrency));
    }
    while let Some((plugin, _)) = lanes.next_lease(0) {
        lanes.add_leased(&plugin, LeasedItems { items: Vec::new(), more: false });
    }
    lanes
}

fn starts(lanes: &mut Lanes<Delivery>) -> Vec<String> {
    std::iter::from_fn(|| lanes.start()).map(|d| format!("{}{}", d.plugin, d.id.event)).collect()
}

/// Ends an attempt that indicates nothing about its plugin.
fn end(lanes: &mut Lanes<Delivery>, plugin: &str, due: Option<u64>) {
    lanes.complete(&name(plugin), &Completion { id: id(0), due, signal: AttemptSignal::Neutral }, 0);
}

#[test]
fn the_plugin_with_the_fewest_under_way_is_next() {
    let mut lanes = lanes(9, 10, &[("a", 10), ("b", 2)]);
    for seq in 1..=3 {
        assert!(lanes.offer(delivery("a", seq)));
    }
    for seq in 4..=6 {
        assert!(lanes.offer(delivery("b", seq)));
    }
    assert_eq!(starts(&mut lanes), ["a1", "b4", "a2", "b5", "a3"], "b may have two at once");
    end(&mut lanes, "b", None);
    end(&mut lanes, "a", None);
    assert!(lanes.offer(delivery("a", 7)));
    assert_eq!(starts(&mut lanes), ["b6", "a7"]);
}

/// Starts plugins in this order, each with more than enough work. Returns the number of running
/// attempts of each.
fn places(concurrency: usize, each: usize, plugins: &[&str]) -> Vec<usize> {
    let all: Vec<_> = plugins.iter().map(|plugin| (*plugin, each)).collect();
    let mut lanes = lanes(concurrency, 100, &all);
    let mut running = vec![0; plugins.len()];
    for plugin in plugins {
        for seq in 1..=50 {
            assert!(lanes.offer(delivery(plugin, seq)));
        }
        while let Some(started) = lanes.start() {
            running[plugins.iter().position(|plugin| started.plugin == name(plugin)).unwrap()] += 1;
        }
    }
    running
}

#[test]
fn a_plugin_takes_at_most_half_of_the_free_slots_and_always_one() {
    for (concurrency, each, plugins, expected) in [
        (64, 16, &["a"][..], &[16][..]),
        (64, 64, &["a"], &[32]),
        (64, 16, &["a", "b", "c"], &[16, 16, 16]),
        (64, 64, &["a", "b", "c"], &[32, 16, 8]),
        (64, 16, &["a", "b", "c", "d", "good"], &[16, 16, 16, 8, 4]),
        (2, 16, &["a", "b", "c"], &[1, 1, 1]),
        (1, 16, &["a", "b"], &[1, 1]),
    ] {
        assert_eq!(places(concurrency, each, plugins), expected, "{concurrency} {each} {plugins:?}");
    }
    let many: Vec<String> = (0..200).map(|n| format!("p{n}")).collect();
    let running = places(64, 16, &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(running.iter().all(|running| *running > 0), "{running:?}");
}

/// As [`places`], but some attempts take several places. Returns the number of running attempts.
fn attempts(concurrency: usize, places_max: usize, plugins: &[(&str, usize)]) -> Vec<usize> {
    let all: Vec<_> = plugins.iter().map(|(plugin, _)| (*plugin, 64)).collect();
    let mut lanes = lanes(concurrency, 100, &all).with_places(places_max);
    for (plugin, cost) in plugins {
        lanes.cost(&name(plugin), *cost);
    }
    let mut running = vec![0; plugins.len()];
    for (at, (plugin, _)) in plugins.iter().enumerate() {
        for seq in 1..=50 {
            assert!(lanes.offer(delivery(plugin, seq)));
        }
        running[at] = starts(&mut lanes).len();
    }
    running
}

#[test]
fn an_attempt_counts_as_the_places_that_it_takes() {
    for (concurrency, places_max, plugins, expected) in [
        (64, 256, &[("eight", 8)][..], &[4][..]),
        (64, 256, &[("a", 8), ("b", 8), ("good", 1)], &[4, 2, 8]),
        (64, 256, &[("good", 1), ("a", 8), ("b", 8)], &[32, 2, 1]),
        // The first attempt always starts.
        (4, 256, &[("a", 8), ("b", 8), ("good", 1)], &[1, 1, 1]),
        // At any concurrency, there is room for the first attempts of the other plugins.
        (20, 20, &[("a", 1), ("b", 8), ("c", 1)], &[10, 1, 1]),
        (20, 20, &[("a", 6), ("b", 8), ("c", 1)], &[1, 1, 3]),
        // If there are too few places for all first attempts, half of them are used nevertheless.
        (8, 8, &[("a", 1), ("b", 8), ("c", 1)], &[4, 1, 1]),
    ] {
        assert_eq!(
            attempts(concurrency, places_max, plugins),
            expected,
            "{concurrency} {places_max} {plugins:?}"
        );
    }
}

#[test]
fn an_attempt_releases_the_slots_that_it_took_after_any_swap() {
    let mut lanes = lanes(16, 100, &[("a", 64), ("good", 64)]);
    lanes.cost(&name("a"), 8);
    for seq in 1..=50 {
        assert!(lanes.offer(delivery("a", seq)));
    }
    assert_eq!(starts(&mut lanes), ["a1"]);
    lanes.cost(&name("a"), 1);
    assert_eq!(starts(&mut lanes), [""; 0], "the one that runs takes eight");
    let completion = Completion { id: id(1), due: None, signal: AttemptSignal::Neutral };
    lanes.complete(&name("a"), &completion, 0);
    assert_eq!(starts(&mut lanes).len(), 8);
    lanes.close(&name("a"));
    for seq in 2..=9 {
        lanes.complete(&name("a"), &Completion { id: id(seq), due: None, signal: AttemptSignal::Neutral }, 0);
    }
    for seq in 1..=50 {
        assert!(lanes.offer(delivery("good", seq)));
    }
    assert_eq!(starts(&mut lanes).len(), 8, "half of all places are free for it");
}

#[test]
fn freed_slots_go_to_the_plugins_with_the_fewest() {
    let mut lanes = lanes(8, 100, &[("bad", 8), ("good", 8)]);
    for seq in 1..=50 {
        assert!(lanes.offer(delivery("bad", seq)));
    }
    assert_eq!(starts(&mut lanes).len(), 4);
    for seq in 1..=50 {
        assert!(lanes.offer(delivery("good", seq)));
    }
    assert_eq!(starts(&mut lanes), ["good1", "good2"]);
    end(&mut lanes, "bad", None);
    assert_eq!(starts(&mut lanes), ["good3"], "and not another bad one");
    // A plugin whose attempts end at once continues without end, whatever the others do.
    for seq in 4..=20 {
        end(&mut lanes, "good", None);
        assert_eq!(starts(&mut lanes), [format!("good{seq}")]);
    }
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
    lanes.add_leased(&name("a"), LeasedItems { items: vec![delivery("a", 3)], more: true });
    for expected in ["a2", "a3"] {
        end(&mut lanes, "a", None);
        assert_eq!(starts(&mut lanes), [expected]);
    }
    assert_eq!(lanes.next_lease(0), Some((name("a"), 2)), "the database has more");
}

#[test]
fn waiting_deliveries_are_leased_when_due() {
    let mut lanes = lanes(1, 2, &[("a", 1)]);
    assert!(lanes.offer(delivery("a", 1)));
    starts(&mut lanes);
    end(&mut lanes, "a", Some(100));
    assert_eq!(lanes.next_due(), Some(100));
    assert_eq!(lanes.next_lease(99), None);
    assert_eq!(lanes.next_lease(100), Some((name("a"), 2)));
}

#[test]
fn a_removed_plugin_releases_items_that_had_not_started() {
    let mut lanes = lanes(1, 9, &[("a", 1)]);
    assert!(lanes.offer(delivery("a", 1)) && lanes.offer(delivery("a", 2)));
    starts(&mut lanes);
    assert_eq!(lanes.close(&name("a")).len(), 1);
    assert!(!lanes.offer(delivery("a", 3)));
    end(&mut lanes, "a", None);
    assert_eq!(lanes.running(), 0);
    let late = LeasedItems { items: vec![delivery("a", 4)], more: false };
    assert_eq!(lanes.add_leased(&name("a"), late).len(), 1);
}

#[test]
fn running_calls_of_a_plugin_count_after_its_return() {
    let mut lanes = lanes(9, 9, &[("a", 2)]);
    for seq in 1..=2 {
        assert!(lanes.offer(delivery("a", seq)));
    }
    assert_eq!(starts(&mut lanes), ["a1", "a2"]);
    lanes.close(&name("a"));
    end(&mut lanes, "a", None);
    assert!(lanes.open(&name("a"), 2));
    assert_eq!(lanes.next_lease(0), Some((name("a"), 9)));
    let deliveries = (3..=5).map(|seq| delivery("a", seq)).collect();
    lanes.add_leased(&name("a"), LeasedItems { items: deliveries, more: false });
    assert_eq!(starts(&mut lanes), ["a3"], "one of before still runs");
    for expected in ["a4", "a5"] {
        end(&mut lanes, "a", None);
        assert_eq!(starts(&mut lanes), [expected]);
    }
    end(&mut lanes, "a", None);
    end(&mut lanes, "a", None);
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

/// A lane of three places whose breaker opens at two failures, with four deliveries, and more in the
/// database. The window is of ten.
fn failing() -> Lanes<Delivery> {
    let mut lanes = lanes(9, 10, &[("a", 3)]);
    let rules = Breaking { failures_percent: 100, deliveries: 2, pause_ms: 100, pause_max_ms: 1000 };
    lanes.renew(&name("a"), rules);
    assert_eq!(lanes.next_lease(0), Some((name("a"), 10)));
    let items = (1..=4).map(|seq| delivery("a", seq)).collect();
    assert!(lanes.add_leased(&name("a"), LeasedItems { items, more: true }).is_empty());
    assert_eq!(starts(&mut lanes), ["a1", "a2", "a3"]);
    lanes
}

/// Ends an attempt with this signal. Returns the items that the window no longer takes, and whether the
/// breaker changed.
fn complete(lanes: &mut Lanes<Delivery>, seq: i64, signal: AttemptSignal, now_ms: u64) -> (Vec<i64>, bool) {
    let after = lanes.complete(&name("a"), &Completion { id: id(seq), due: None, signal }, now_ms);
    (after.surplus.iter().map(|delivery| delivery.id.event).collect(), after.transition.is_some())
}

#[test]
fn a_paused_plugin_keeps_nothing_and_takes_nothing_until_its_pause_ends() {
    let mut lanes = failing();
    assert_eq!(complete(&mut lanes, 1, AttemptSignal::Failure, 5), (vec![], false));
    assert_eq!(starts(&mut lanes), ["a4"]);
    assert_eq!(lanes.next_lease(5), Some((name("a"), 10)));
    assert_eq!(complete(&mut lanes, 2, AttemptSignal::Failure, 10), (vec![], true));
    // The items of a lease under way are returned, and so are offered ones.
    let late = LeasedItems { items: vec![delivery("a", 5), delivery("a", 6)], more: false };
    assert_eq!(lanes.add_leased(&name("a"), late).len(), 2);
    assert!(!lanes.offer(delivery("a", 7)));
    assert_eq!(starts(&mut lanes), [""; 0]);
    lanes.rescan();
    assert_eq!((lanes.next_lease(109), lanes.next_due()), (None, Some(110)));
    // Attempts that still run end, and change nothing.
    assert_eq!(complete(&mut lanes, 3, AttemptSignal::Success, 50), (vec![], false));
    assert_eq!((lanes.next_lease(110), lanes.next_due()), (Some((name("a"), 1)), None));
}

#[test]
fn a_plugin_that_was_paused_is_tried_with_one_at_a_time() {
    for (word, transition, leases) in [
        (AttemptSignal::Success, true, Some(10)),
        (AttemptSignal::Failure, true, None),
        (AttemptSignal::Neutral, false, Some(1)),
    ] {
        let mut lanes = failing();
        complete(&mut lanes, 1, AttemptSignal::Failure, 0);
        assert_eq!(starts(&mut lanes), ["a4"]);
        complete(&mut lanes, 2, AttemptSignal::Failure, 0);
        assert_eq!(lanes.next_lease(100), Some((name("a"), 1)));
        assert!(
            lanes
                .add_leased(&name("a"), LeasedItems { items: vec![delivery("a", 5)], more: true })
                .is_empty()
        );
        assert!(!lanes.offer(delivery("a", 6)), "one waits");
        assert_eq!(starts(&mut lanes), ["a5"]);
        assert_eq!(lanes.next_lease(100), None, "one runs");
        assert_eq!(complete(&mut lanes, 5, word, 100), (vec![], transition));
        assert_eq!(lanes.next_lease(100), leases.map(|limit| (name("a"), limit)), "{word:?}");
    }
}

#[test]
fn a_plugin_with_nothing_to_try_it_with_is_tried_with_what_comes() {
    let mut lanes = failing();
    complete(&mut lanes, 1, AttemptSignal::Failure, 0);
    complete(&mut lanes, 2, AttemptSignal::Failure, 0);
    assert_eq!(lanes.next_lease(100), Some((name("a"), 1)));
    assert!(lanes.add_leased(&name("a"), LeasedItems { items: Vec::new(), more: false }).is_empty());
    assert!(lanes.offer(delivery("a", 9)) && !lanes.offer(delivery("a", 10)));
    assert_eq!(starts(&mut lanes), ["a9"]);
}

#[test]
fn another_revision_ends_the_pause_at_once() {
    let mut lanes = failing();
    complete(&mut lanes, 1, AttemptSignal::Failure, 0);
    complete(&mut lanes, 2, AttemptSignal::Failure, 0);
    assert_eq!(lanes.next_lease(1), None);
    lanes.renew(&name("a"), Breaking::NEVER);
    assert_eq!(lanes.next_lease(1), Some((name("a"), 10)));
    // An attempt of the earlier plugin does not count for this one.
    assert_eq!(complete(&mut lanes, 3, AttemptSignal::Failure, 1), (vec![], false));
}
