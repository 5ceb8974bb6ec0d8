//! The cache of compiled plugins, by the digest of their file, in a directory for one engine version and
//! configuration. An entry is machine code: it is loaded only with the right message authentication code. Otherwise
//! the file is compiled again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::precompiled;
use crate::config::{self, PrivateDir};
use crate::event::Digest;

/// The directory in the cache's home.
const ROOT: &str = "cache";
/// Changes when this program makes other code of the same file: 1 since it merges core modules.
const CODE_VERSION: u32 = 1;
/// The extension of files with machine code.
const CODE: &str = "cwasm";
/// Most files kept of each kind.
const ENTRIES_MAX: usize = 2048;
pub(super) const MAC_BYTES: usize = 32;
/// An older temporary file was left by a process that has ended. One hour, in nanoseconds.
const TEMPORARY_MAX_NS: i128 = 3600 * 1_000_000_000;

/// See the module.
pub(super) struct CodeCache {
    engine: Engine,
    pub(super) dir: PrivateDir,
    /// Initialised with the key.
    hmac: Hmac<Sha256>,
    pub(super) limits: config::Runtime,
    /// Files whose code must stay, and how many [`CacheHold`]s there are of each.
    holds: Mutex<BTreeMap<Digest, usize>>,
    /// Held while room is made and an entry is written.
    writing: Mutex<()>,
}

