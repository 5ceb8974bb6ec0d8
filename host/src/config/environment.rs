//! What the command line, and tests of crashes, take from the environment.

use std::path::PathBuf;

/// The directories in which programs are looked for.
#[must_use]
pub fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Where this user's programs keep what they can make again; `None` where there is no such place.
#[must_use]
pub fn user_cache_dir() -> Option<PathBuf> {
    let dir = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let cache = dir("XDG_CACHE_HOME").or_else(|| dir("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("hookyard"))
}

/// Where this process is to be killed: see [`crate::failpoint`].
#[cfg(debug_assertions)]
pub(crate) fn kill_at() -> Option<String> {
    std::env::var("HOOKYARD_KILL_AT").ok()
}
