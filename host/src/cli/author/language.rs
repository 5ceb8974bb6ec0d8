//! The languages there is an SDK for, and how each looks on disk.

use std::path::Path;

use clap::ValueEnum;

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Language {
    /// Rust
    #[value(alias = "rs")]
    Rust,
    /// TypeScript, or JavaScript
    #[value(aliases = ["ts", "javascript", "js"])]
    Typescript,
    /// Python
    #[value(alias = "py")]
    Python,
    /// C
    C,
}

/// All of them.
pub(super) const ALL: [Language; 4] = [Language::Rust, Language::Typescript, Language::Python, Language::C];

impl Language {
    /// The language of the plugin in a folder: by the file that its tools read.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        ALL.into_iter().find(|language| dir.join(language.manifest()).is_file())
    }

    /// The file by which its tools, and [`Language::of`], know a project.
    pub(super) fn manifest(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Typescript => "package.json",
            Self::Python => "pyproject.toml",
            Self::C => "Makefile",
        }
    }

    /// The folder of its SDK in `plugin-sdk`.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Typescript => "typescript",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// How a person writes it.
    pub(in crate::cli) fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Typescript => "TypeScript",
            Self::Python => "Python",
            Self::C => "C",
        }
    }

    /// The command that runs a plugin's own tests, in its folder.
    pub(in crate::cli) fn test_command(self) -> &'static str {
        match self {
            Self::Rust => "cargo test",
            Self::Typescript => "npm test",
            Self::Python => ".venv/bin/python -m unittest",
            Self::C => "make test",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_by_its_manifest() {
        for language in ALL {
            let dir = tempfile::tempdir().unwrap();
            assert_eq!(Language::of(dir.path()), None);
            std::fs::write(dir.path().join(language.manifest()), "").unwrap();
            assert_eq!(Language::of(dir.path()), Some(language));
        }
    }

    #[test]
    fn short_names_are_taken() {
        for (name, language) in [
            ("rs", Language::Rust),
            ("ts", Language::Typescript),
            ("js", Language::Typescript),
            ("javascript", Language::Typescript),
            ("py", Language::Python),
            ("c", Language::C),
        ] {
            assert_eq!(Language::from_str(name, true), Ok(language));
        }
    }
}
