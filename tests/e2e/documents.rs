//! What documents say is so: configurations in them pass, commands and files in them exist.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Bed, Ran};

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "plugin-sdk/rust/README.md",
    "plugins/README.md",
    "tests/bench/README.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The fenced blocks of a document in this language; `""` for those that name none.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut parts = text.split("```");
    parts.next();
    let mut found = Vec::new();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        let (named, body) = block.split_once('\n').unwrap_or((block, ""));
        if named.trim() == language {
            found.push(body.to_owned());
        }
    }
    found
}

/// The example plugins that have a document of their own, by name.
fn documented_plugins() -> Vec<String> {
    let folders = fs::read_dir(root().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let documented = folders.filter(|folder| folder.join("README.md").exists());
    documented.map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn the_table_of_the_example_plugins_names_each_once() {
    let (table, plugins) = (document("plugins/README.md"), documented_plugins());
    assert_eq!(plugins.len(), 15);
    for plugin in plugins {
        assert_eq!(table.matches(&format!("| [{plugin}]({plugin}) |")).count(), 1, "{plugin}");
    }
}

#[test]
fn the_configuration_of_make_run_passes_the_check() {
    let bed = Bed::new("");
    bed.replace("hookyard.toml", document("hookyard.toml").as_bytes());
    let ran = bed.run(&["config", "check"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn every_configuration_in_a_document_passes_the_check() {
    let mut checked = 0;
    let of_plugins = documented_plugins().into_iter().map(|plugin| format!("plugins/{plugin}/README.md"));
    for name in DOCUMENTS.map(str::to_owned).into_iter().chain(of_plugins) {
        for block in blocks(&document(&name), "toml").iter().filter(|block| !block.contains("[dependencies]"))
        {
            let bed = Bed::new("");
            bed.replace("hookyard.toml", block.as_bytes());
            let mut command = bed.command(&["config", "check"]);
            let references = block.match_indices("env:").map(|(at, _)| &block[at + 4..]);
            command.envs(references.map(|name| (name.split('"').next().unwrap(), "set")));
            let ran = Ran::of(&mut command);
            assert_eq!(ran.code, 0, "{name}:\n{block}\n{ran:?}");
            checked += 1;
        }
    }
    assert!(checked >= 15);
}

#[test]
fn the_default_configuration_is_what_holds_without_one() {
    let bed = Bed::new("");
    bed.replace("hookyard.toml", document("host/config.default.toml").as_bytes());
    let mut written = bed.run(&["config", "check", "--json"]).json();
    fs::remove_file(bed.path("hookyard.toml")).unwrap();
    let none = bed.run(&["config", "check", "--json"]).json();
    written["config"] = serde_json::Value::Null;
    assert_eq!(written, none);
}

/// Every command line that calls the program, in blocks and in running text, each as its words.
fn invocations(text: &str) -> Vec<Vec<String>> {
    let in_blocks =
        blocks(text, "").into_iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    let without_blocks: String = text.split("```").step_by(2).collect();
    let in_text = without_blocks.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let words = |line: String| -> Option<Vec<String>> {
        let mut words = line.split(['#', ';', '|']).next()?.split_whitespace().map(str::to_owned);
        let program = words.next()?;
        (program.rsplit('/').next() == Some("hookyard")).then(|| words.collect())
    };
    in_blocks.chain(in_text).filter_map(words).collect()
}

#[test]
fn every_command_in_a_document_exists_with_its_flags() {
    let bed = Bed::new("");
    let mut seen = 0;
    for name in DOCUMENTS.iter().chain(&["host/config.default.toml"]) {
        for words in invocations(&document(name)) {
            let is_verb = |word: &&String| word.chars().all(|c| c.is_ascii_lowercase());
            let verb: Vec<&str> = words.iter().take_while(is_verb).take(2).map(String::as_str).collect();
            let Some(first) = verb.first() else { continue };
            let verb = if ["serve", "dev"].contains(first) { &verb[..1] } else { &verb[..] };
            let help = bed.run(&[verb, &["--help"]].concat());
            assert_eq!(help.code, 0, "{name}: hookyard {}", words.join(" "));
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.out.contains(&format!("{flag} ")), "{name}: hookyard {}", words.join(" "));
            }
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} commands were looked at");
}

#[test]
fn every_make_target_in_a_document_exists() {
    let makefile = document("Makefile");
    for name in DOCUMENTS {
        let text = document(name);
        for (at, _) in text.match_indices("make ").filter(|(at, _)| text[..*at].ends_with(['`', '\n'])) {
            let target: String =
                text[at + 5..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            assert!(makefile.contains(&format!("\n{target}:")), "{name}: make {target}");
        }
    }
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    for name in DOCUMENTS {
        let text = document(name);
        let dir = root().join(name).parent().unwrap().to_owned();
        let links = text.match_indices("](").map(|(at, _)| text[at + 2..].split(')').next().unwrap());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let path = link.split('#').next().unwrap();
            assert!(dir.join(path).exists(), "{name}: {link}");
        }
    }
}

#[test]
fn every_metric_and_variable_in_a_document_is_in_the_code() {
    let code = |path: &str| document(path);
    let all = code("host/src/admin/metrics.rs")
        + &code("host/src/config/kept.rs")
        + &code("host/src/config/load.rs")
        + &code("host/src/config/environment.rs");
    for name in DOCUMENTS {
        let text = document(name);
        for prefix in ["hookyard_", "HOOKYARD_"] {
            for (at, _) in
                text.match_indices(prefix).filter(|(at, _)| text[..*at].ends_with(['`', ' ', '\n']))
            {
                let word: String =
                    text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let crates = ["hookyard_plugin"];
                assert!(
                    crates.contains(&word.as_str()) || all.contains(&format!("\"{word}\"")),
                    "{name}: {word}"
                );
            }
        }
    }
}
