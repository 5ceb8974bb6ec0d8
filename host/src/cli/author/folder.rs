//! The folder of one plugin.

use std::path::{Path, PathBuf};

use super::language::{ALL, Language};
use crate::cli::failure::Failure;
use crate::event::PluginName;

/// A folder with the sources of one plugin.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Folder {
    /// Where it is, as it was named.
    pub(in crate::cli) dir: PathBuf,
    /// The plugin's name: the folder's.
    pub(in crate::cli) name: PluginName,
    /// What it is written in.
    pub(in crate::cli) language: Language,
}

impl Folder {
    /// Looks what is in a folder.
    ///
    /// # Errors
    /// When it is none, when its name cannot be a plugin's, or when no language's project is in it.
    pub(in crate::cli) fn at(dir: &Path) -> Result<Self, Failure> {
        let unusable = |why: String| Failure::Failed(format!("{}: {why}", dir.display()));
        // `.` and `..` have the name of what they stand for.
        let full = dir.canonicalize().map_err(|error| unusable(error.to_string()))?;
        let name = full.file_name().unwrap_or_default().to_string_lossy();
        let name = PluginName::new(&name)
            .map_err(|error| unusable(format!("the folder's name names the plugin: {error}")))?;
        let language = Language::of(dir).ok_or_else(|| {
            let manifests: Vec<_> = ALL
                .iter()
                .map(|language| format!("{} ({})", language.manifest(), language.title()))
                .collect();
            unusable(format!(
                "no plugin is here, for it has none of {}; `hookyard plugin new` makes one",
                manifests.join(", ")
            ))
        })?;
        Ok(Self { dir: dir.to_owned(), name, language })
    }

    /// Where its builds put the plugin.
    pub(in crate::cli) fn built(&self) -> PathBuf {
        let built = Path::new("dist").join(format!("{}.wasm", self.name));
        if self.dir == Path::new(".") { built } else { self.dir.join(built) }
    }
}

/// The `.wasm` file that is meant: a file itself, or what the build of a folder left.
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
    use super::*;

    #[test]
    fn a_folder_names_its_plugin() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("my-plugin");
        std::fs::create_dir_all(own.join("dist")).unwrap();
        assert!(Folder::at(&own).unwrap_err().to_string().contains("Cargo.toml (Rust)"));
        std::fs::write(own.join("package.json"), "{}").unwrap();
        let folder = Folder::at(&own.join("dist/..")).unwrap();
        assert_eq!((folder.name.as_str(), folder.language), ("my-plugin", Language::Typescript));
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
        assert!(Folder::at(&own).unwrap_err().to_string().contains("`my plugin` is no name"));
        assert!(Folder::at(&dir.path().join("none")).is_err());
    }
}
