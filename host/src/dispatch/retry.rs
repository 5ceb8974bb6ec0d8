//! The next step after an attempt: pure.

use std::time::{Duration, SystemTime};

use retry_policies::policies::ExponentialBackoff;
use retry_policies::{Jitter, RetryDecision, RetryPolicy as _};

use crate::clock;
use crate::delivery::{Attempt, Cause, Delivery, NextStep, Outcome};
use crate::plugins::{Backoff, Retry};

/// The clock of due times has no finer steps.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// The next state of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) next: NextStep,
    /// Its attempts that failed, and not by the host's fault.
    pub(super) failures: u32,
    /// The reason why it is not retried although its failure could pass.
    pub(super) given_up: Option<String>,
}

/// Decides: done, a dead letter, or again after exponential backoff with jitter. A handler's own `after-ms`
/// can make the wait longer, up to the longest backoff; the end of the delivery's time comes before both. A
/// failure of the host is retried without limit.
pub(super) fn next(delivery: &Delivery, attempt: &Attempt, retry: &Retry, now_ms: u64) -> Decision {
    let decided = |next, failures| Decision { next, failures, given_up: None };
    let Some(failure) = &attempt.failure else { return decided(NextStep::Done, delivery.failures) };
    let by_host = failure.cause == Cause::Host;
    let failures = delivery.failures + u32::from(!by_host);
    if failure.outcome == Outcome::Rejected {
        return decided(NextStep::Dead, failures);
    }
    let end = delivery.since.saturating_add(millis(retry.age_max));
    let given_up = if by_host { None } else { given_up(failures, now_ms >= end, retry) };
    if given_up.is_some() {
        return Decision { next: NextStep::Dead, failures, given_up };
    }
    // Each kind of failure backs off by its own number.
    let number = if by_host { attempt.number.saturating_sub(failures) } else { failures };
    let due = due(number, failure.after_ms.map(Duration::from_millis), retry.backoff, now_ms);
    decided(NextStep::Wait(if now_ms < end { due.min(end) } else { due }), failures)
}

fn given_up(failures: u32, is_over: bool, retry: &Retry) -> Option<String> {
    if failures >= retry.attempts_max {
        return Some(format!("out of attempts ({})", retry.attempts_max));
    }
    is_over.then(|| format!("out of time ({})", words(retry.age_max)))
}

/// A time in its largest whole unit.
fn words(time: Duration) -> String {
    match millis(time) {
        ms if ms.is_multiple_of(3_600_000) => format!("{} h", ms / 3_600_000),
        ms if ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
        ms if ms.is_multiple_of(1000) => format!("{} s", ms / 1000),
        ms => format!("{ms} ms"),
    }
}

/// Returns the due time of work that failed `number` times: after exponential backoff, half of it random.
///
/// A wait requested by the other side or by a handler makes it longer, up to the longest backoff, and
/// never shorter: `Retry-After: 0` would use up all attempts at once.
pub(super) fn due(number: u32, asked: Option<Duration>, backoff: Backoff, now_ms: u64) -> u64 {
    let wait = wait(number, backoff).max(asked.unwrap_or_default());
    now_ms.saturating_add(millis(wait.min(backoff.max)))
}

fn wait(number: u32, backoff: Backoff) -> Duration {
    // The number of attempts is limited elsewhere; failures of the host are retried without limit.
    let policy = ExponentialBackoff::builder()
        .retry_bounds(backoff.base.min(backoff.max), backoff.max)
        .jitter(Jitter::None)
        .build_with_max_retries(u32::MAX);
    let now = SystemTime::now();
    let whole = match policy.should_retry(now, number.saturating_sub(1)) {
        RetryDecision::Retry { execute_after } => execute_after.duration_since(now).unwrap_or_default(),
        // Only after more failures than there can be.
        RetryDecision::DoNotRetry => backoff.max,
    };
    // At least half of it: with jitter over all of it, some waits would be next to nothing.
    whole.mul_f64(0.5 + rand::random::<f64>() / 2.0).max(WAIT_MIN)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Time until a moment of the host's time.
pub(super) fn until(at_ms: u64) -> Duration {
    Duration::from_millis(at_ms.saturating_sub(clock::now_ms()))
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
