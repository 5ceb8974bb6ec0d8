//! Makes the folder of a new plugin: the template, the SDK and the WIT.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::embedded;
use super::language::Language;
use super::template::{Handles, Template};
use crate::cli::failure::Failure;
use crate::config::EVENT_TYPE_MAX_BYTES;
use crate::event::PluginName;

/// Names that a language's tools keep for themselves: Rust's keywords and crates, Python's and npm's
/// modules, and the SDKs'.
const RESERVED: [&str; 62] = [
    "abstract",
    "alloc",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "become",
    "box",
    "break",
    "class",
    "const",
    "continue",
    "core",
    "crate",
    "def",
    "dist",
    "do",
    "dyn",
    "else",
    "enum",
    "export",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "hookyard",
    "hookyard-plugin",
    "if",
    "impl",
    "import",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "none",
    "override",
    "plugin",
    "priv",
    "proc-macro",
    "pub",
    "pytest",
    "ref",
    "return",
    "sdk",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tests",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
];

/// A plugin that is to be.
#[derive(Debug)]
pub(in crate::cli) struct New {
    /// Its name.
    pub(in crate::cli) name: String,
    /// What it is to be written in.
    pub(in crate::cli) language: Language,
    /// Event types and patterns that it is to handle.
    pub(in crate::cli) events: Vec<String>,
    /// The folder.
    pub(in crate::cli) dir: PathBuf,
}

impl New {
    /// Makes the folder, and returns the files that are the author's own, with their paths in it. Leaves
    /// nothing behind where that fails.
    ///
    /// # Errors
    /// When the name or an event type cannot be, the folder is there already, or nothing can be written.
    pub(in crate::cli) fn make(&self, typed: &[&str]) -> Result<Vec<String>, Failure> {
        check_name(&self.name).map_err(Failure::Usage)?;
        let handles = handles(&self.events, typed).map_err(Failure::Usage)?;
        let shown = self.dir.display();
        if self.dir.symlink_metadata().is_ok() {
            return Err(Failure::Failed(format!("{shown} is there already; nothing was changed")));
        }
        let failed = |error: io::Error| Failure::Failed(format!("{shown}: {error}"));
        std::fs::create_dir_all(&self.dir).map_err(failed)?;
        let files = self.render(&handles);
        self.write(&files).map_err(|error| {
            let _ = std::fs::remove_dir_all(&self.dir);
            failed(error)
        })?;
        Ok(files.into_iter().map(|file| file.path).collect())
    }

    fn render(&self, handles: &Handles) -> Vec<TemplateFile> {
        let dir = format!("plugin-sdk/{}/template", self.language.folder());
        let template = Template::new(embedded::below(&dir).map(|(path, file)| (path, file.bytes)));
        let programs: Vec<_> =
            embedded::below(&dir).filter(|(_, file)| file.executable).map(|(path, _)| path).collect();
        let files = template.render(&self.name, handles).into_iter();
        files
            .map(|(path, bytes)| TemplateFile { executable: programs.contains(&path.as_str()), path, bytes })
            .collect()
    }

    fn write(&self, own: &[TemplateFile]) -> io::Result<()> {
        for file in own {
            write(&self.dir.join(&file.path), &file.bytes, file.executable)?;
        }
        let sdk = self.dir.join("sdk");
        let of_sdk = embedded::below("plugin-sdk").filter_map(|(path, file)| {
            let path = path.strip_prefix(self.language.folder())?.strip_prefix('/')?;
            Some((path, file)).filter(|(path, _)| !path.starts_with("template/"))
        });
        for (path, file) in of_sdk {
            write(&sdk.join(path), file.bytes, file.executable)?;
        }
        for (path, file) in embedded::below("wit") {
            write(&sdk.join("wit").join(path), file.bytes, file.executable)?;
        }
        Ok(())
    }
}

