use super::*;
use crate::delivery::Failure;
use crate::dispatch::testing::delivery;
use crate::event::Digest;

const RETRY: Retry = Retry {
    attempts_max: 5,
    age_max: Duration::from_secs(10),
    backoff: Backoff { base: Duration::from_millis(4), max: Duration::from_secs(1) },
};

/// Returns the decision after an attempt at a delivery whose time began at 0.
fn after(failures: u32, attempt: &Attempt, now_ms: u64) -> Decision {
    next(&Delivery { failures, ..delivery("p", 1) }, attempt, &RETRY, now_ms)
}

fn attempt(number: u32, failure: Option<(Outcome, Cause, Option<u64>)>) -> Attempt {
    let reason = String::new();
    Attempt {
        number,
        started_at: 0,
        duration_us: 0,
        revision: Digest([0; 32]),
        peak_memory_bytes: 0,
        logs: Vec::new(),
        failure: failure.map(|(outcome, cause, after_ms)| Failure { outcome, cause, reason, after_ms }),
    }
}

fn retry(cause: Cause, after_ms: u64) -> (Outcome, Cause, Option<u64>) {
    (Outcome::Retry, cause, Some(after_ms))
}

#[test]
fn an_outcome_the_failures_before_and_the_time_decide() {
    use Cause::{Handler, Host, Payload, Timeout, Trap};
    let attempts = Some("out of attempts (5)");
    let time = Some("out of time (10 s)");
    for (number, before, failure, now, next, failures, given_up) in [
        (1, 0, None, 50, NextStep::Done, 0, None),
        (5, 4, None, 50, NextStep::Done, 4, None),
        (1, 0, Some((Outcome::Rejected, Payload, None)), 50, NextStep::Dead, 1, None),
        (4, 3, Some(retry(Handler, 70)), 50, NextStep::Wait(50 + 70), 4, None),
        (1, 0, Some(retry(Trap, 9_999)), 50, NextStep::Wait(50 + 1000), 1, None),
        (5, 4, Some(retry(Timeout, 7)), 50, NextStep::Dead, 5, attempts),
        (6, 5, Some(retry(Handler, 70)), 50, NextStep::Dead, 6, attempts),
        // Failures of the host do not count as attempts.
        (5, 1, Some(retry(Handler, 70)), 50, NextStep::Wait(50 + 70), 2, None),
        (9, 4, Some(retry(Host, 70)), 50, NextStep::Wait(50 + 70), 4, None),
        (9, 4, Some(retry(Handler, 70)), 50, NextStep::Dead, 5, attempts),
        // The last attempt is made when its time is over, and none after it.
        (1, 0, Some(retry(Handler, 7)), 9_992, NextStep::Wait(9_999), 1, None),
        (1, 0, Some(retry(Handler, 700)), 9_990, NextStep::Wait(10_000), 1, None),
        (1, 0, Some(retry(Handler, 700)), 10_000, NextStep::Dead, 1, time),
        (5, 4, Some(retry(Handler, 700)), 10_000, NextStep::Dead, 5, attempts),
        (1, 0, Some(retry(Host, 700)), 9_990, NextStep::Wait(10_000), 0, None),
        (1, 0, Some(retry(Host, 700)), 20_000, NextStep::Wait(20_700), 0, None),
    ] {
        let expected = Decision { next, failures, given_up: given_up.map(str::to_owned) };
        assert_eq!(after(before, &attempt(number, failure), now), expected, "{number} {before} {failure:?}");
    }
}

const SLOW: Backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) };

#[test]
fn the_wait_doubles_up_to_its_limit_and_half_of_it_is_random() {
    use Cause::{Handler, Host};
    for (number, before, cause, longest) in [
        (1, 0, Handler, 100),
        (2, 1, Handler, 200),
        (4, 3, Handler, 800),
        (9, 0, Handler, 100),
        (9, 3, Handler, 800),
        (3, 2, Host, 100),
        (4, 2, Host, 200),
        (40, 2, Host, 1000),
    ] {
        let failed = attempt(number, Some((Outcome::Retry, cause, None)));
        let delivery = Delivery { failures: before, ..delivery("p", 1) };
        let waits: Vec<u64> = (0..200)
            .map(|_| match next(&delivery, &failed, &Retry { backoff: SLOW, ..RETRY }, 0).next {
                NextStep::Wait(ms) => ms,
                other => panic!("{other:?}"),
            })
            .collect();
        let half = longest / 2;
        assert!(
            waits.iter().all(|ms| (half..=longest).contains(ms)),
            "{number} {before} {cause:?}: {waits:?}"
        );
        assert!(waits.iter().any(|ms| *ms < half * 5 / 4) && waits.iter().any(|ms| *ms > half * 7 / 4));
    }
}

#[test]
fn a_requested_wait_is_at_least_the_backoff_and_at_most_its_limit() {
    for (number, asked_ms, least, most) in [
        (1, 0, 50, 100),
        (1, 1, 50, 100),
        (3, 0, 200, 400),
        (30, 0, 500, 1000),
        (1, 300, 300, 300),
        (3, 300, 300, 400),
        (1, 5_000, 1000, 1000),
        (1, u64::MAX, 1000, 1000),
    ] {
        for _ in 0..50 {
            let wait = due(number, Some(Duration::from_millis(asked_ms)), SLOW, 7) - 7;
            assert!((least..=most).contains(&wait), "{number} {asked_ms}: {wait}");
        }
    }
    let shortest = Backoff { base: Duration::from_millis(1), max: Duration::from_millis(1) };
    assert_eq!(due(1, None, shortest, 7), 8);
}

#[test]
fn times_are_printed_in_whole_units() {
    for (ms, expected) in [(259_200_000, "72 h"), (5_400_000, "90 min"), (61_000, "61 s"), (1_500, "1500 ms")]
    {
        assert_eq!(words(Duration::from_millis(ms)), expected);
    }
}
