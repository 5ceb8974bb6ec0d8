//! Directories that this user's plugins share: the tools of their SDKs, installed once for each version of them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::stderr;
use crate::config;
use crate::event::Digest;

/// A directory with the tools of one language, for all plugins of this user. `None` if there is none: each plugin
/// then has its own tools.
pub(in crate::cli::author) fn tools_home(language: &str) -> Option<PathBuf> {
    let home = config::user_cache_dir()?.join(language);
    std::fs::create_dir_all(&home).is_ok().then_some(home)
}

/// A short name for what these texts identify.
pub(in crate::cli::author) fn key_of(parts: &[&[u8]]) -> String {
    let digests: Vec<_> = parts.iter().map(|part| Digest::of(part).to_string()).collect();
    Digest::of(digests.concat().as_bytes()).to_string()[..16].to_owned()
}

/// The directory `key` in `home`. If it is missing, `make` fills a new one, which appears complete or not at all. Of
/// several processes one fills it and the others wait.
///
/// # Errors
/// When it cannot be written, or `make` fails.
pub(in crate::cli::author) async fn shared_dir<F>(home: &Path, key: &str, make: F) -> Result<PathBuf, Failure>
where
    F: AsyncFnOnce(&Path) -> Result<(), Failure>,
{
    let failed = |error: io::Error| Failure::Failed(format!("{}: {error}", home.display()));
    let done = home.join(key);
    if done.is_dir() {
        return Ok(done);
    }
    let _lock = lock(home.join(format!("{key}.lock"))).await.map_err(failed)?;
    if done.is_dir() {
        return Ok(done);
    }
    stderr::print(
        "note",
        &format!("the tools of the SDK are installed once on this machine, in {}", done.display()),
    );
    let new = home.join(format!("{key}.new"));
    // A killed process leaves a part.
    match std::fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => std::fs::create_dir(&new).map_err(failed)?,
    }
    make(&new).await?;
    std::fs::rename(&new, &done).map_err(failed)?;
    Ok(done)
}

/// Waits for the lock of a file, which its process holds until the value is dropped.
pub(in crate::cli::author) async fn lock(path: PathBuf) -> io::Result<File> {
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    });
    locked.await.map_err(io::Error::other)?
}

/// Makes `link` lead to `target`, in one step.
///
/// # Errors
/// When it cannot be written, or something else than a link is there.
pub(in crate::cli::author) fn link(target: &Path, link: &Path) -> io::Result<()> {
    if std::fs::read_link(link).is_ok_and(|now| now == target) {
        return Ok(());
    }
    let dir = link.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let beside = tempfile::Builder::new().prefix(".link").tempdir_in(dir)?;
    let new = beside.path().join("new");
    std::os::unix::fs::symlink(target, &new)?;
    std::fs::rename(new, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shared_directory_is_made_once_and_never_in_part() {
        let home = tempfile::tempdir().unwrap();
        let fail = async |_: &Path| Err(Failure::Failed("no".into()));
        assert!(shared_dir(home.path(), "k", fail).await.is_err());
        assert!(!home.path().join("k").exists());
        let fill = async |dir: &Path| {
            assert!(!dir.join("file").exists(), "it begins empty");
            Ok(std::fs::write(dir.join("file"), "1")?)
        };
        let (first, second) =
            tokio::join!(shared_dir(home.path(), "k", fill), shared_dir(home.path(), "k", fill));
        assert_eq!(first.unwrap(), second.unwrap());
        assert_eq!(std::fs::read_to_string(home.path().join("k/file")).unwrap(), "1");
        let never = async |_: &Path| panic!("it is there");
        shared_dir(home.path(), "k", never).await.unwrap();
    }

    #[test]
    fn a_link_is_replaced_and_a_directory_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("below/at");
        for target in ["a", "b", "b"] {
            link(Path::new(target), &at).unwrap();
            assert_eq!(std::fs::read_link(&at).unwrap(), Path::new(target));
        }
        assert_eq!(std::fs::read_dir(dir.path().join("below")).unwrap().count(), 1);
        std::fs::create_dir(dir.path().join("real")).unwrap();
        assert!(link(Path::new("a"), &dir.path().join("real")).is_err());
    }

    #[test]
    fn a_key_changes_with_each_part() {
        let keys = [key_of(&[b"a", b"b"]), key_of(&[b"ab", b""]), key_of(&[b"a", b"c"])];
        assert!(keys[0] != keys[1] && keys[0] != keys[2]);
        assert_eq!(keys[0], key_of(&[b"a", b"b"]));
    }
}
