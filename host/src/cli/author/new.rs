//! Makes the folder of a new plugin: the template, the SDK and the WIT.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::embedded;
use super::language::Language;
use super::packages::{GeneratedFile, generate, read_moncreneau, write_generated};
use super::template::{self, Handles, TypedEvent};
use crate::cli::failure::Failure;
use crate::config::EVENT_TYPE_MAX_BYTES;
use crate::event::PluginName;
use crate::wit::{Package, RESERVED};

/// A plugin to be made.
#[derive(Debug)]
pub(in crate::cli) struct New {
    /// Its name.
    pub(in crate::cli) name: String,
    /// Its language.
    pub(in crate::cli) language: Language,
    /// Event types and patterns that it will handle.
    pub(in crate::cli) events: Vec<String>,
    /// Packages beside Moncreneau's, and the folders or files that they were read from.
    pub(in crate::cli) packages: Vec<(Package, PathBuf)>,
    /// Whether it is a verifier, which handles no events.
    pub(in crate::cli) is_verifier: bool,
    /// The folder.
    pub(in crate::cli) dir: PathBuf,
}

/// The folders of the templates in an SDK.
const TEMPLATE: &str = "template";
const VERIFIER_TEMPLATE: &str = "verifier-template";
/// The file of a verifier's template that gets its name, `NAME.vectors.json`.
const VECTORS: &str = "vectors.json";

impl New {
    /// Makes the folder, and returns the author's own files, with their paths in it. A failure leaves
    /// nothing behind.
    ///
    /// # Errors
    /// When the name or an event type is not allowed, the folder exists already, or a file cannot be
    /// written.
    pub(in crate::cli) fn make(&self) -> Result<Vec<String>, Failure> {
        check_name(&self.name).map_err(Failure::Usage)?;
        if self.is_verifier && !matches!(self.language, Language::Rust | Language::Typescript) {
            let why = "there are templates of verifiers in Rust and TypeScript; in any other language, export the world \
                       of `wit/hookyard-verifier-0.1.0` (`hookyard wit export`)";
            return Err(Failure::Usage(why.into()));
        }
        let moncreneau = read_moncreneau()?;
        let own = self.packages.iter().map(|(package, _)| (package, false));
        let known: Vec<_> = own.chain(moncreneau.iter().map(|package| (package, true))).collect();
        let handles = handles(&self.events, &known).map_err(Failure::Usage)?;
        let packages: Vec<Package> = self.packages.iter().map(|(package, _)| package.clone()).collect();
        let generated = if packages.is_empty() { Vec::new() } else { generate(self.language, &packages)? };
        let shown = self.dir.display();
        if self.dir.symlink_metadata().is_ok() {
            return Err(Failure::Failed(format!("{shown} is there already; nothing was changed")));
        }
        let failed = |error: io::Error| Failure::Failed(format!("{shown}: {error}"));
        let files = self.render(&handles)?;
        std::fs::create_dir_all(&self.dir).map_err(failed)?;
        let written = self.write(&files).map_err(failed).and_then(|()| self.write_packages(&generated));
        written.inspect_err(|_| {
            let _ = std::fs::remove_dir_all(&self.dir);
        })?;
        let generated = generated.iter().map(|file| file.path.display().to_string());
        Ok(files.into_iter().map(|file| file.path).chain(generated).collect())
    }

    fn render(&self, handles: &Handles) -> Result<Vec<TemplateFile>, Failure> {
        let template = if self.is_verifier { VERIFIER_TEMPLATE } else { TEMPLATE };
        let dir = format!("plugin-sdk/{}/{template}", self.language.folder());
        let failed = |error: &dyn Display| Failure::Failed(format!("{dir}: {error}"));
        let mut texts = Vec::new();
        for (path, file) in embedded::below(&dir) {
            texts.push((path, std::str::from_utf8(file.bytes).map_err(|error| failed(&error))?));
        }
        let generate = format!("plugin-sdk/{}/generate", self.language.folder());
        let partials: Vec<_> =
            embedded::texts_below(&generate).filter(|(path, _)| path.starts_with('_')).collect();
        let rendered =
            template::render(&texts, &partials, &self.name, handles).map_err(|error| failed(&error))?;
        let programs: Vec<_> =
            embedded::below(&dir).filter(|(_, file)| file.executable).map(|(path, _)| path).collect();
        let own = |path: &str| match path {
            VECTORS if self.is_verifier => format!("{}.{VECTORS}", self.name),
            _ => path.to_owned(),
        };
        let file =
            |(path, text)| TemplateFile { executable: programs.contains(&path), path: own(path), text };
        Ok(rendered.into_iter().map(file).collect())
    }

