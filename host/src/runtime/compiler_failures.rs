//! Records of files on which the compiler crashed, by digest beside the cached code, so that no later start compiles
//! them again.

use serde::{Deserialize, Serialize};

use super::cache::{CodeCache, MAC_BYTES, file_name};
use super::compile::CompileError;
use crate::config;
use crate::event::Digest;

/// The extension of records of a crash.
const FAILURE: &str = "refused";
/// The extension of marks that exist while a file is compiled.
const STARTED: &str = "compiling";
/// A larger record or mark is not read.
const SIZE_MAX_BYTES: u64 = 64 * 1024;
/// A file is refused when the host ended this often while it was compiled: a system that is out of memory can end a
/// host together with its compiler.
const HOST_EXITS_MAX: u8 = 3;

/// A crash, and the limits of the compiler at that time.
#[derive(Serialize, Deserialize)]
struct CompilerFailure {
    reason: String,
    compile_timeout_ms: u64,
    compile_memory_max_bytes: u64,
    code_max_bytes: u64,
}

/// Marks that a file is being compiled, until it is dropped. See [`CodeCache::mark_compiling`].
pub(super) struct CompileMark<'a> {
    cache: &'a CodeCache,
    name: String,
}

impl Drop for CompileMark<'_> {
    fn drop(&mut self) {
        let _ = self.cache.dir.remove(&self.name);
    }
}

impl CodeCache {
    /// The reason why a file is not compiled: the compiler crashed on it before, under the present
    /// limits.
    pub(super) fn failure(&self, digest: &Digest) -> Option<String> {
        let name = file_name(digest, FAILURE);
        let entry = self.dir.read(&name, SIZE_MAX_BYTES).ok()??;
        let entry = self.verify(&name, entry).ok()?;
        let failure: CompilerFailure = serde_json::from_slice(&entry[MAC_BYTES..]).ok()?;
        let now = self.new_failure("");
        let same_limits = (now.compile_timeout_ms, now.compile_memory_max_bytes, now.code_max_bytes)
            == (failure.compile_timeout_ms, failure.compile_memory_max_bytes, failure.code_max_bytes);
        same_limits.then(|| format!("the compiler failed on it before: {}", with_expiry(&failure.reason)))
    }

    /// Records that the compiler crashed on a file. Returns the reason, with the time until which it holds.
    pub(super) fn record_failure(&self, digest: &Digest, reason: &str) -> String {
        let name = file_name(digest, FAILURE);
        let json = serde_json::to_vec(&self.new_failure(reason)).unwrap_or_default();
        if let Err(error) = self.dir.write(&name, &[&self.authentication_code(&name, &json), &json]) {
            let dir = self.dir.path().display();
            tracing::warn!(%dir, "a file that cannot be compiled is tried again at the next start: {error}");
        }
        with_expiry(reason)
    }

    /// Removes the record of a file, so that it is compiled again.
    pub(super) fn forget_failure(&self, digest: &Digest) {
        for end in [FAILURE, STARTED] {
            let _ = self.dir.remove(&file_name(digest, end));
        }
    }

    /// Marks in the cache that a file is being compiled. A mark that is already there was left by a process that ended
    /// meanwhile, and counts it.
    ///
    /// # Errors
    /// When too many processes ended.
    pub(super) fn mark_compiling(&self, digest: &Digest) -> Result<CompileMark<'_>, CompileError> {
        let name = file_name(digest, STARTED);
        let ended = self.dir.read(&name, SIZE_MAX_BYTES).ok().flatten();
        let ended = ended.and_then(|ended| ended.first().copied()).unwrap_or_default();
        let mark = CompileMark { cache: self, name };
        if ended >= HOST_EXITS_MAX {
            return Err(CompileError::Crashed(format!("the host ended {ended} times while it was compiled")));
        }
        // A host that cannot write here has logged that when it stored code.
        let _ = self.dir.write(&mark.name, &[&[ended + 1]]);
        Ok(mark)
    }

    fn new_failure(&self, reason: &str) -> CompilerFailure {
        let config::Runtime { compile_timeout_ms, compile_memory_max_bytes, code_max_bytes, .. } =
            self.limits;
        CompilerFailure {
            reason: reason.to_owned(),
            compile_timeout_ms,
            compile_memory_max_bytes,
            code_max_bytes,
        }
    }
}

/// Adds until when a reason holds.
fn with_expiry(reason: &str) -> String {
    format!(
        "{reason}; the file is compiled again when it or a limit of the compiler changes, or after \
         `hookyard plugin retry NAME` (a verifier's: after `touch`)"
    )
}
