//! Waits for a condition.

use std::time::{Duration, Instant};

/// The longest wait, far longer than any condition takes, so that no test fails on a slow machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// The most by which the host's times seem early, in milliseconds: it waits by the monotonic clock, and shows whole
/// milliseconds of the system clock.
pub(crate) const CLOCKS_DIFFER_MS: u64 = 20;

/// Polls `ask` until it returns a value. Panics with `what` at the limit.
pub(crate) async fn wait_until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    wait_until_within(LIMIT, what, ask).await
}

/// Like [`wait_until`], with its own limit.
pub(crate) async fn wait_until_within<T>(
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
