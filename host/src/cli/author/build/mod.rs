//! Builds the plugin in a folder with its language's own tools into `dist/NAME.wasm`.

pub(in crate::cli) mod ahead;
pub(super) mod go;
pub(super) mod make;
mod module_names;
pub(super) mod python;
pub(super) mod rust;
pub(super) mod typescript;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::language::{Language, Project};
use super::packages::{generate, has_templates, load, remove_former, write_generated};
use crate::cli::failure::Failure;
use crate::cli::settings::Settings;

/// The result of a build.
#[derive(Debug)]
pub(in crate::cli) struct Built {
    /// The plugin.
    pub(in crate::cli) file: PathBuf,
    /// The time that it took.
    pub(in crate::cli) took: Duration,
}

/// Builds a plugin. The output of its tools goes to standard error at once.
///
/// # Errors
/// When a tool is missing, or failed.
pub(in crate::cli) async fn build(folder: &Folder) -> Result<Built, Failure> {
    let started = Instant::now();
    renew_handlers(folder).await?;
    let made = match folder.project {
        Project::Sdk(Language::Rust) => rust::build(folder).await,
        Project::Sdk(Language::Typescript) => typescript::build(folder).await,
        Project::Sdk(Language::Python) => python::build(folder).await,
        Project::Sdk(Language::C) => make::run(folder).await,
        Project::Sdk(Language::Go) => go::build(folder).await,
        Project::Makefile => make::build(folder).await,
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

/// Generates the typed handlers of the packages in the plugin's folder `wit` again, where they changed.
async fn renew_handlers(folder: &Folder) -> Result<(), Failure> {
    let own = folder.dir.join("wit");
    // A plugin in a language without such handlers may have a folder `wit` for its own tools.
    let Project::Sdk(language) = folder.project else { return Ok(()) };
    if !own.is_dir() || !has_templates(language) {
        return Ok(());
    }
    let (settings, paths) = (Settings::of_defaults(), [own]);
    // Its type is too deep for the compiler where builds run in the background.
    let loading: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(load(&settings, &paths));
    let packages = loading.await?;
    let generated = generate(language, &packages.all)?;
    generated.iter().try_for_each(|file| write_generated(&folder.dir, file))?;
    remove_former(language, &folder.dir, &generated)
}

/// Copies a plugin to a place that a host may scan: the host sees the old file or the new one, never
/// a part.
///
/// # Errors
/// When it cannot be written.
pub(in crate::cli) fn install(from: &Path, to: &Path) -> Result<(), Failure> {
    let copied = std::fs::File::open(from).and_then(|mut file| replace(to, &mut file));
    copied.map_err(|error| Failure::Failed(format!("{}: {error}", to.display())))
}

/// Puts a plugin in a place in one step.
fn replace(to: &Path, content: &mut impl io::Read) -> io::Result<()> {
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    // A name that begins with a dot is no plugin's.
    let mut beside = tempfile::Builder::new();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    let mut file = beside.prefix(".").suffix(".new").permissions(readable).tempfile_in(dir)?;
    io::copy(content, file.as_file_mut())?;
    file.persist(to)?;
    Ok(())
}

/// Whether a file is missing, or older than its source.
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
