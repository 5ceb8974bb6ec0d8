//! Waiting for a condition.

use std::time::{Duration, Instant};

/// Longest wait for anything: far more than any takes, so that a slow machine fails no test.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// Asks again and again until there is an answer; fails with `what` at the limit.
pub(crate) async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    until_within(LIMIT, what, ask).await
}

/// As [`until`], with a limit of its own.
pub(crate) async fn until_within<T>(
    limit: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
