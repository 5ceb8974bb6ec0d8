//! Documents agree with the code: configurations pass the check, commands parse, and files, keys and metrics
//! exist.

mod commands;
mod configuration;
mod links;
mod tasks;

use std::fs;
use std::path::{Path, PathBuf};

/// Documents outside of `docs/` and of the example plugins.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "plugin-sdk/README.md",
    "plugin-sdk/rust/README.md",
    "plugins/README.md",
    "tests/bench/README.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The pages of `docs/`.
fn pages() -> Vec<String> {
    let files = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    files.map(|file| format!("docs/{}", file.to_str().unwrap())).collect()
}

/// All documents but those of single example plugins.
fn documents() -> Vec<String> {
    DOCUMENTS.map(str::to_owned).into_iter().chain(pages()).collect()
}

/// The example plugins that have a document of their own, by name.
fn documented_plugins() -> Vec<String> {
    let folders = fs::read_dir(root().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let documented = folders.filter(|folder| folder.join("README.md").exists());
    documented.map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The fenced blocks of a document in this language; `""` for those that name none.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
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

/// The code spans in the running text of a document.
fn code_spans(text: &str) -> Vec<String> {
    let without_blocks: String = text.split("```").step_by(2).collect();
    without_blocks.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_table_of_the_example_plugins_names_each_once() {
    let (table, plugins) = (document("plugins/README.md"), documented_plugins());
    assert_eq!(plugins.len(), 17);
    for plugin in plugins {
        assert_eq!(table.matches(&format!("| [{plugin}]({plugin}) |")).count(), 1, "{plugin}");
    }
}

#[test]
fn every_metric_and_variable_in_a_document_is_in_the_code() {
    let code = |path: &str| document(path);
    let all = code("host/src/admin/metrics.rs")
        + &code("host/src/config/kept.rs")
        + &code("host/src/config/load.rs")
        + &code("host/src/config/environment.rs")
        + &code("host/src/admin/api/openapi.rs")
        + &code("tests/e2e/conformance/collections.rs")
        + &code("tests/bench/many_events.rs")
        + &code("tests/bench/builds.rs")
        + &code("tests/bench/telemetry.rs");
    for name in documents() {
        let text = document(&name);
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

/// The table of payloads and times: a row may be of several presets.
#[test]
fn the_payload_and_the_time_of_each_preset_are_in_the_table_of_its_page() {
    let page = document("docs/providers.md");
    let presets: toml::Table = document("host/src/ingress/presets.toml").parse().unwrap();
    let (_, table) = page.split_once("| Preset | `payload` | `created` |").unwrap();
    let rows: Vec<_> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    for (name, preset) in &presets {
        let of_preset: Vec<_> = rows.iter().filter(|row| row.contains(&format!("`{name}`"))).collect();
        let [row] = &*of_preset else { panic!("{name}: {of_preset:?}") };
        let payload = preset.get("payload").map_or("the whole event", |at| at.as_str().unwrap());
        assert!(row.contains(payload), "{name}: {payload}");
        for word in created_words(preset) {
            assert!(row.contains(&word), "{name}: {word}");
        }
    }
}

/// What a row says of `created`: pointers and names of headers.
fn created_words(preset: &toml::Value) -> Vec<String> {
    let places = match preset.get("created") {
        None => vec!["/created".into()],
        Some(toml::Value::Array(places)) if places.is_empty() => vec!["time of receipt".into()],
        Some(toml::Value::Array(places)) => places.clone(),
        Some(place) => vec![place.clone()],
    };
    let words = places.iter().flat_map(|place| {
        let place = place.as_str().unwrap();
        place.trim_start_matches("{header:").trim_end_matches('}').split('|').map(str::to_owned)
    });
    words.collect()
}
