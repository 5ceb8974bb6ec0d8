//! Builds the plugin in a folder with its language's own tools; `dist/NAME.wasm` is what is left.

mod c;
mod python;
mod rust;
mod typescript;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::language::Language;
use crate::cli::failure::Failure;

/// What a build left.
#[derive(Debug)]
pub(in crate::cli) struct Built {
    /// The plugin.
    pub(in crate::cli) file: PathBuf,
    /// How long it took.
    pub(in crate::cli) took: Duration,
}

/// Builds a plugin. What its tools say goes to standard error, as they say it.
///
/// # Errors
/// When a tool is not there, or did not end well.
pub(in crate::cli) async fn build(folder: &Folder) -> Result<Built, Failure> {
    let started = Instant::now();
    let made = match folder.language {
        Language::Rust => rust::build(folder).await,
        Language::Typescript => typescript::build(folder).await,
        Language::Python => python::build(folder).await,
        Language::C => c::build(folder).await,
    };
    let named = |what: &str| format!("{} was not built: {what}", folder.name);
    made.map_err(|failure| match failure {
        Failure::Failed(what) => Failure::Failed(named(&what)),
        other => other,
    })?;
    let file = folder.built();
    if !file.is_file() {
        return Err(Failure::Failed(named(&format!("the build left no {}", file.display()))));
    }
    Ok(Built { file, took: started.elapsed() })
}

/// Copies a plugin to where a host may be looking: it sees the old file or the new one, never a part.
///
/// # Errors
/// When it cannot be written.
pub(in crate::cli) fn install(from: &Path, to: &Path) -> Result<(), Failure> {
    let copy = || -> io::Result<()> {
        let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir)?;
        // A name that begins with a dot is no plugin's.
        let mut beside = tempfile::Builder::new();
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let mut file = beside.prefix(".").suffix(".new").permissions(readable).tempfile_in(dir)?;
        io::copy(&mut std::fs::File::open(from)?, file.as_file_mut())?;
        file.persist(to)?;
        Ok(())
    };
    copy().map_err(|error| Failure::Failed(format!("{}: {error}", to.display())))
}

/// Whether a file is missing, or older than what it was made of.
fn is_older(made: &Path, of: &Path) -> bool {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    modified(made).is_none_or(|made| modified(of).is_some_and(|of| made < of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_put_in_place_whole_and_readable() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a.wasm"), dir.path().join("plugins/b.wasm"));
        std::fs::write(&from, "new").unwrap();
        for _ in 0..2 {
            install(&from, &to).unwrap();
        }
        assert_eq!(std::fs::read(&to).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(dir.path().join("plugins")).unwrap().count(), 1);
        assert!(install(&dir.path().join("none"), &to).is_err());
        assert_eq!(std::fs::read(&to).unwrap(), b"new");
    }
}
