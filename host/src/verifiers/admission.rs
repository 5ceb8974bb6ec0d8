//! Whether a verifier is taken: it is loaded, and all its vectors come out as they say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::threads::Threads;
use super::vectors::{self, Vector};
use crate::config::Config;
use crate::runtime::{Runtime, Verifier, VerifierLimits};

/// Times that a vector is tried whose call took too long: on a busy machine another process may be the cause.
const TRIES: u32 = 3;
/// Time that a vector's call may wait for its turn.
const TURN_WAIT: Duration = Duration::from_secs(10);
/// Longest reason, in bytes.
const REASON_MAX_BYTES: usize = 4096;

/// A verifier whose vectors came out as they say.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The verifier.
    pub verifier: Arc<Verifier>,
    /// The number of its vectors.
    pub vectors: usize,
}

/// The reason why a verifier is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionRefusal {
    /// What is wrong.
    pub reason: String,
    /// Whether the host is at fault, so that the same files may be taken a moment later.
    pub is_temporary: bool,
}

impl AdmissionRefusal {
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        let reason: String = reason.into();
        let end = reason.floor_char_boundary(REASON_MAX_BYTES);
        let shown = reason[..end].chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        Self { reason: shown, is_temporary: false }
    }
}

impl fmt::Display for AdmissionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Admits a verifier by its file and its vectors, as a host with this configuration does.
///
/// # Errors
/// The first thing that is wrong.
pub async fn check(
    runtime: &Runtime,
    config: &Config,
    file: Vec<u8>,
    vectors: &[u8],
) -> Result<Admitted, AdmissionRefusal> {
    let threads = Threads::start(runtime, config);
    let threads = threads
        .map_err(|error| AdmissionRefusal { reason: format!("threads: {error}"), is_temporary: true })?;
    admit(runtime, &threads, file, vectors, VerifierLimits::from(&config.verifiers)).await
}

/// Admits a verifier by its file and its vectors. Dropping the future ends the compiler.
pub(super) async fn admit(
    runtime: &Runtime,
    threads: &Threads,
    file: Vec<u8>,
    vectors: &[u8],
    limits: VerifierLimits,
) -> Result<Admitted, AdmissionRefusal> {
    let vectors =
        vectors::parse(vectors).map_err(|why| AdmissionRefusal::lasting(format!("its vectors: {why}")))?;
    let verifier = runtime.load_verifier(file).await.map_err(|refusal| AdmissionRefusal {
        is_temporary: refusal.is_temporary,
        ..AdmissionRefusal::lasting(refusal.reason)
    })?;
    let verifier = Arc::new(verifier);
    for (number, vector) in (1..).zip(&vectors) {
        let why = run(threads, &verifier, vector, limits).await.err();
        if let Some(why) = why {
            return Err(AdmissionRefusal::lasting(format!("vector {number} `{}`: {why}", vector.name)));
        }
    }
    Ok(Admitted { verifier, vectors: vectors.len() })
}

async fn run(
    threads: &Threads,
    verifier: &Arc<Verifier>,
    vector: &Vector,
    limits: VerifierLimits,
) -> Result<(), String> {
    // Admissions share one turn, so that they take no threads from requests.
    let turns = threads.new_turns();
    let mut tries = 0;
    loop {
        tries += 1;
        let call = vector.call.0.clone();
        let said = threads.call(&turns, TURN_WAIT, Arc::clone(verifier), call, limits).await;
        if tries == TRIES || !vectors::is_timeout(&said) {
            return vector.compare(&said);
        }
    }
}
