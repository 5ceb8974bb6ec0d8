//! Files that the compiler died of, remembered by digest beside the cached code, so that no start meets them
//! again.

use serde::{Deserialize, Serialize};

use super::cache::{Cache, MAC_BYTES, file_name};
use super::compile::CompileError;
use crate::config;
use crate::event::Digest;

/// How files end that say of which file the compiler died.
const DEATH: &str = "refused";
/// How files end that are there while a file is compiled.
const BEGUN: &str = "compiling";
/// More than any of these files has.
const SIZE_MAX_BYTES: u64 = 64 * 1024;
/// A file is refused when the host ended so often while it was compiled, as where a system that is out of
/// memory ends a host together with its compiler.
const ENDS_MAX: u8 = 3;

/// What is remembered, and under which limits it happened.
#[derive(Serialize, Deserialize)]
struct Death {
    reason: String,
    compile_timeout_ms: u64,
    compile_memory_max_bytes: u64,
    code_max_bytes: u64,
}

/// A file is being compiled; see [`Cache::begin`].
pub(super) struct Begun<'a> {
    cache: &'a Cache,
    name: String,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let _ = self.cache.dir.remove(&self.name);
    }
}

impl Cache {
    /// Why a file is not compiled: the compiler died of it before, under the limits of now.
    pub(super) fn death(&self, digest: &Digest) -> Option<String> {
        let name = file_name(digest, DEATH);
        let entry = self.dir.read(&name, SIZE_MAX_BYTES).ok()??;
        let entry = self.checked(&name, entry).ok()?;
        let death: Death = serde_json::from_slice(&entry[MAC_BYTES..]).ok()?;
        let now = self.new_death("");
        let same_limits = (now.compile_timeout_ms, now.compile_memory_max_bytes, now.code_max_bytes)
            == (death.compile_timeout_ms, death.compile_memory_max_bytes, death.code_max_bytes);
        same_limits.then(|| format!("the compiler failed on it before: {}", until(&death.reason)))
    }

    /// Remembers that the compiler died of a file, also for the next start, and says that in the reason.
    pub(super) fn remember_death(&self, digest: &Digest, reason: &str) -> String {
        let name = file_name(digest, DEATH);
        let json = serde_json::to_vec(&self.new_death(reason)).unwrap_or_default();
        if let Err(error) = self.dir.write(&name, &[&self.mac(&name, &json), &json]) {
            let dir = self.dir.path().display();
            tracing::warn!(%dir, "a file that cannot be compiled is tried again at the next start: {error}");
        }
        until(reason)
    }

    /// Lets a file be compiled again.
    pub(super) fn forget_death(&self, digest: &Digest) {
        for end in [DEATH, BEGUN] {
            let _ = self.dir.remove(&file_name(digest, end));
        }
    }

    /// Writes down that a file is being compiled, until the answer is dropped. What is left of that by a
    /// process that ended meanwhile is counted.
    ///
    /// # Errors
    /// When too many did.
    pub(super) fn begin(&self, digest: &Digest) -> Result<Begun<'_>, CompileError> {
        let name = file_name(digest, BEGUN);
        let ended = self.dir.read(&name, SIZE_MAX_BYTES).ok().flatten();
        let ended = ended.and_then(|ended| ended.first().copied()).unwrap_or_default();
        let begun = Begun { cache: self, name };
        if ended >= ENDS_MAX {
            return Err(CompileError::Died(format!("the host ended {ended} times while it was compiled")));
        }
        // A host that cannot write here has said so when it kept code.
        let _ = self.dir.write(&begun.name, &[&[ended + 1]]);
        Ok(begun)
    }

    fn new_death(&self, reason: &str) -> Death {
        let config::Runtime { compile_timeout_ms, compile_memory_max_bytes, code_max_bytes, .. } =
            self.limits;
        Death { reason: reason.to_owned(), compile_timeout_ms, compile_memory_max_bytes, code_max_bytes }
    }
}

/// A reason, and until when it holds.
fn until(reason: &str) -> String {
    format!(
        "{reason}; the file is compiled again when it or a limit of the compiler changes, or after \
         `hookyard plugin retry NAME`"
    )
}
