//! Compiled plugins, kept by the digest of their file in a directory for one engine version and
//! configuration. An entry is machine code, so only the host may write there, and an entry that is
//! not whole is compiled again.

use std::fs::{self, DirBuilder};
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::precompiled;
use crate::event::Digest;

/// Entries kept when the cache is opened, and bytes of them; the ones not used for longest go. A plugin
/// with a language's runtime in it takes 50 MB.
const ENTRIES_MAX: usize = 2048;
const BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// See the module.
pub(super) struct Cache {
    engine: Engine,
    dir: PathBuf,
}

impl Cache {
    /// Opens or makes the cache below `root`, and drops entries of other engine versions.
    ///
    /// # Errors
    /// When the directory cannot be made, or someone else may write there.
    pub(super) fn open(root: PathBuf, engine: &Engine) -> Result<Self, String> {
        let fail = |what: &str, error: String| {
            format!("the cache of compiled plugins at {} {what}: {error}", root.display())
        };
        let mut hash = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hash);
        let dir = root.join(format!("{:016x}", hash.finish()));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(|e| fail("cannot be made", e.to_string()))?;
        for path in [root.as_path(), &dir] {
            check_owner(path).map_err(|problem| fail("is not safe", problem))?;
        }
        let cache = Self { engine: engine.clone(), dir };
        cache.prune(&root).map_err(|e| fail("cannot be read", e.to_string()))?;
        Ok(cache)
    }

    /// The compiled component of the file with this digest.
    pub(super) fn get(&self, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        let entry = fs::read(&path).ok()?;
        let whole = entry
            .split_at_checked(size_of::<Digest>())
            .filter(|(stored, code)| Digest::of(code).0 == *stored);
        let loaded = match whole {
            Some((_, code)) => {
                precompiled::component(&self.engine, code).map_err(|error| format!("{error:#}"))
            }
            None => Err("it is not whole".to_owned()),
        };
        loaded
            .inspect_err(|error| {
                tracing::warn!(path = %path.display(), "a cached compiled plugin is compiled again: {error}");
                let _ = fs::remove_file(&path);
            })
            .ok()
    }

    /// Keeps a compiled component: written beside and renamed, so no reader sees half of it.
    pub(super) fn put(&self, digest: &Digest, component: &Component) {
        let write = || -> Result<(), String> {
            let code = component.serialize().map_err(|error| format!("{error:#}"))?;
            let mut file = tempfile::NamedTempFile::new_in(&self.dir).map_err(|e| e.to_string())?;
            file.write_all(&Digest::of(&code).0)
                .and_then(|()| file.write_all(&code))
                .map_err(|e| e.to_string())?;
            file.persist(self.path(digest)).map_err(|e| e.to_string())?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::warn!(dir = %self.dir.display(), "a compiled plugin could not be cached: {error}");
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{digest}.cwasm"))
    }

    fn prune(&self, root: &Path) -> std::io::Result<()> {
        for entry in fs::read_dir(root)?.flatten() {
            if entry.path() != self.dir && entry.path().is_dir() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let look = |entry: fs::DirEntry| {
            let meta = entry.metadata().ok();
            let used = meta.as_ref().and_then(|meta| meta.accessed().ok()).unwrap_or(SystemTime::UNIX_EPOCH);
            (used, entry.path(), meta.map_or(0, |meta| meta.len()))
        };
        let mut entries: Vec<_> = fs::read_dir(&self.dir)?.flatten().map(look).collect();
        entries.sort_by(|a, b| b.cmp(a));
        let mut bytes = 0_u64;
        for (at, (_, path, size)) in entries.into_iter().enumerate() {
            bytes += size;
            if at >= ENTRIES_MAX || bytes > BYTES_MAX {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }
}

/// Refuses a directory that others than this process's user may write.
fn check_owner(path: &Path) -> Result<(), String> {
    let of = |path: &Path| fs::metadata(path).map_err(|error| error.to_string());
    let (dir, own) = (of(path)?, of(Path::new("/proc/self"))?);
    if dir.uid() != own.uid() {
        return Err("it belongs to another user; remove it or run as its owner".into());
    }
    if dir.mode() & 0o022 != 0 {
        return Err("others may write there, and what it holds is run; `chmod go-w` it".into());
    }
    Ok(())
}
