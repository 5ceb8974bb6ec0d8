//! The folder of one plugin.

use std::path::{Path, PathBuf};

use super::language::{ALL, Project};
use crate::cli::failure::Failure;
use crate::event::PluginName;

/// A folder with the sources of one plugin.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Folder {
    /// Its path, as given.
    pub(in crate::cli) dir: PathBuf,
    /// The plugin's name: the folder's.
    pub(in crate::cli) name: PluginName,
    /// How it is built.
    pub(in crate::cli) project: Project,
}

impl Folder {
    /// Examines a folder.
    ///
    /// # Errors
    /// When it is no folder, its name cannot be a plugin's, or it has no project of a known
    /// language.
    pub(in crate::cli) fn at(dir: &Path) -> Result<Self, Failure> {
        let unusable = |why: String| Failure::Failed(format!("{}: {why}", dir.display()));
        // `.` and `..` take the names of their directories.
        let full = dir.canonicalize().map_err(|error| unusable(error.to_string()))?;
        let name = full.file_name().unwrap_or_default().to_string_lossy();
        let name = PluginName::new(&name)
            .map_err(|error| unusable(format!("the folder's name names the plugin: {error}")))?;
        let project = Project::of(dir).ok_or_else(|| {
            let manifests: Vec<_> = ALL
                .iter()
                .map(|language| format!("{} ({})", language.manifest(), language.title()))
                .collect();
            unusable(format!(
                "no plugin is here, for it has none of {}; `hookyard plugin new` makes one, and in any other \
                 language a Makefile builds one",
                manifests.join(", ")
            ))
        })?;
        Ok(Self { dir: dir.to_owned(), name, project })
    }

    /// The path of its builds' result.
    pub(in crate::cli) fn built(&self) -> PathBuf {
        let built = Path::new("dist").join(format!("{}.wasm", self.name));
        if self.dir == Path::new(".") { built } else { self.dir.join(built) }
    }
}

/// Returns the `.wasm` file of an argument: the file itself, or the build result of a folder.
///
/// # Errors
/// When a folder has no plugin, or it was not built.
pub(in crate::cli) fn wasm_file(named: &Path) -> Result<PathBuf, Failure> {
    if !named.is_dir() {
        return Ok(named.to_owned());
    }
    let file = Folder::at(named)?.built();
    if file.is_file() {
        return Ok(file);
    }
    let named = named.display();
    Err(Failure::Failed(format!("{named}: it was not built yet: `hookyard plugin build {named}`")))
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::*;

    #[test]
    fn a_folder_names_its_plugin() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("my-plugin");
        std::fs::create_dir_all(own.join("dist")).unwrap();
        assert!(Folder::at(&own).unwrap_err().to_string().contains("Cargo.toml (Rust)"));
        std::fs::write(own.join("package.json"), "{}").unwrap();
        let folder = Folder::at(&own.join("dist/..")).unwrap();
        assert_eq!((folder.name.as_str(), folder.project), ("my-plugin", Project::Sdk(Language::Typescript)));
        assert!(wasm_file(&own).unwrap_err().to_string().contains("plugin build"));
        std::fs::write(own.join("dist/my-plugin.wasm"), "").unwrap();
        assert_eq!(wasm_file(&own).unwrap(), own.join("dist/my-plugin.wasm"));
        assert_eq!(wasm_file(Path::new("x.wasm")).unwrap(), Path::new("x.wasm"));
    }

    #[test]
    fn a_folder_whose_name_is_no_plugins_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("my plugin");
        std::fs::create_dir(&own).unwrap();
        assert!(Folder::at(&own).unwrap_err().to_string().contains("`my plugin` is not a name"));
        assert!(Folder::at(&dir.path().join("none")).is_err());
    }
}
