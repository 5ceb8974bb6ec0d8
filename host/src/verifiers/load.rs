//! Loads a verifier's files. If they are refused and no revision runs, it loads the kept copy.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tokio::task::JoinError;

use super::Verifiers;
use super::admission::{AdmissionRefusal, Admitted, admit};
use super::copies::{Copies, VerifierFiles};
use super::vectors::FILE_MAX_BYTES;
use crate::event::{Digest, VerifierName};
use crate::plugins::{PluginFile, ReadResult, Stamp, read_file};
use crate::runtime::{Runtime, VerifierLimits};

/// A load of a verifier's files.
pub(super) struct Load {
    pub(super) runtime: Runtime,
    pub(super) verifiers: Verifiers,
    pub(super) name: VerifierName,
    pub(super) component: PluginFile,
    pub(super) seen: Seen,
    pub(super) file_max_bytes: u64,
    /// Whether the files were written again, by somebody who wants them to be compiled again.
    pub(super) is_retry: bool,
    /// The copies, if this verifier may run from its copy.
    pub(super) copies: Option<Copies>,
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

/// The outcome of a load.
pub(super) enum LoadOutcome {
    /// The files on disk are admitted.
    Admitted(Admitted, VerifierFiles),
    /// They are not.
    Failed {
        failure: LoadFailure,
        /// The kept copy, if no revision runs and the copy is admitted; or why it is of no use.
        copy: Result<Option<Admitted>, String>,
    },
}

/// The reason why files are not admitted.
pub(super) enum LoadFailure {
    /// A file changed while it was read.
    Changing,
    Refused(AdmissionRefusal),
}

impl LoadFailure {
    fn lasting(reason: String) -> Self {
        Self::Refused(AdmissionRefusal::lasting(reason))
    }

    /// A load that did not end by itself.
    fn broken(error: &JoinError) -> Self {
        Self::Refused(AdmissionRefusal::new(error.to_string(), true))
    }

    /// Has the same files be loaded again.
    fn make_temporary(&mut self) {
        if let Self::Refused(refusal) = self {
            refusal.is_temporary = true;
        }
    }
}

impl From<&JoinError> for LoadOutcome {
    fn from(error: &JoinError) -> Self {
        Self::Failed { failure: LoadFailure::broken(error), copy: Ok(None) }
    }
}

impl Load {
    /// Dropping the future ends the compiler.
    pub(super) async fn run(self) -> LoadOutcome {
        let files = match self.read().await {
            Ok(files) => files,
            Err(failure) => return self.fall_back(failure, None).await,
        };
        match self.admit(&files).await {
            Ok(admitted) => LoadOutcome::Admitted(admitted, files),
            Err(refusal) => self.fall_back(LoadFailure::Refused(refusal), Some(files)).await,
        }
    }

    async fn read(&self) -> Result<VerifierFiles, LoadFailure> {
        let (runtime, component) = (self.runtime.clone(), self.component.clone());
        let (stamps, file_max_bytes, is_retry) = (self.seen.files, self.file_max_bytes, self.is_retry);
        let reading = tokio::task::spawn_blocking(move || {
            let files = read(&component, stamps, file_max_bytes)?;
            if is_retry {
                runtime.forget_compiler_failure(&Digest::of(&files.component));
            }
            Ok(files)
        });
        reading.await.map_err(|error| LoadFailure::broken(&error))?
    }

    async fn admit(&self, files: &VerifierFiles) -> Result<Admitted, AdmissionRefusal> {
        let threads = &self.verifiers.0.threads;
        admit(&self.runtime, threads, files.component.clone(), &files.vectors, self.seen.limits).await
    }

    /// Admits the copy, unless a revision runs. `refused` are the files on disk, if they were read.
    async fn fall_back(self, mut failure: LoadFailure, refused: Option<VerifierFiles>) -> LoadOutcome {
        let copy = match self.read_copy().await {
            Ok(Some(copy)) if Some(&copy) == refused.as_ref() => {
                // They were admitted before, so the host may be at fault: a busy machine makes calls late.
                failure.make_temporary();
                Ok(None)
            }
            Ok(Some(copy)) => {
                drop(refused);
                self.admit(&copy).await.map(Some).map_err(|refusal| {
                    if refusal.is_temporary {
                        failure.make_temporary();
                    }
                    self.useless(&refusal)
                })
            }
            Ok(None) => Ok(None),
            Err(error) => Err(self.useless(&error)),
        };
        LoadOutcome::Failed { failure, copy }
    }

    async fn read_copy(&self) -> std::io::Result<Option<VerifierFiles>> {
        let copies = self.copies.clone().filter(|_| self.verifiers.digest(&self.name).is_none());
        let Some(copies) = copies else { return Ok(None) };
        let (name, file_max_bytes) = (self.name.clone(), self.file_max_bytes);
        let reading = tokio::task::spawn_blocking(move || copies.read(&name, file_max_bytes));
        reading.await.map_err(std::io::Error::other).flatten()
    }

    fn useless(&self, why: &dyn fmt::Display) -> String {
        format!("the copy of verifier {} is of no use: {why}", self.name)
    }
}

/// `NAME.vectors.json` beside `NAME.wasm`.
pub(super) fn vectors_path(component: &Path) -> PathBuf {
    component.with_extension("vectors.json")
}

/// Reads a component and its vectors, which must not change meanwhile.
fn read(
    component: &PluginFile,
    stamps: FileStamps,
    file_max_bytes: u64,
) -> Result<VerifierFiles, LoadFailure> {
    let vectors = vectors_path(&component.path);
    let shown = vectors.file_name().unwrap_or_default().to_string_lossy();
    let Some(stamp) = stamps.vectors else {
        return Err(LoadFailure::lasting(format!("it has no vectors: put {shown} beside it")));
    };
    if stamp.size_bytes() > FILE_MAX_BYTES {
        let size = stamp.size_bytes();
        return Err(LoadFailure::lasting(format!("{shown} has {size} bytes, at most {FILE_MAX_BYTES}")));
    }
    let component = match read_file(component, file_max_bytes) {
        ReadResult::Read(bytes, _) => bytes,
        ReadResult::Changing => return Err(LoadFailure::Changing),
        ReadResult::Refused(reason) => return Err(LoadFailure::lasting(reason)),
    };
    let mut text = Vec::new();
    let read =
        std::fs::File::open(&vectors).and_then(|file| file.take(FILE_MAX_BYTES).read_to_end(&mut text));
    if Stamp::of(&vectors) != Some(stamp) {
        return Err(LoadFailure::Changing);
    }
    read.map_err(|error| LoadFailure::lasting(format!("{shown} cannot be read: {error}")))?;
    Ok(VerifierFiles { component, vectors: text })
}
