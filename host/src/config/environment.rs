//! The environment variables of the command line and of crash tests.

use std::io::{self, Read};
use std::path::PathBuf;

use super::values::{Secret, without_line_end};

/// Largest secret that is read for signing an event.
const SECRET_MAX_BYTES: u64 = 65_536;

/// The directories of programs.
#[must_use]
pub fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The cache directory of this user's programs; `None` if there is none.
#[must_use]
pub fn user_cache_dir() -> Option<PathBuf> {
    let dir = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let cache = dir("XDG_CACHE_HOME").or_else(|| dir("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("hookyard"))
}

/// The variable that names the folders in which a caller of this program runs `make` at its request.
pub const MAKING_VARIABLE: &str = "HOOKYARD_MAKING";

/// The value of [`MAKING_VARIABLE`]; empty if it is not set.
#[must_use]
pub fn making() -> String {
    std::env::var(MAKING_VARIABLE).unwrap_or_default()
}

/// The variable of the secret that an event is signed with.
pub const SECRET_VARIABLE: &str = "HOOKYARD_SECRET";

/// The value of [`SECRET_VARIABLE`], if it is set.
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

/// The point at which this process is to be killed: see [`crate::failpoint`].
#[cfg(debug_assertions)]
pub(crate) fn kill_at() -> Option<String> {
    std::env::var("HOOKYARD_KILL_AT").ok()
}
