use super::Says::{Fails, Nothing, Works};
use super::Turned::{Paused, PausedAgain, Resumed};
use super::*;

const RULES: Breaking = Breaking { failures_percent: 75, deliveries: 4, pause_ms: 100, pause_max_ms: 300 };

/// Makes one attempt after the other; what each changed.
fn turned(breaker: &mut Breaker<u32>, now_ms: u64, attempts: &[(u32, Says)]) -> Vec<Option<Turned>> {
    let one = |(id, says): &(u32, Says)| {
        breaker.begin(*id);
        breaker.end(*id, *says, now_ms)
    };
    attempts.iter().map(one).collect()
}

/// A breaker that has just paused its plugin, at 0.
fn open() -> Breaker<u32> {
    let mut breaker = Breaker::new(RULES);
    turned(&mut breaker, 0, &[(1, Fails), (2, Fails), (3, Fails), (4, Fails)]);
    assert_eq!((breaker.most(), breaker.until()), (0, Some(100)));
    breaker
}

#[test]
fn enough_of_the_latest_deliveries_must_have_failed() {
    let all = |failed| Some(Paused { failed, of: 4, pause_ms: 100, until: 100 });
    for (attempts, last) in [
        (&[(1, Fails), (2, Fails), (3, Fails)][..], None),
        (&[(1, Fails), (2, Fails), (3, Fails), (4, Fails)], all(4)),
        (&[(1, Works), (2, Fails), (3, Fails), (4, Fails)], all(3)),
        (&[(1, Works), (2, Works), (3, Fails), (4, Fails)], None),
        // Old ones are forgotten.
        (&[(1, Works), (2, Works), (3, Fails), (4, Fails), (5, Fails)], all(3)),
        // It is a failure that pauses.
        (&[(1, Fails), (2, Fails), (3, Fails), (4, Works)], None),
        // What says nothing is not counted.
        (&[(1, Fails), (2, Fails), (3, Fails), (4, Nothing), (5, Nothing)], None),
        // One delivery counts once, however often it failed, and as it ended last.
        (&[(1, Fails), (1, Fails), (1, Fails), (1, Fails), (2, Works)], None),
        (&[(1, Fails), (2, Fails), (3, Works), (1, Works), (4, Fails), (2, Fails)], None),
    ] {
        let changes = turned(&mut Breaker::new(RULES), 0, attempts);
        assert_eq!(changes.last(), Some(&last), "{attempts:?}");
        assert!(changes.iter().rev().skip(1).all(Option::is_none), "{attempts:?}: {changes:?}");
    }
}

#[test]
fn a_percentage_of_0_never_pauses_and_one_of_100_only_when_all_failed() {
    let failing: Vec<_> = (0..20).map(|id| (id, Fails)).collect();
    let mut never = Breaker::new(Breaking { failures_percent: 0, ..RULES });
    assert_eq!(turned(&mut never, 0, &failing), [None; 20]);
    let mut all = Breaker::new(Breaking { failures_percent: 100, ..RULES });
    assert_eq!(turned(&mut all, 0, &[(1, Works), (2, Fails), (3, Fails), (4, Fails)]), [None; 4]);
    assert!(turned(&mut all, 0, &[(5, Fails)])[0].is_some());
}

#[test]
fn after_its_pause_one_is_tried_at_a_time_until_one_tells() {
    for (says, most, change) in [
        (Works, usize::MAX, Some(Resumed)),
        (Fails, 0, Some(PausedAgain { pause_ms: 200, until: 310 })),
        (Nothing, 1, None),
    ] {
        let mut breaker = open();
        assert!(!breaker.look(99), "not before its time");
        assert!(breaker.look(100) && !breaker.look(101), "it ends once");
        assert_eq!((breaker.most(), breaker.until()), (1, None));
        assert_eq!(turned(&mut breaker, 110, &[(9, says)]), [change], "{says:?}");
        assert_eq!(breaker.most(), most, "{says:?}");
    }
}

#[test]
fn pauses_double_up_to_the_longest_and_begin_anew_once_it_works() {
    let mut breaker = open();
    let mut now = 100;
    for pause_ms in [200, 300, 300] {
        assert!(breaker.look(now));
        let until = now + pause_ms;
        assert_eq!(turned(&mut breaker, now, &[(9, Fails)]), [Some(PausedAgain { pause_ms, until })]);
        now = until;
    }
    assert!(breaker.look(now));
    assert_eq!(turned(&mut breaker, now, &[(9, Works)]), [Some(Resumed)]);
    let changes = turned(&mut breaker, now, &[(1, Fails), (2, Fails), (3, Fails), (4, Fails)]);
    assert_eq!(changes[3], Some(Paused { failed: 4, of: 4, pause_ms: 100, until: now + 100 }));
}

#[test]
fn what_began_before_a_pause_says_nothing_after_it() {
    let mut breaker = Breaker::new(RULES);
    for id in 1..=8 {
        breaker.begin(id);
    }
    for id in 1..=4 {
        breaker.end(id, Fails, 0);
    }
    assert_eq!((breaker.until(), breaker.begun()), (Some(100), 0));
    assert_eq!(breaker.end(5, Works, 50), None);
    assert!(breaker.look(100));
    breaker.begin(9);
    assert_eq!((breaker.end(6, Works, 110), breaker.end(7, Fails, 110)), (None, None));
    assert_eq!((breaker.most(), breaker.begun()), (1, 1));
    assert_eq!(breaker.end(9, Works, 120), Some(Resumed));
    // Nor once it works again.
    assert_eq!(breaker.end(8, Fails, 130), None);
}

#[test]
fn a_clock_that_is_set_back_does_not_make_a_pause_longer() {
    let mut breaker = Breaker::new(RULES);
    turned(&mut breaker, 1_000_000, &[(1, Fails), (2, Fails), (3, Fails), (4, Fails)]);
    assert!(!breaker.look(1_000_000));
    assert!(breaker.look(10));
}