/// A file of the template, as it is to be.
struct TemplateFile {
    path: String,
    bytes: Vec<u8>,
    executable: bool,
}

fn write(path: &Path, bytes: &[u8], executable: bool) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mode = if executable { 0o777 } else { 0o666 };
    std::fs::File::options().write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}

/// A plugin's name is its file's and, in every language, its project's.
fn check_name(name: &str) -> Result<(), String> {
    PluginName::new(name).map_err(|error| error.to_string())?;
    let wrong = |why: &str| Err(format!("`{name}` is no name for a new plugin: {why}"));
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.chars().all(allowed) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return wrong("use a-z, 0-9 and -, and begin with a letter, as in `confirmation-sms`");
    }
    if name.ends_with('-') || name.contains("--") {
        return wrong("a - stands between two words");
    }
    if RESERVED.contains(&name) {
        return wrong("the language's own tools use it; add a word, as in `confirmation-sms`");
    }
    Ok(())
}

/// Which of the events have a typed handler.
fn handles(events: &[String], known: &[&str]) -> Result<Handles, String> {
    let mut handles = Handles { typed: Vec::new(), generic: Vec::new() };
    for event in events {
        check_event(event)?;
        let group = if known.contains(&event.as_str()) { &mut handles.typed } else { &mut handles.generic };
        if !group.contains(event) {
            group.push(event.clone());
        }
    }
    Ok(handles)
}

/// An event type, or a pattern of them, that can stand in any language's text.
fn check_event(event: &str) -> Result<(), String> {
    let base = event.strip_suffix(".*").unwrap_or(event);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let word = |word: &str| word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(allowed);
    if event == "*" || (event.len() <= EVENT_TYPE_MAX_BYTES && base.split('.').all(word)) {
        return Ok(());
    }
    Err(format!("`{event}` is no event type: write `appointment.created`, `appointment.*` or `*`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_every_language_takes_are_taken() {
        for good in ["sms", "confirmation-sms", "a1"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "Sms", "1a", "a_b", "a-", "a--b", "-a", "a/b", "..", "match", "test", "sdk", "ä"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn events_have_typed_handlers_where_there_are_some() {
        let events = ["a.created", "order.paid", "a.created", "order.*"].map(str::to_owned);
        let handles = handles(&events, &["a.created"]).unwrap();
        assert_eq!(
            (handles.typed, handles.generic),
            (vec!["a.created".into()], vec!["order.paid".into(), "order.*".into()])
        );
        for bad in ["", "a b", "a.", ".a", "a\"b", "*.a", "a*"] {
            assert!(check_event(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_language_has_a_template_and_an_sdk() {
        for language in super::super::language::ALL {
            let dir = tempfile::tempdir().unwrap();
            let new = New {
                name: "my-plugin".into(),
                language,
                events: vec!["appointment.created".into(), "order.paid".into()],
                dir: dir.path().join("my-plugin"),
            };
            let own = new.make(&["appointment.created"]).unwrap();
            assert_eq!(Language::of(&new.dir), Some(language), "{own:?}");
            let text = |path: &String| String::from_utf8(std::fs::read(new.dir.join(path)).unwrap()).unwrap();
            let all: String = own.iter().map(text).collect();
            assert!(all.contains("order.paid"), "{language:?}: {all}");
            for left in ["{{name}}", "{{snake}}", "{{handlers}}", "{{tests}}", "{{event}}", "{{Pascal}}"] {
                assert!(!all.contains(left), "{language:?}: {left}: {all}");
            }
            assert!(new.dir.join("sdk/README.md").is_file(), "{language:?}");
            assert!(new.dir.join("sdk/wit/hookyard-plugin-0.1.0/types.wit").is_file(), "{language:?}");
            assert!(!new.dir.join("sdk/template").exists(), "{language:?}");
            let again = new.make(&[]).unwrap_err().to_string();
            assert!(again.contains("is there already"), "{again}");
        }
    }
}
