//! Whether a verifier is taken: it is loaded, and all its vectors come out as they say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::threads::Threads;
use super::vectors::{self, Vector};
use crate::config::Config;
use crate::runtime::{Runtime, Verifier, VerifierLimits};
use crate::verifier::{FailureKind, VerifiedFields, VerifierError};

/// Times that a vector is tried whose call took too long: on a busy machine another process may be the cause.
const TRIES: u32 = 5;
/// The pause before the second try; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
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
        Self::new(reason.into(), false)
    }

    pub(super) fn new(reason: String, is_temporary: bool) -> Self {
        let end = reason.floor_char_boundary(REASON_MAX_BYTES);
        let shown = reason[..end].chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        Self { reason: shown, is_temporary }
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
    let file_max_bytes = config.plugins.file_max_bytes;
    for (what, size, most) in [
        ("the file", file.len() as u64, file_max_bytes),
        ("the file of vectors", vectors.len() as u64, vectors::FILE_MAX_BYTES),
    ] {
        if size > most {
            return Err(AdmissionRefusal::lasting(format!("{what} has {size} bytes, at most {most}")));
        }
    }
    let threads = Threads::start(runtime, config)
        .map_err(|error| AdmissionRefusal::new(format!("threads: {error}"), true))?;
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
    let loaded = runtime.load_verifier(file).await;
    let verifier = loaded.map_err(|refusal| AdmissionRefusal::new(refusal.reason, refusal.is_temporary))?;
    let verifier = Arc::new(verifier);
    for (number, vector) in (1..).zip(&vectors) {
        let answer = answer(threads, &verifier, vector, limits).await;
        if let Err(why) = vector.compare(&answer) {
            let is_temporary = answer.as_ref().is_err_and(is_hosts_fault);
            return Err(AdmissionRefusal::new(
                format!("vector {number} `{}`: {why}", vector.name),
                is_temporary,
            ));
        }
    }
    Ok(Admitted { verifier, vectors: vectors.len() })
}

/// What the verifier says about a vector.
async fn answer(
    threads: &Threads,
    verifier: &Arc<Verifier>,
    vector: &Vector,
    limits: VerifierLimits,
) -> Result<VerifiedFields, VerifierError> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        let answer = call(threads, verifier, vector, limits).await;
        if !vectors::is_timeout(&answer) {
            return answer;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    call(threads, verifier, vector, limits).await
}

async fn call(
    threads: &Threads,
    verifier: &Arc<Verifier>,
    vector: &Vector,
    limits: VerifierLimits,
) -> Result<VerifiedFields, VerifierError> {
    let call = vector.call.0.clone();
    threads.call(threads.admissions(), TURN_WAIT, Arc::clone(verifier), call, limits).await
}

/// Whether a failure says nothing about the verifier, so that another try may succeed.
fn is_hosts_fault(error: &VerifierError) -> bool {
    matches!(error, VerifierError::Failed { kind: FailureKind::Busy | FailureKind::Host, .. })
}
