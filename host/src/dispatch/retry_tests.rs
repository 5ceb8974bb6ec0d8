use super::*;
use crate::delivery::Failure;
use crate::dispatch::testing::delivery;
use crate::event::Digest;

const RETRY: Retry = Retry {
    attempts_max: 5,
    age_max: Duration::from_secs(10),
    backoff: Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1) },
};

/// What follows an attempt at a delivery whose time began at 0.
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
        (1, 0, None, 50, Next::Done, 0, None),
        (5, 4, None, 50, Next::Done, 4, None),
        (1, 0, Some((Outcome::Rejected, Payload, None)), 50, Next::Dead, 1, None),
        (4, 3, Some(retry(Handler, 7)), 50, Next::Wait(50 + 7), 4, None),
        (1, 0, Some(retry(Trap, 9_999)), 50, Next::Wait(50 + 1000), 1, None),
        (5, 4, Some(retry(Timeout, 7)), 50, Next::Dead, 5, attempts),
        (6, 5, Some(retry(Handler, 7)), 50, Next::Dead, 6, attempts),
        // What the host failed is not among the attempts that it has.
        (5, 1, Some(retry(Handler, 7)), 50, Next::Wait(50 + 7), 2, None),
        (9, 4, Some(retry(Host, 7)), 50, Next::Wait(50 + 7), 4, None),
        (9, 4, Some(retry(Handler, 7)), 50, Next::Dead, 5, attempts),
        // The last attempt is made when its time is over, and none after it.
        (1, 0, Some(retry(Handler, 7)), 9_992, Next::Wait(9_999), 1, None),
        (1, 0, Some(retry(Handler, 700)), 9_990, Next::Wait(10_000), 1, None),
        (1, 0, Some(retry(Handler, 700)), 10_000, Next::Dead, 1, time),
        (5, 4, Some(retry(Handler, 700)), 10_000, Next::Dead, 5, attempts),
        (1, 0, Some(retry(Host, 700)), 9_990, Next::Wait(10_000), 0, None),
        (1, 0, Some(retry(Host, 700)), 20_000, Next::Wait(20_700), 0, None),
    ] {
        let expected = Decision { next, failures, given_up: given_up.map(str::to_owned) };
        assert_eq!(after(before, &attempt(number, failure), now), expected, "{number} {before} {failure:?}");
    }
}

#[test]
fn the_wait_doubles_up_to_its_limit_and_is_spread_over_all_of_it() {
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
        let waits: Vec<u64> = (0..200)
            .map(|_| match after(before, &failed, 0).next {
                Next::Wait(ms) => ms,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(waits.iter().all(|ms| *ms <= longest), "{number} {before} {cause:?}: {waits:?}");
        assert!(waits.iter().any(|ms| *ms < longest / 4) && waits.iter().any(|ms| *ms > longest / 2));
    }
}

#[test]
fn times_are_told_in_whole_units() {
    for (ms, expected) in [(259_200_000, "72 h"), (5_400_000, "90 min"), (61_000, "61 s"), (1_500, "1500 ms")]
    {
        assert_eq!(words(Duration::from_millis(ms)), expected);
    }
}
