//! What follows an attempt: pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use retry_policies::policies::ExponentialBackoff;
use retry_policies::{Jitter, RetryDecision, RetryPolicy as _};

use crate::delivery::{Attempt, Cause, Next, Outcome};
use crate::plugins::Retry;

/// Decides: done, a dead letter, or again after exponential backoff with full jitter. A handler's
/// own `after-ms` counts instead, up to the longest backoff.
pub(super) fn next(attempt: &Attempt, retry: &Retry, now_ms: u64) -> Next {
    let Some(failure) = &attempt.failure else { return Next::Done };
    let out_of_attempts = attempt.number >= retry.attempts_max && failure.cause != Cause::Host;
    if failure.outcome == Outcome::Rejected || out_of_attempts {
        return Next::Dead;
    }
    let after = failure.after_ms.map(Duration::from_millis);
    Next::Wait(due(attempt.number, after, retry, now_ms))
}

/// When something is due again that was tried `number` times: after exponential backoff with full jitter,
/// or after what was asked for instead, up to the longest backoff.
pub(super) fn due(number: u32, after: Option<Duration>, retry: &Retry, now_ms: u64) -> u64 {
    let wait = after.unwrap_or_else(|| backoff(number, retry));
    now_ms.saturating_add(millis(wait.min(retry.backoff_max)))
}

fn backoff(number: u32, retry: &Retry) -> Duration {
    let base = retry.backoff_base.min(retry.backoff_max);
    // How often is decided elsewhere; what the host failed is tried for ever.
    let policy = ExponentialBackoff::builder()
        .retry_bounds(base, retry.backoff_max)
        .jitter(Jitter::Full)
        .build_with_max_retries(u32::MAX);
    let now = SystemTime::now();
    match policy.should_retry(now, number.saturating_sub(1)) {
        RetryDecision::Retry { execute_after } => execute_after.duration_since(now).unwrap_or_default(),
        // Only after more attempts than the plugin has: those that the host itself failed.
        RetryDecision::DoNotRetry => retry.backoff_max,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Time until a moment given in ms since the Unix epoch.
pub(super) fn until(at_ms: u64) -> Duration {
    (UNIX_EPOCH + Duration::from_millis(at_ms)).duration_since(SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Failure;
    use crate::event::Digest;

    const RETRY: Retry = Retry {
        attempts_max: 5,
        backoff_base: Duration::from_millis(100),
        backoff_max: Duration::from_secs(1),
    };

    fn attempt(number: u32, failure: Option<(Outcome, Option<u64>)>) -> Attempt {
        let failure = failure.map(|(outcome, after_ms)| Failure {
            outcome,
            cause: Cause::Handler,
            reason: String::new(),
            after_ms,
        });
        Attempt {
            number,
            started_at: 0,
            duration_us: 0,
            revision: Digest([0; 32]),
            peak_memory_bytes: 0,
            logs: Vec::new(),
            failure,
        }
    }

    #[test]
    fn an_outcome_and_the_number_of_attempts_decide() {
        let retry = |after| Some((Outcome::Retry, after));
        for (number, failure, expected) in [
            (1, None, Next::Done),
            (5, None, Next::Done),
            (1, Some((Outcome::Rejected, None)), Next::Dead),
            (4, retry(Some(7)), Next::Wait(50 + 7)),
            (1, retry(Some(9_999)), Next::Wait(50 + 1000)),
            (5, retry(Some(7)), Next::Dead),
            (6, retry(None), Next::Dead),
        ] {
            assert_eq!(next(&attempt(number, failure), &RETRY, 50), expected, "{number} {failure:?}");
        }
    }

    #[test]
    fn what_the_host_failed_never_makes_a_dead_letter() {
        let mut attempt = attempt(9, Some((Outcome::Retry, None)));
        attempt.failure.as_mut().unwrap().cause = Cause::Host;
        assert!(matches!(next(&attempt, &RETRY, 0), Next::Wait(0..=1000)));
    }

    #[test]
    fn the_wait_doubles_up_to_its_limit_and_is_spread_over_all_of_it() {
        for (number, longest) in [(1, 100), (2, 200), (3, 400), (4, 800)] {
            let waits: Vec<u64> = (0..200)
                .map(|_| match next(&attempt(number, Some((Outcome::Retry, None))), &RETRY, 0) {
                    Next::Wait(ms) => ms,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert!(waits.iter().all(|ms| *ms <= longest), "{number}: {waits:?}");
            assert!(waits.iter().any(|ms| *ms < longest / 4) && waits.iter().any(|ms| *ms > longest / 2));
        }
    }
}
