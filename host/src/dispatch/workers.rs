//! Threads on which guests run, apart from those that serve senders, operators and the database.
//!
//! A guest that computes without end yields its thread at every tick only, and the calls behind it wait. So
//! there are three sets of threads, as in a multilevel feedback queue. A call that exceeds its set's
//! computing time continues on the next set. There it waits for calls like it, and the system prefers other
//! threads. Its plugin's next calls begin there. The last set leaves cores free: if all its threads compute
//! without end, a preferred thread still waits for some milliseconds when it wakes up, as do the kernel's own
//! threads. An event on its way wakes up several.
//!
//! Only a call's computing counts, by the clock of its thread. That clock costs a system call. So a call of a
//! plugin whose calls end quickly is timed only if it is still running after its first turn.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinError;

use crate::plugins::CpuClass;

/// The ticks that a call may compute on each set but the last.
const TICKS: [u32; 2] = [1, 20];

/// The niceness of all sets' threads but the first's: by Linux's weights they get a tenth of a core that
/// others fully use.
const NICER: i32 = 10;

/// The sets: as many threads as the machine has cores in each, and in the last half as many, but one at least.
pub(super) struct Workers {
    sets: [Option<Runtime>; 3],
    tick: Duration,
}

impl Workers {
    /// `tick`: how long a quick call may compute.
    pub(super) fn start(tick: Duration) -> io::Result<Self> {
        let cores = std::thread::available_parallelism()?.get();
        let set = |name: &str, threads: usize, on_start: fn()| {
            let mut set = Builder::new_multi_thread();
            set.thread_name(name).worker_threads(threads).on_thread_start(on_start).enable_all().build()
        };
        let quick = set("guests", cores, || {})?;
        let heavy = set("guests-heavy", cores, stand_back)?;
        let endless = set("guests-endless", (cores / 2).max(1), stand_back)?;
        Ok(Self { sets: [quick, heavy, endless].map(Some), tick })
    }

    /// Starts a task that runs calls.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let [Some(quick), ..] = &self.sets {
            quick.spawn(work);
        }
    }

    /// Runs a call of a plugin of this CPU class to its end, from a task of [`Workers::spawn`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        cpu_class: &Arc<CpuClass>,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let mut call = Timed { call: Box::pin(call), computed: Duration::ZERO, was_run: false };
        let [_, others @ ..] = &self.sets;
        let done = poll_fn(|context| call.poll_on(0, self.tick, cpu_class, context)).await;
        if let Some(done) = done {
            return done;
        }
        for (set, threads) in (1..).zip(others) {
            let Some(threads) = threads else { break };
            let (tick, cpu_class) = (self.tick, Arc::clone(cpu_class));
            let goes_on = async move {
                let done = poll_fn(|context| call.poll_on(set, tick, &cpu_class, context)).await;
                (done, call)
            };
            match threads.spawn(goes_on).await.map_err(JoinError::try_into_panic) {
                Ok((Some(done), _)) => return done,
                Ok((None, goes_on)) => call = goes_on,
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                // The threads end, and so does the caller that waits here.
                Err(Err(_)) => break,
            }
        }
        pending().await
    }
}

impl Drop for Workers {
    /// Ends without waiting: [`super::Dispatch::stop`] has given running calls their time.
    fn drop(&mut self) {
        for runtime in self.sets.iter_mut().filter_map(Option::take) {
            runtime.shutdown_background();
        }
    }
}

/// A call, and its known computing time.
struct Timed<F> {
    computed: Duration,
    /// Whether it has run before.
    was_run: bool,
    call: Pin<Box<F>>,
}

impl<F: Future> Timed<F> {
    /// Lets it compute until it waits or the tick ends. Ready with `None` if it must continue on another
    /// set.
    fn poll_on(
        &mut self,
        set: usize,
        tick: Duration,
        cpu_class: &CpuClass,
        context: &mut Context<'_>,
    ) -> Poll<Option<F::Output>> {
        if cpu_class.weight() > set {
            return Poll::Ready(None);
        }
        let timed = set > 0 || !cpu_class.is_known() || self.was_run;
        let before = timed.then(computed);
        let polled = self.call.as_mut().poll(context);
        self.was_run = true;
        if let Some(before) = before {
            self.computed += computed().saturating_sub(before);
        }
        let weight = TICKS.iter().take_while(|ticks| self.computed > tick * **ticks).count();
        if weight > set {
            cpu_class.weighs(weight);
        }
        if polled.is_pending() && weight > set {
            return Poll::Ready(None);
        }
        let done = ready!(polled);
        cpu_class.ended(weight);
        Poll::Ready(Some(done))
    }
}

/// This thread's computing time so far.
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Lowers the priority of this thread and of those that it starts. On Linux a thread has a priority of
/// its own; elsewhere the priority is the process's, and stays as it is.
fn stand_back() {
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICER)
    {
        tracing::warn!("threads for long calls keep the normal priority: {error}");
    }
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
