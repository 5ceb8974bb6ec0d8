//! Loads a verifier's files: reads them, admits them, and goes back to the copy of those that ran before where none runs.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinError;

use super::Verifiers;
use super::admission::{AdmissionRefusal, Admitted, admit};
use super::kept::{Files, KeptFiles};
use super::vectors::FILE_MAX_BYTES;
use crate::event::{Digest, VerifierName};
use crate::plugins::{PluginFile, ReadResult, Stamp, read_file};
use crate::runtime::{Runtime, VerifierLimits};

/// A load of a verifier's files.
pub(super) struct Load {
    pub(super) runtime: Runtime,
    pub(super) verifiers: Verifiers,
    pub(super) kept: Arc<KeptFiles>,
    pub(super) name: VerifierName,
    pub(super) component: PluginFile,
    pub(super) seen: Seen,
    pub(super) file_max_bytes: u64,
    /// Whether the files were written again, by somebody who wants them to be compiled again.
    pub(super) is_retry: bool,
}

/// The states of a component and its vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamps {
    pub(super) component: Stamp,
    /// `None` if there are none.
    pub(super) vectors: Option<Stamp>,
}

/// What an admission depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) files: FileStamps,
    pub(super) limits: VerifierLimits,
}

/// What a load came to.
pub(super) enum Loaded {
    /// The files on disk are admitted.
    Admitted(Admitted, Files),
    /// A file changed while it was read.
    Changing,
    /// The files on disk are refused.
    Refused {
        refusal: AdmissionRefusal,
        /// Those that ran before this host started, if none runs.
        kept: Option<Admitted>,
    },
}

impl From<AdmissionRefusal> for Loaded {
    fn from(refusal: AdmissionRefusal) -> Self {
        Self::Refused { refusal, kept: None }
    }
}

impl Load {
    /// Dropping the future ends the compiler.
    pub(super) async fn run(self) -> Loaded {
        let files = match self.read().await {
            Ok(files) => files,
            Err(Loaded::Refused { refusal, .. }) => return self.refused(refusal).await,
            Err(other) => return other,
        };
        match self.admit(&files).await {
            Ok(admitted) => Loaded::Admitted(admitted, files),
            Err(refusal) => self.refused(refusal).await,
        }
    }

    async fn read(&self) -> Result<Files, Loaded> {
        let (runtime, component) = (self.runtime.clone(), self.component.clone());
        let (stamps, file_max_bytes, is_retry) = (self.seen.files, self.file_max_bytes, self.is_retry);
        let reading = tokio::task::spawn_blocking(move || {
            let files = read(&component, stamps, file_max_bytes)?;
            if is_retry {
                runtime.forget_compiler_failure(&Digest::of(&files.component));
            }
            Ok(files)
        });
        reading.await.map_err(|error| broken(&error))?
    }

    async fn admit(&self, files: &Files) -> Result<Admitted, AdmissionRefusal> {
        let threads = &self.verifiers.0.threads;
        admit(&self.runtime, threads, files.component.clone(), &files.vectors, self.seen.limits).await
    }

    async fn refused(self, refusal: AdmissionRefusal) -> Loaded {
        let kept = if self.verifiers.digest(&self.name).is_none() { self.admit_kept().await } else { None };
        Loaded::Refused { refusal, kept }
    }

    async fn admit_kept(&self) -> Option<Admitted> {
        let (kept, name, file_max_bytes) = (Arc::clone(&self.kept), self.name.clone(), self.file_max_bytes);
        let read = tokio::task::spawn_blocking(move || kept.read(&name, file_max_bytes));
        let read = read.await.map_err(std::io::Error::other).flatten();
        let warn = |why: &dyn std::fmt::Display| {
            let name = &self.name;
            tracing::warn!(verifier = %name, "the copy of the files that verifier {name} ran before is of no use: {why}");
        };
        let files = read.inspect_err(|error| warn(error)).ok()??;
        self.admit(&files).await.inspect_err(|refusal| warn(refusal)).ok()
    }
}

/// A load that did not end by itself.
pub(super) fn broken(error: &JoinError) -> Loaded {
    AdmissionRefusal::new(error.to_string(), true).into()
}

/// `NAME.vectors.json` beside `NAME.wasm`.
pub(super) fn vectors_path(component: &Path) -> PathBuf {
    component.with_extension("vectors.json")
}

/// Reads a component and its vectors, which must not change meanwhile.
fn read(component: &PluginFile, stamps: FileStamps, file_max_bytes: u64) -> Result<Files, Loaded> {
    let vectors = vectors_path(&component.path);
    let shown = vectors.file_name().unwrap_or_default().to_string_lossy();
    let refused = |reason: String| Loaded::from(AdmissionRefusal::lasting(reason));
    let Some(stamp) = stamps.vectors else {
        return Err(refused(format!("it has no vectors: put {shown} beside it")));
    };
    if stamp.size_bytes() > FILE_MAX_BYTES {
        let size = stamp.size_bytes();
        return Err(refused(format!("{shown} has {size} bytes, at most {FILE_MAX_BYTES}")));
    }
    let component = match read_file(component, file_max_bytes) {
        ReadResult::Read(bytes, _) => bytes,
        ReadResult::Changing => return Err(Loaded::Changing),
        ReadResult::Refused(reason) => return Err(refused(reason)),
    };
    let mut text = Vec::new();
    let read =
        std::fs::File::open(&vectors).and_then(|file| file.take(FILE_MAX_BYTES).read_to_end(&mut text));
    if Stamp::of(&vectors) != Some(stamp) {
        return Err(Loaded::Changing);
    }
    read.map_err(|error| refused(format!("{shown} cannot be read: {error}")))?;
    Ok(Files { component, vectors: text })
}