    fn write(&self, own: &[TemplateFile]) -> io::Result<()> {
        for file in own {
            write(&self.dir.join(&file.path), file.text.as_bytes(), file.executable)?;
        }
        let sdk = self.dir.join("sdk");
        let of_sdk = embedded::below("plugin-sdk").filter_map(|(path, file)| {
            let path = path.strip_prefix(self.language.folder())?.strip_prefix('/')?;
            let is_own = |dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
            let is_left_out = [TEMPLATE, VERIFIER_TEMPLATE, "generate"].into_iter().any(is_own);
            (!is_left_out).then_some((path, file))
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

impl New {
    /// The packages in the plugin's folder `wit`, and what is generated from them.
    fn write_packages(&self, generated: &[GeneratedFile]) -> Result<(), Failure> {
        for (package, from) in &self.packages {
            let to = self.dir.join("wit").join(package.folder());
            copy_package(from, &to).map_err(|error| {
                Failure::Failed(format!("{} to {}: {error}", from.display(), to.display()))
            })?;
        }
        generated.iter().try_for_each(|file| write_generated(&self.dir, file))
    }
}

/// Copies a package: its WIT files, its samples and its dependencies.
fn copy_package(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    if from.is_file() {
        std::fs::copy(from, to.join(from.file_name().unwrap_or_default()))?;
        let samples = from.parent().map(|dir| dir.join("samples")).filter(|samples| samples.is_dir());
        return samples.map_or(Ok(()), |samples| copy_files(&samples, &to.join("samples"), "json"));
    }
    copy_files(from, to, "wit")?;
    for (below, extension) in [("samples", "json"), ("deps", "wit")] {
        if from.join(below).is_dir() {
            copy_files(&from.join(below), &to.join(below), extension)?;
        }
    }
    Ok(())
}

/// Copies the files with this extension, and folders of such files.
fn copy_files(from: &Path, to: &Path, extension: &str) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_file() && path.extension().is_some_and(|own| own == extension) {
            std::fs::copy(&path, &target)?;
        } else if path.is_dir() && extension == "wit" && from.ends_with("deps") {
            copy_files(&path, &target, extension)?;
        }
    }
    Ok(())
}

/// A rendered file of the template.
struct TemplateFile {
    path: String,
    text: String,
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
    let wrong = |why: &str| Err(format!("`{name}` is not a name for a new plugin: {why}"));
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

/// Tells the events that have a typed handler in a package from the others. The flag of a package says whether the SDK
/// has it.
fn handles(events: &[String], packages: &[(&Package, bool)]) -> Result<Handles, String> {
    let mut handles = Handles { typed: Vec::new(), generic: Vec::new() };
    let mut known = BTreeSet::new();
    for event in events {
        check_event(event)?;
        if !known.insert(event) {
            continue;
        }
        let typed = packages.iter().find_map(|(package, is_in_sdk)| {
            let found = package.handler(event)?.clone();
            Some(TypedEvent { module: package.module.clone(), is_in_sdk: *is_in_sdk, handler: found })
        });
        match typed {
            Some(typed) => handles.typed.push(typed),
            None => handles.generic.push(event.clone()),
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
    use super::super::language::Project;
    use super::*;

    #[test]
    fn names_that_every_language_takes_are_taken() {
        for good in ["sms", "confirmation-sms", "a1"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "Sms", "1a", "a_b", "a-", "a--b", "-a", "a/b", "..", "match", "test", "sdk", "ä"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn events_have_typed_handlers_where_there_are_some() {
        let events =
            ["appointment.created", "order.paid", "appointment.created", "order.*"].map(str::to_owned);
        let moncreneau = read_moncreneau().unwrap();
        let known: Vec<_> = moncreneau.iter().map(|package| (package, true)).collect();
        let handles = super::handles(&events, &known).unwrap();
        let [typed] = handles.typed.try_into().unwrap();
        assert_eq!(
            (typed.handler.event.as_str(), typed.module.as_str()),
            ("appointment.created", "moncreneau")
        );
        assert_eq!(handles.generic, ["order.paid", "order.*"]);
        for bad in ["", "a b", "a.", ".a", "a\"b", "*.a", "a*"] {
            assert!(check_event(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_verifier_has_a_template_in_rust_and_typescript() {
        for language in super::super::language::ALL {
            let dir = tempfile::tempdir().unwrap();
            let new = New {
                name: "my-verifier".into(),
                language,
                events: Vec::new(),
                packages: Vec::new(),
                is_verifier: true,
                dir: dir.path().join("my-verifier"),
            };
            if !matches!(language, Language::Rust | Language::Typescript) {
                assert!(new.make().unwrap_err().to_string().contains("Rust and TypeScript"), "{language:?}");
                assert!(!new.dir.exists());
                continue;
            }
            let own = new.make().unwrap();
            assert!(own.contains(&"my-verifier.vectors.json".to_owned()), "{own:?}");
            assert_eq!(Project::of(&new.dir), Some(Project::Sdk(language)), "{own:?}");
            assert!(new.dir.join("sdk/wit/hookyard-verifier-0.1.0/verifier.wit").is_file(), "{language:?}");
            let readme = std::fs::read_to_string(new.dir.join("README.md")).unwrap();
            assert!(readme.contains("env:MY_VERIFIER_SECRET") && !readme.contains("{{"), "{readme}");
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
                packages: Vec::new(),
                is_verifier: false,
                dir: dir.path().join("my-plugin"),
            };
            let own = new.make().unwrap();
            assert_eq!(Project::of(&new.dir), Some(Project::Sdk(language)), "{own:?}");
            let text = |path: &String| String::from_utf8(std::fs::read(new.dir.join(path)).unwrap()).unwrap();
            let all: String = own.iter().map(text).collect();
            assert!(all.contains("order.paid"), "{language:?}: {all}");
            for left in ["{{name}}", "{{snake}}", "{{handlers}}", "{{tests}}", "{{event}}", "{{Pascal}}"] {
                assert!(!all.contains(left), "{language:?}: {left}: {all}");
            }
            assert!(new.dir.join("sdk/README.md").is_file(), "{language:?}");
            assert!(new.dir.join("sdk/wit/hookyard-plugin-0.1.0/types.wit").is_file(), "{language:?}");
            assert!(!new.dir.join("sdk/template").exists(), "{language:?}");
            assert!(!new.dir.join("sdk/verifier-template").exists(), "{language:?}");
            let again = new.make().unwrap_err().to_string();
            assert!(again.contains("is there already"), "{again}");
        }
    }
}
