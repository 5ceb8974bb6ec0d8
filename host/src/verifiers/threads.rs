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

/// See the module.
pub(super) struct Threads {
    /// Only its blocking threads are used. `None` when it ends.
    pool: Option<TokioRuntime>,
    /// One permit for each thread.
    free: Arc<Semaphore>,
    /// One permit for each place of an instance.
    places: Arc<Semaphore>,
    number: usize,
}

impl Threads {
    pub(super) fn start(runtime: &Runtime, config: &Config) -> std::io::Result<Self> {
        let places = verifier_places(&config.runtime) as usize;
        let number = config.verifiers.concurrency.min(places);
        let pool = Builder::new_current_thread()
            .thread_name("verifiers")
            .max_blocking_threads(number)
            .thread_keep_alive(KEEP_ALIVE)
            .thread_stack_size(runtime.verifier_stack_bytes())
            .build()?;
        let [free, places] = [number, places].map(|permits| Arc::new(Semaphore::new(permits)));
        Ok(Self { pool: Some(pool), free, places, number })
    }

    /// The turns of one verifier: half of the threads, so that the others always find some.
    pub(super) fn new_turns(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new((self.number / 2).max(1)))
    }

    /// Calls a verifier, at its turn, which it waits for at most so long.
    ///
    /// # Errors
    /// As [`Verifier::call`], and when it gets no turn in time.
    pub(super) async fn call(
        &self,
        turns: &Arc<Semaphore>,
        longest_wait: Duration,
        verifier: Arc<Verifier>,
        call: VerifierCall,
        limits: VerifierLimits,
    ) -> Result<VerifiedFields, VerifierError> {
        let turn = async {
            let own = Arc::clone(turns).acquire_owned().await;
            let thread = Arc::clone(&self.free).acquire_owned().await;
            (own, thread, Arc::clone(&self.places).acquire_many_owned(verifier.places()).await)
        };
        let Ok(turn) = tokio::time::timeout(longest_wait, turn).await else {
            let reason = format!("no turn in {} ms (verifiers.wait_max_ms)", longest_wait.as_millis());
            return Err(VerifierError::failed(FailureKind::Busy, reason));
        };
        let ended = |reason: String| Err(VerifierError::failed(FailureKind::Host, reason));
        let Some(pool) = &self.pool else { return ended("the host ends".into()) };
        let called = pool.spawn_blocking(move || {
            // A sender that goes away does not free the thread.
            let _turn = turn;
            verifier.call(&call, limits)
        });
        called.await.unwrap_or_else(|error| ended(format!("the call stopped: {error}")))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.shutdown_background();
        }
    }
}
