//! The verifiers that are plugins: which files there are, which of them are admitted, and their calls.
//!
//! `NAME.wasm` in `verifiers.dir` is admitted if all vectors in `NAME.vectors.json` come out as they say. A file that is
//! refused replaces nothing. It knows no HTTP and no database.
//!
//! | For | Files |
//! |---|---|
//! | the vectors of a verifier | `vectors` |
//! | whether a file is taken | `admission` |
//! | the files on disk, and the task that follows them | `follow` |
//! | one load of them | `load` |
//! | the copies of admitted files | `copies` |
//! | the threads of calls | `threads` |

mod admission;
mod copies;
mod follow;
mod load;
mod threads;
mod vectors;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch as channel;

use crate::config::{Config, PrivateDir};
use crate::event::{Digest, VerifierName};
use crate::runtime::{Runtime, Verifier, VerifierLimits};
use crate::verifier::{FailureKind, VerifiedFields, VerifierCall, VerifierError};

use copies::Copies;
use follow::Follower;
use threads::{Threads, Turns};

pub use admission::{AdmissionRefusal, Admitted, check};

/// The verifiers of this host, now.
#[derive(Clone)]
pub struct Verifiers(Arc<Inner>);

struct Inner {
    running: ArcSwap<BTreeMap<VerifierName, RunningVerifier>>,
    views: Mutex<Vec<VerifierView>>,
    threads: Threads,
    config: channel::Receiver<Arc<Config>>,
    /// Whether each file that was there at the start is admitted or refused.
    is_ready: channel::Sender<bool>,
}

impl std::fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Verifiers").field(&self.0.running.load().keys()).finish()
    }
}

/// A verifier that is called.
#[derive(Debug, Clone)]
struct RunningVerifier {
    verifier: Arc<Verifier>,
    /// The vectors that it was admitted by.
    vectors: usize,
    /// Since when, ms since the Unix epoch.
    since: u64,
    /// Its part of the threads. Its next revision shares it.
    turns: Turns,
}

/// A verifier as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierView {
    /// Its name.
    pub name: VerifierName,
    /// Whether it answers.
    pub state: VerifierState,
    /// SHA-256 of the file that runs.
    pub digest: Option<Digest>,
    /// The vectors that it was admitted by.
    pub vectors: usize,
    /// The time since which that file runs, ms since the Unix epoch.
    pub since: Option<u64>,
    /// The reason why the files on disk are not those that run.
    pub refusal: Option<String>,
}

/// See [`VerifierView::state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifierState {
    /// It is called for requests.
    Running,
    /// No file of it was admitted.
    Refused,
    /// Its first file is being loaded.
    Loading,
}

impl Verifiers {
    /// Starts a task that loads the files in `verifiers.dir`, follows their changes, and keeps copies of what runs in
    /// `kept`.
    ///
    /// # Errors
    /// When the system has no threads.
    pub fn start(
        runtime: Runtime,
        config: channel::Receiver<Arc<Config>>,
        kept: PrivateDir,
    ) -> std::io::Result<Self> {
        let threads = Threads::start(&runtime, &config.borrow())?;
        let verifiers = Self(Arc::new(Inner {
            running: ArcSwap::default(),
            views: Mutex::default(),
            threads,
            config: config.clone(),
            is_ready: channel::Sender::new(false),
        }));
        let copies = Copies::new(kept);
        tokio::spawn(copies.clone().write_pending());
        tokio::spawn(Follower::new(runtime, config, verifiers.clone(), copies).run());
        Ok(verifiers)
    }

    /// Waits until each file that was there at the start is admitted or refused.
    pub async fn wait_ready(&self, longest: Duration) {
        let mut is_ready = self.0.is_ready.subscribe();
        // A file that takes longer has its sources answered 503 until then.
        let _ = tokio::time::timeout(longest, is_ready.wait_for(|ready| *ready)).await;
    }

    /// Calls a verifier on a thread of its own, at its turn.
    ///
    /// # Errors
    /// Its refusal, or why it did not answer.
    pub async fn verify(
        &self,
        name: &VerifierName,
        call: VerifierCall,
    ) -> Result<VerifiedFields, VerifierError> {
        let running = self.0.running.load().get(name).cloned();
        let Some(RunningVerifier { verifier, turns, .. }) = running else {
            return Err(VerifierError::failed(
                FailureKind::Absent,
                format!("no verifier `{name}` is running"),
            ));
        };
        let (limits, wait_ms) = {
            let config = self.0.config.borrow();
            (VerifierLimits::from(&config.verifiers), config.verifiers.wait_max_ms)
        };
        let called = self.0.threads.call(&turns, Duration::from_millis(wait_ms), verifier, call, limits);
        called.await.map_err(|error| match error {
            VerifierError::Failed { kind, reason } => {
                VerifierError::failed(kind, format!("verifier {name}: {reason}"))
            }
            refused @ VerifierError::Refused(_) => refused,
        })
    }

    /// Lists the verifiers for operators, by name.
    #[must_use]
    pub fn list(&self) -> Vec<VerifierView> {
        self.0.views.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, views: Vec<VerifierView>) {
        *self.0.views.lock().unwrap_or_else(PoisonError::into_inner) = views;
    }

    /// The digest of the file that runs.
    fn digest(&self, name: &VerifierName) -> Option<Digest> {
        self.0.running.load().get(name).map(|running| running.verifier.digest())
    }

    /// The turns of a verifier that begins to run: those of the file before, if there is one.
    fn turns(&self, name: &VerifierName) -> Turns {
        let running = self.0.running.load();
        running.get(name).map_or_else(|| self.0.threads.new_turns(), |running| running.turns.clone())
    }

    /// Puts a verifier in place, or takes it away. Calls under way finish on the one before.
    fn put(&self, name: &VerifierName, verifier: Option<RunningVerifier>) {
        let mut running = BTreeMap::clone(&self.0.running.load());
        match verifier {
            Some(verifier) => drop(running.insert(name.clone(), verifier)),
            None => drop(running.remove(name)),
        }
        self.0.running.store(Arc::new(running));
    }
}
