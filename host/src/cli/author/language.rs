//! The languages there is an SDK for, and how each looks on disk.

use std::fs::File;
use std::io::Read as _;
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
    /// Go
    #[value(alias = "golang")]
    Go,
}

/// All languages.
pub(super) const ALL: [Language; 5] =
    [Language::Rust, Language::Typescript, Language::Python, Language::C, Language::Go];

/// How the plugin in a folder is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Project {
    /// With the tools of a language that has an SDK.
    Sdk(Language),
    /// In any language: `make` leaves the plugin.
    Makefile,
}

/// The file that `make` reads, and its size up to which an SDK is searched in it and in other manifests.
const MAKEFILE: &str = "Makefile";
const MANIFEST_MAX_BYTES: u64 = 1024 * 1024;

impl Project {
    /// The project in a folder. A manifest that names its SDK decides, then a Makefile: other languages have
    /// `package.json` or `Cargo.toml` for their own tools.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        let present: Vec<_> =
            ALL.into_iter().filter(|language| dir.join(language.manifest()).is_file()).collect();
        let of_sdk = present.iter().copied().find(|language| language.is_named_in(dir));
        if of_sdk.is_none() && dir.join(MAKEFILE).is_file() {
            return Some(Self::Makefile);
        }
        of_sdk.or(present.first().copied()).map(Self::Sdk)
    }

    /// Its name for people.
    pub(in crate::cli) fn title(self) -> &'static str {
        match self {
            Self::Sdk(language) => language.title(),
            Self::Makefile => MAKEFILE,
        }
    }
}

/// Whether a line of a Makefile includes a file with this name.
fn includes(line: &str, name: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = line.split_whitespace();
    words.next().is_some_and(|word| matches!(word, "include" | "-include" | "sinclude"))
        && words.any(|file| Path::new(file).ends_with(name))
}

impl Language {
    /// Whether its manifest in a folder names its SDK.
    fn is_named_in(self, dir: &Path) -> bool {
        let mut text = Vec::new();
        let read = File::open(dir.join(self.manifest()))
            .and_then(|file| file.take(MANIFEST_MAX_BYTES).read_to_end(&mut text));
        let text = String::from_utf8_lossy(&text);
        read.is_ok()
            && match self {
                // Other lines, such as comments, may mention it.
                Self::C => text.lines().any(|line| includes(line, self.sdk_mark())),
                _ => text.contains(self.sdk_mark()),
            }
    }

    /// The SDK's name in a manifest.
    fn sdk_mark(self) -> &'static str {
        match self {
            Self::Rust | Self::Python => "hookyard-plugin",
            Self::Typescript => "@hookyard/plugin",
            Self::C => "hookyard.mk",
            Self::Go => "hookyard v",
        }
    }

    /// The file by which its tools, and [`Project::of`], recognise a project.
    pub(super) fn manifest(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Typescript => "package.json",
            Self::Python => "pyproject.toml",
            Self::C => MAKEFILE,
            Self::Go => "go.mod",
        }
    }

    /// The folder of its SDK in `plugin-sdk`.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Typescript => "typescript",
            Self::Python => "python",
            Self::C => "c",
            Self::Go => "go",
        }
    }

    /// Its name for people.
    pub(in crate::cli) fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Typescript => "TypeScript",
            Self::Python => "Python",
            Self::C => "C",
            Self::Go => "Go",
        }
    }

    /// The command that runs a plugin's own tests, in its folder.
    pub(in crate::cli) fn test_command(self) -> &'static str {
        match self {
            Self::Rust => "cargo test",
            Self::Typescript => "npm test",
            Self::Python => ".venv/bin/python -m unittest",
            Self::C => "make test",
            Self::Go => "go test ./...",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_with_its_sdk_decides_then_a_makefile_then_a_manifest() {
        for language in ALL {
            let dir = tempfile::tempdir().unwrap();
            let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
            assert_eq!(Project::of(dir.path()), None);
            write(language.manifest(), "");
            let alone = if language == Language::C { Project::Makefile } else { Project::Sdk(language) };
            assert_eq!(Project::of(dir.path()), Some(alone));
            write("Makefile", "all:\n");
            assert_eq!(Project::of(dir.path()), Some(Project::Makefile), "{language:?}");
            let named = match language {
                Language::C => "# A plugin.\n-include sdk/hookyard.mk # the SDK".to_owned(),
                _ => format!("x = {}0.1", language.sdk_mark()),
            };
            write(language.manifest(), &named);
            assert_eq!(Project::of(dir.path()), Some(Project::Sdk(language)));
        }
    }

    #[test]
    fn a_makefile_that_only_mentions_the_sdk_for_c_is_any_languages() {
        for line in [
            "# include sdk/hookyard.mk",
            "all: # as hookyard.mk",
            "include own.mk # hookyard.mk",
            "include my-hookyard.mk",
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("Makefile"), line).unwrap();
            assert_eq!(Project::of(dir.path()), Some(Project::Makefile), "{line}");
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
            ("golang", Language::Go),
        ] {
            assert_eq!(Language::from_str(name, true), Ok(language));
        }
    }
}
