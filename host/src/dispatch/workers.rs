//! Threads on which guests run, apart from those that serve senders, operators and the database.
//!
//! A guest that computes without end gives its thread back at every tick only, and whoever is behind it
//! waits. So there are two sets: calls begin on one, and go on on the other once they have computed for a
//! tick. On that one long calls wait for each other, and the system gives its threads what all others leave.
//! Moving on suspicion costs a short call little; it is only what a call computed, by the clock of its
//! thread, that makes its plugin's next calls begin there.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinError;

use crate::plugins::Pace;

/// How far the threads for long calls stand back: by Linux's weights, they get a tenth of a core that others
/// want whole, and are stopped the moment that others wake up.
const NICER: i32 = 10;

/// Both sets, each of as many threads as the machine has cores.
pub(super) struct Workers {
    short: Option<Runtime>,
    long: Option<Runtime>,
    tick: Duration,
}

impl Workers {
    /// `tick`: how long a short call may compute.
    pub(super) fn start(tick: Duration) -> io::Result<Self> {
        let short = Builder::new_multi_thread().thread_name("guests").enable_all().build()?;
        let mut long = Builder::new_multi_thread();
        let long = long.thread_name("guests-long").on_thread_start(stand_back).enable_all().build()?;
        Ok(Self { short: Some(short), long: Some(long), tick })
    }

    /// Begins something that runs calls.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(short) = &self.short {
            short.spawn(work);
        }
    }

    /// Runs a call of a plugin with this pace to its end, from a task of [`Workers::spawn`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        pace: &Arc<Pace>,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let mut call = Box::pin(call);
        let mut took = Duration::ZERO;
        let short = poll_fn(|context| {
            if pace.is_long() || took > self.tick {
                return Poll::Ready(None);
            }
            let began = Instant::now();
            let polled = call.as_mut().poll(context);
            took += began.elapsed();
            match polled {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if took > self.tick => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        if let Some(done) = short.await {
            return done;
        }
        let Some(long) = &self.long else { return pending().await };
        let call = Long { call, computed: Duration::ZERO, tick: self.tick, pace: Arc::clone(pace) };
        match long.spawn(call).await.map_err(JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The threads end, and so does whoever waits here.
            Err(Err(_)) => pending().await,
        }
    }
}

impl Drop for Workers {
    /// Without waiting: what still runs then was given its time by [`super::Dispatch::stop`].
    fn drop(&mut self) {
        for runtime in [self.short.take(), self.long.take()].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// A call on the threads for long ones.
struct Long<F> {
    call: Pin<Box<F>>,
    computed: Duration,
    tick: Duration,
    pace: Arc<Pace>,
}

impl<F: Future> Future for Long<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let began = computed();
        let polled = self.call.as_mut().poll(context);
        self.computed += computed().saturating_sub(began);
        if self.computed > self.tick {
            self.pace.was_long();
        } else if polled.is_ready() {
            self.pace.was_short();
        }
        polled
    }
}

/// What this thread has computed so far.
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Makes this thread, and those that it starts, get what others leave. On Linux a thread has a priority of
/// its own; elsewhere it is the process's, and stays as it is.
fn stand_back() {
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICER)
    {
        tracing::warn!("threads for long calls compete with all others: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const TICK: Duration = Duration::from_millis(5);

    fn compute(time: Duration) {
        let began = computed();
        while computed() < began + time {}
    }

    async fn compute_for_ticks(ticks: u32) {
        for _ in 0..ticks {
            compute(TICK);
            tokio::task::yield_now().await;
        }
    }

    /// Names of the threads on which a call of so many ticks began and ended.
    async fn threads(workers: &Arc<Workers>, pace: &Arc<Pace>, ticks: u32) -> (String, String) {
        let here = || std::thread::current().name().unwrap().to_owned();
        let (workers, pace) = (Arc::clone(workers), Arc::clone(pace));
        let (tell, told) = tokio::sync::oneshot::channel();
        Arc::clone(&workers).spawn(async move {
            let call = async move {
                let began = here();
                compute_for_ticks(ticks).await;
                (began, here())
            };
            let _ = tell.send(workers.run(&pace, call).await);
        });
        told.await.unwrap()
    }

    #[tokio::test]
    async fn a_call_that_computes_for_long_goes_on_elsewhere_and_the_next_begins_there() {
        let workers = Arc::new(Workers::start(TICK).unwrap());
        let pace = Arc::new(Pace::default());
        let on = |began: &str, ended: &str| (began.to_owned(), ended.to_owned());
        assert_eq!(threads(&workers, &pace, 0).await, on("guests", "guests"));
        assert_eq!(threads(&workers, &pace, 4).await, on("guests", "guests-long"));
        assert_eq!(threads(&workers, &pace, 0).await, on("guests-long", "guests-long"));
        // Until enough of them were short.
        while pace.is_long() {
            threads(&workers, &pace, 0).await;
        }
        assert_eq!(threads(&workers, &pace, 0).await, on("guests", "guests"));
    }

    #[tokio::test]
    async fn calls_that_never_end_leave_room_for_short_ones() {
        let workers = Arc::new(Workers::start(TICK).unwrap());
        let endless = Arc::new(Pace::default());
        for _ in 0..16 {
            let (workers, pace) = (Arc::clone(&workers), Arc::clone(&endless));
            Arc::clone(&workers).spawn(async move { workers.run(&pace, compute_for_ticks(u32::MAX)).await });
        }
        let short = Arc::new(Pace::default());
        let done = AtomicUsize::new(0);
        for _ in 0..100 {
            threads(&workers, &short, 0).await;
            done.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(done.into_inner(), 100);
    }
}