impl CodeCache {
    /// Opens or creates the cache below `home`, and removes entries of other engine versions.
    ///
    /// # Errors
    /// When the directory cannot be created, or others may write there.
    pub(super) fn open(home: &Path, engine: &Engine, limits: &config::Runtime) -> Result<Self, String> {
        let place = |path: &Path| format!("the cache of compiled plugins at {}", path.display());
        let fail = |error: io::Error| format!("{} cannot be used: {error}", place(&home.join(ROOT)));
        let home = PrivateDir::make(home).map_err(fail)?;
        let key = config::kept_cache_key(&home).map_err(|error| error.to_string())?;
        let hmac = Hmac::new_from_slice(key.expose().as_bytes()).map_err(|error| error.to_string())?;
        let root = home.subdir(ROOT).map_err(fail)?;
        let mut hash = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hash);
        CODE_VERSION.hash(&mut hash);
        let name = format!("{:016x}", hash.finish());
        let dir = root.subdir(&name).map_err(fail)?;
        for entry in root.entries().map_err(fail)?.into_iter().filter(|entry| entry.name != name) {
            let _ = if entry.is_dir { root.remove_subdir(&entry.name) } else { root.remove(&entry.name) };
        }
        let (engine, limits) = (engine.clone(), limits.clone());
        let cache = Self { engine, dir, hmac, limits, holds: Mutex::default(), writing: Mutex::default() };
        cache.clean_up().map_err(fail)?;
        Ok(cache)
    }

    /// The compiled component of the file with this digest.
    pub(super) fn load(&self, digest: &Digest) -> Option<Component> {
        let name = file_name(digest, CODE);
        let entry = self.dir.read(&name, self.limits.code_max_bytes + MAC_BYTES as u64).transpose()?;
        let code = entry.map_err(|error| error.to_string()).and_then(|entry| self.verify(&name, entry));
        let loaded = code.and_then(|entry| {
            precompiled::component(&self.engine, &entry[MAC_BYTES..]).map_err(|error| format!("{error:#}"))
        });
        match loaded {
            Ok(component) => {
                self.mark_used(&name);
                Some(component)
            }
            Err(error) => {
                let path = self.path(&name);
                tracing::warn!(path = %path.display(), "a cached compiled plugin is compiled again: {error}");
                let _ = self.dir.remove(&name);
                None
            }
        }
    }

    /// Stores machine code that was compiled just now. Old entries are removed first, so that
    /// `runtime.cache_max_bytes` always holds. Code that does not fit beside the code in use is not stored.
    pub(super) fn store(&self, digest: &Digest, code: &[u8]) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let name = file_name(digest, CODE);
        let bytes = (code.len() + MAC_BYTES) as u64;
        let kept = self.make_room(&name, bytes).and_then(|has_room| {
            if !has_room {
                let max = self.limits.cache_max_bytes;
                let text =
                    format!("{bytes} bytes find no place beside what runs; runtime.cache_max_bytes is {max}");
                return Err(io::Error::other(text));
            }
            self.dir.write(&name, &[&self.authentication_code(&name, code), code])
        });
        if let Err(error) = kept {
            let dir = self.dir.path().display();
            tracing::warn!(%dir, "a compiled plugin is not kept for the next start: {error}");
        }
    }

    /// Keeps a file's code in the cache until the hold is dropped.
    pub(super) fn hold(self: &Arc<Self>, digest: Digest) -> CacheHold {
        *self.holds().entry(digest).or_default() += 1;
        CacheHold { cache: Arc::clone(self), digest }
    }

    fn release(&self, digest: &Digest) {
        let mut held = self.holds();
        if let Some(count) = held.get_mut(digest) {
            *count -= 1;
            if *count == 0 {
                held.remove(digest);
            }
        }
    }

    /// Removes the least recently used entries that are not held, until an entry of this name and size fits.
    /// Returns false if it does not fit.
    fn make_room(&self, name: &str, bytes: u64) -> io::Result<bool> {
        let mut entries = self.dir.entries()?;
        entries.retain(|entry| entry.name != name && !entry.is_dir);
        entries.sort_by_key(|entry| entry.used);
        let mut in_use: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let mut codes = entries.iter().filter(|entry| entry.name.ends_with(CODE)).count();
        let has_room = |in_use: u64, codes: usize| {
            in_use.saturating_add(bytes) <= self.limits.cache_max_bytes && codes < ENTRIES_MAX
        };
        let held: BTreeSet<String> = self.holds().keys().map(|digest| file_name(digest, CODE)).collect();
        let old = entries.iter().filter(|entry| entry.name.ends_with(CODE) && !held.contains(&entry.name));
        for entry in old {
            if has_room(in_use, codes) {
                break;
            }
            self.dir.remove(&entry.name)?;
            in_use -= entry.bytes;
            codes -= 1;
        }
        Ok(has_room(in_use, codes))
    }

    /// At the start, removes unfinished files of earlier processes and entries beyond the limits.
    fn clean_up(&self) -> io::Result<()> {
        let mut entries = self.dir.entries()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX);
        for entry in
            entries.iter().filter(|entry| entry.is_temporary() && now - entry.used > TEMPORARY_MAX_NS)
        {
            self.dir.remove(&entry.name)?;
        }
        entries.retain(|entry| !entry.name.ends_with(CODE) && !entry.is_temporary());
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.used));
        for entry in entries.iter().skip(ENTRIES_MAX) {
            self.dir.remove(&entry.name)?;
        }
        self.make_room("", 0).map(drop)
    }

    /// Checks the message authentication code of an entry.
    pub(super) fn verify(&self, name: &str, entry: Vec<u8>) -> Result<Vec<u8>, String> {
        let right = entry
            .split_at_checked(MAC_BYTES)
            .is_some_and(|(mac, content)| self.keyed_hash(name, content).verify_slice(mac).is_ok());
        if right { Ok(entry) } else { Err("it is not whole, or not this host's".into()) }
    }

    pub(super) fn authentication_code(&self, name: &str, content: &[u8]) -> [u8; MAC_BYTES] {
        self.keyed_hash(name, content).finalize().into_bytes().into()
    }

    /// Includes the name, so that no entry can stand for another.
    fn keyed_hash(&self, name: &str, content: &[u8]) -> Hmac<Sha256> {
        let mut hmac = self.hmac.clone();
        hmac.update(name.as_bytes());
        hmac.update(&[0]);
        hmac.update(content);
        hmac
    }

    fn mark_used(&self, name: &str) {
        if let Ok(Some(file)) = self.dir.open(name) {
            let _ = file.set_modified(SystemTime::now());
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn holds(&self) -> MutexGuard<'_, BTreeMap<Digest, usize>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, the cache keeps the code of a file.
pub(super) struct CacheHold {
    cache: Arc<CodeCache>,
    digest: Digest,
}

impl Drop for CacheHold {
    fn drop(&mut self) {
        self.cache.release(&self.digest);
    }
}

pub(super) fn file_name(digest: &Digest, end: &str) -> String {
    format!("{digest}.{end}")
}
