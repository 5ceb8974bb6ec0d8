use super::AttemptSignal::{Failure, Neutral, Success};
use super::Transition::{Paused, PausedAgain, Resumed};
use super::*;

const RULES: Breaking = Breaking { failures_percent: 75, deliveries: 4, pause_ms: 100, pause_max_ms: 300 };

/// Makes one attempt after the other, and returns the transition after each.
fn turned(
    breaker: &mut Breaker<u32>,
    now_ms: u64,
    attempts: &[(u32, AttemptSignal)],
) -> Vec<Option<Transition>> {
    let one = |(id, signal): &(u32, AttemptSignal)| {
        breaker.begin(*id);
        breaker.end(*id, *signal, now_ms)
    };
    attempts.iter().map(one).collect()
}

/// A breaker that has just paused its plugin, at 0.
fn open() -> Breaker<u32> {
    let mut breaker = Breaker::new(RULES);
    turned(&mut breaker, 0, &[(1, Failure), (2, Failure), (3, Failure), (4, Failure)]);
    assert_eq!((breaker.max_in_flight(), breaker.until()), (0, Some(100)));
    breaker
}

#[test]
fn enough_of_the_latest_deliveries_must_have_failed() {
    let all = |failed| Some(Paused { failed, of: 4, pause_ms: 100, until: 100 });
    for (attempts, last) in [
        (&[(1, Failure), (2, Failure), (3, Failure)][..], None),
        (&[(1, Failure), (2, Failure), (3, Failure), (4, Failure)], all(4)),
        (&[(1, Success), (2, Failure), (3, Failure), (4, Failure)], all(3)),
        (&[(1, Success), (2, Success), (3, Failure), (4, Failure)], None),
        // Old ones are forgotten.
        (&[(1, Success), (2, Success), (3, Failure), (4, Failure), (5, Failure)], all(3)),
        // A failure triggers the pause.
        (&[(1, Failure), (2, Failure), (3, Failure), (4, Success)], None),
        // A neutral signal is not counted.
        (&[(1, Failure), (2, Failure), (3, Failure), (4, Neutral), (5, Neutral)], None),
        // One delivery counts once, with its last outcome, after any number of failures.
        (&[(1, Failure), (1, Failure), (1, Failure), (1, Failure), (2, Success)], None),
        (&[(1, Failure), (2, Failure), (3, Success), (1, Success), (4, Failure), (2, Failure)], None),
    ] {
        let changes = turned(&mut Breaker::new(RULES), 0, attempts);
        assert_eq!(changes.last(), Some(&last), "{attempts:?}");
        assert!(changes.iter().rev().skip(1).all(Option::is_none), "{attempts:?}: {changes:?}");
    }
}

#[test]
fn a_percentage_of_0_never_pauses_and_one_of_100_only_when_all_failed() {
    let failing: Vec<_> = (0..20).map(|id| (id, Failure)).collect();
    let mut never = Breaker::new(Breaking { failures_percent: 0, ..RULES });
    assert_eq!(turned(&mut never, 0, &failing), [None; 20]);
    let mut all = Breaker::new(Breaking { failures_percent: 100, ..RULES });
    assert_eq!(turned(&mut all, 0, &[(1, Success), (2, Failure), (3, Failure), (4, Failure)]), [None; 4]);
    assert!(turned(&mut all, 0, &[(5, Failure)])[0].is_some());
}

#[test]
fn after_its_pause_one_is_tried_at_a_time_until_one_tells() {
    for (signal, most, change) in [
        (Success, usize::MAX, Some(Resumed)),
        (Failure, 0, Some(PausedAgain { pause_ms: 200, until: 310 })),
        (Neutral, 1, None),
    ] {
        let mut breaker = open();
        assert!(!breaker.try_half_open(99), "not before its time");
        assert!(breaker.try_half_open(100) && !breaker.try_half_open(101), "it ends once");
        assert_eq!((breaker.max_in_flight(), breaker.until()), (1, None));
        assert_eq!(turned(&mut breaker, 110, &[(9, signal)]), [change], "{signal:?}");
        assert_eq!(breaker.max_in_flight(), most, "{signal:?}");
    }
}

#[test]
fn pauses_double_up_to_the_longest_and_begin_anew_once_it_works() {
    let mut breaker = open();
    let mut now = 100;
    for pause_ms in [200, 300, 300] {
        assert!(breaker.try_half_open(now));
        let until = now + pause_ms;
        assert_eq!(turned(&mut breaker, now, &[(9, Failure)]), [Some(PausedAgain { pause_ms, until })]);
        now = until;
    }
    assert!(breaker.try_half_open(now));
    assert_eq!(turned(&mut breaker, now, &[(9, Success)]), [Some(Resumed)]);
    let changes = turned(&mut breaker, now, &[(1, Failure), (2, Failure), (3, Failure), (4, Failure)]);
    assert_eq!(changes[3], Some(Paused { failed: 4, of: 4, pause_ms: 100, until: now + 100 }));
}

#[test]
fn an_attempt_that_began_before_a_pause_does_not_count_after_it() {
    let mut breaker = Breaker::new(RULES);
    for id in 1..=8 {
        breaker.begin(id);
    }
    for id in 1..=4 {
        breaker.end(id, Failure, 0);
    }
    assert_eq!((breaker.until(), breaker.in_flight()), (Some(100), 0));
    assert_eq!(breaker.end(5, Success, 50), None);
    assert!(breaker.try_half_open(100));
    breaker.begin(9);
    assert_eq!((breaker.end(6, Success, 110), breaker.end(7, Failure, 110)), (None, None));
    assert_eq!((breaker.max_in_flight(), breaker.in_flight()), (1, 1));
    assert_eq!(breaker.end(9, Success, 120), Some(Resumed));
    // Nor once it works again.
    assert_eq!(breaker.end(8, Failure, 130), None);
}

#[test]
fn a_clock_that_is_set_back_does_not_make_a_pause_longer() {
    let mut breaker = Breaker::new(RULES);
    turned(&mut breaker, 1_000_000, &[(1, Failure), (2, Failure), (3, Failure), (4, Failure)]);
    assert!(!breaker.try_half_open(1_000_000));
    assert!(breaker.try_half_open(10));
}
