//! What the command line, and tests of crashes, take from the environment.

use std::io::{self, Read};
use std::path::PathBuf;

use super::values::{Secret, without_line_end};

/// Largest secret that is read for signing an event.
const SECRET_MAX_BYTES: u64 = 65_536;

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

/// The variable of the secret that an event is signed with.
pub const SECRET_VARIABLE: &str = "HOOKYARD_SECRET";

/// What [`SECRET_VARIABLE`] says, if anything.
#[must_use]
pub fn signing_secret() -> Option<Secret> {
    let written = std::env::var(SECRET_VARIABLE).ok()?;
    Some(without_line_end(&written))
        .filter(|secret| !secret.is_empty())
        .map(|secret| Secret::new(secret.into()))
}

/// Reads a secret as a configuration reads `file:PATH`.
///
/// # Errors
/// The file cannot be read, is not UTF-8, is empty, or is too large to be a secret.
pub fn read_secret(file: &mut dyn Read) -> io::Result<Secret> {
    let mut text = String::new();
    file.take(SECRET_MAX_BYTES + 1).read_to_string(&mut text)?;
    let secret = without_line_end(&text);
    if secret.is_empty() || text.len() as u64 > SECRET_MAX_BYTES {
        let why = format!("a secret has 1 to {SECRET_MAX_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(Secret::new(secret.to_owned()))
}

/// Where this process is to be killed: see [`crate::failpoint`].
#[cfg(debug_assertions)]
pub(crate) fn kill_at() -> Option<String> {
    std::env::var("HOOKYARD_KILL_AT").ok()
}
