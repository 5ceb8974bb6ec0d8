//! The threads on which verifiers run, apart from those that serve senders: a verifier that computes until its deadline
//! keeps its thread for that time.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime as TokioRuntime};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::runtime::{Runtime, Verifier, VerifierLimits, verifier_places};
use crate::verifier::{FailureKind, VerifiedFields, VerifierCall, VerifierError};

/// A thread without work ends after this time.
const KEEP_ALIVE: Duration = Duration::from_mins(1);

/// The part of the memory of all bodies that the requests of one verifier may hold while they wait for it.
const PART_OF_BODIES: usize = 4;

/// Most threads by default: as many as `verifiers.concurrency` allows.
const THREADS_MAX: usize = 32;

/// See the module.
pub(super) struct Threads {
    /// Only its blocking threads are used. `None` when it ends.
    pool: Option<TokioRuntime>,
    /// One permit for each thread.
    free: Arc<Semaphore>,
    /// One permit for each place of an instance.
    places: Arc<Semaphore>,
    number: usize,
    /// Bytes of bodies that one verifier's requests may hold.
    bytes: usize,
    /// The turn of all admissions, so that they take no threads from requests.
    admissions: Turns,
}

/// The calls of one verifier.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    /// One permit for each that runs.
    running: Arc<Semaphore>,
    /// One permit for each byte of a body that waits or is verified. More are told at once that the verifier is busy:
    /// the bodies of a slow one must not take the memory of all others.
    bytes: Arc<Semaphore>,
}

impl Turns {
    fn new(running: usize, bytes: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(running)), bytes: Arc::new(Semaphore::new(bytes)) }
    }
}

impl Threads {
    pub(super) fn start(runtime: &Runtime, config: &Config) -> std::io::Result<Self> {
        let places = verifier_places(&config.runtime) as usize;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let number = count_threads(config.verifiers.concurrency, cores, places);
        let pool = Builder::new_current_thread()
            .thread_name("verifiers")
            .max_blocking_threads(number)
            .thread_keep_alive(KEEP_ALIVE)
            .thread_stack_size(runtime.verifier_stack_bytes())
            .build()?;
        let [free, places] = [number, places].map(|permits| Arc::new(Semaphore::new(permits)));
        let server = &config.server;
        let bytes = (server.bodies_max_bytes / PART_OF_BODIES).max(server.body_max_bytes);
        let admissions = Turns::new(1, Semaphore::MAX_PERMITS);
        Ok(Self { pool: Some(pool), free, places, number, bytes, admissions })
    }

    /// The turns of one verifier: half of the threads, so that the others find some.
    pub(super) fn new_turns(&self) -> Turns {
        Turns::new(share(self.number), self.bytes.min(Semaphore::MAX_PERMITS))
    }

    /// The turn of admissions.
    pub(super) fn admissions(&self) -> &Turns {
        &self.admissions
    }

    /// Calls a verifier, at its turn, which it waits for at most so long.
    ///
    /// # Errors
    /// As [`Verifier::call`], and when it gets no turn in time.
    pub(super) async fn call(
        &self,
        turns: &Turns,
        longest_wait: Duration,
        verifier: Arc<Verifier>,
        call: VerifierCall,
        limits: VerifierLimits,
    ) -> Result<VerifiedFields, VerifierError> {
        let busy = |reason: String| Err(VerifierError::failed(FailureKind::Busy, reason));
        // A body that is larger than all of it, since the limit of bodies was raised, takes all of it.
        let size = u32::try_from(call.request.body.len().min(self.bytes)).unwrap_or(u32::MAX);
        let Ok(bytes) = Arc::clone(&turns.bytes).try_acquire_many_owned(size) else {
            return busy("the bodies that wait for it have no more room".into());
        };
        let turn = async {
            let own = Arc::clone(&turns.running).acquire_owned().await;
            let thread = Arc::clone(&self.free).acquire_owned().await;
            (own, thread, Arc::clone(&self.places).acquire_many_owned(verifier.places()).await)
        };
        let Ok(turn) = tokio::time::timeout(longest_wait, turn).await else {
            return busy(format!("no turn in {} ms", longest_wait.as_millis()));
        };
        let ended = |reason: String| Err(VerifierError::failed(FailureKind::Host, reason));
        let Some(pool) = &self.pool else { return ended("the host ends".into()) };
        let called = pool.spawn_blocking(move || {
            // A sender that goes away does not free the thread.
            let _turn = (turn, bytes);
            verifier.call(&call, limits)
        });
        called.await.unwrap_or_else(|error| ended(format!("the call stopped: {error}")))
    }
}

/// The number of threads. A host whose cores are all busy with verifiers serves nothing else in time, so that there are no
/// more than cores by default; at least two, so that a slow verifier leaves one to the others.
fn count_threads(concurrency: usize, cores: usize, places: usize) -> usize {
    let number = if concurrency == 0 { cores.clamp(2, THREADS_MAX) } else { concurrency };
    number.min(places)
}

/// The threads of one verifier, of so many.
fn share(threads: usize) -> usize {
    (threads / 2).max(1)
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_verifier_takes_half_of_as_many_threads_as_there_are_cores() {
        for (concurrency, cores, places, threads, of_one) in [
            (0, 1, 32, 2, 1),
            (0, 2, 32, 2, 1),
            (0, 4, 32, 4, 2),
            (0, 7, 32, 7, 3),
            (0, 128, 32, 32, 16),
            (0, 16, 4, 4, 2),
            (0, 8, 1, 1, 1),
            (1, 8, 32, 1, 1),
            (32, 2, 32, 32, 16),
        ] {
            let number = count_threads(concurrency, cores, places);
            assert_eq!((number, share(number)), (threads, of_one), "{concurrency} {cores} {places}");
        }
    }
}
