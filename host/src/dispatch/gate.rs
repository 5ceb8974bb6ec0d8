//! Lets an attempt run alone where the next crash of the host would make a dead letter. Then no other attempt
//! can be the cause of that crash. Attempts at deliveries and at effects share one gate.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, RwLock};
use tokio::time::timeout;

use crate::db::Isolation;

/// See the module.
pub(super) struct Gate {
    /// Read while an attempt runs among others, written while one runs alone.
    everyone: RwLock<()>,
    /// The time that is left for running alone. Held by the only one that does.
    left: Mutex<Duration>,
}

impl Gate {
    /// `left`: for how long attempts may run alone and keep others waiting, all together.
    pub(super) fn new(left: Duration) -> Self {
        Self { everyone: RwLock::new(()), left: Mutex::new(left) }
    }

    /// Runs an attempt in the isolation that it may have. `is_over` reports its end, before an attempt that
    /// has to run alone begins: its commit may be later than the crash that the other one causes.
    pub(super) async fn run<T>(
        &self,
        isolation: Isolation,
        attempt: impl Future<Output = T>,
        is_over: impl FnOnce(),
    ) -> T {
        let attempt = async {
            let done = attempt.await;
            if isolation != Isolation::Any {
                is_over();
            }
            done
        };
        match isolation {
            Isolation::Any => attempt.await,
            Isolation::Careful => {
                let _among_others = self.everyone.read().await;
                attempt.await
            }
            Isolation::Alone => {
                let mut attempt = pin!(attempt);
                let mut left = self.left.lock().await;
                let began = Instant::now();
                let alone = async {
                    let _alone = self.everyone.write().await;
                    attempt.as_mut().await
                };
                let done = timeout(*left, alone).await;
                *left = left.saturating_sub(began.elapsed());
                match done {
                    Ok(done) => done,
                    // Other attempts need not wait for it any longer.
                    Err(_) => attempt.await,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_attempt_that_has_to_run_alone_has_no_company() {
        let gate = Arc::new(Gate::new(Duration::from_mins(1)));
        let (running, most_beside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let attempts = (0..40).map(|number| {
            let (gate, running, most_beside) =
                (Arc::clone(&gate), Arc::clone(&running), Arc::clone(&most_beside));
            let (begun, ended) = (Arc::clone(&begun), Arc::clone(&ended));
            tokio::spawn(async move {
                let isolation = if number % 4 == 0 { Isolation::Alone } else { Isolation::Careful };
                let attempt = async {
                    // An earlier attempt is either known to be over, or still runs beside it.
                    let begun = begun.fetch_add(1, Ordering::Relaxed);
                    if isolation == Isolation::Alone {
                        assert_eq!(ended.load(Ordering::Relaxed), begun);
                    }
                    running.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let beside = running.load(Ordering::Relaxed) - 1;
                    if isolation == Isolation::Alone {
                        assert_eq!(beside, 0);
                    }
                    most_beside.fetch_max(beside, Ordering::Relaxed);
                    running.fetch_sub(1, Ordering::Relaxed);
                };
                let is_over = || {
                    ended.fetch_add(1, Ordering::Relaxed);
                };
                gate.run(isolation, attempt, is_over).await;
            })
        });
        for attempt in attempts.collect::<Vec<_>>() {
            attempt.await.unwrap();
        }
        assert!(most_beside.load(Ordering::Relaxed) > 0);
    }

    #[tokio::test]
    async fn others_wait_for_no_longer_than_the_time_that_is_left() {
        let gate = Gate::new(Duration::from_millis(50));
        let began = Instant::now();
        let endless = gate.run(Isolation::Alone, std::future::pending::<()>(), || {});
        let other = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            gate.run(Isolation::Careful, async {}, || {}).await;
        };
        tokio::select! { biased; () = endless => {}, () = other => {} }
        assert!(began.elapsed() >= Duration::from_millis(50));
    }
}
