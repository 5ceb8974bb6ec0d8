//! `host/config.default.toml`, generated from the keys in `sections/` and `source.rs`.

use std::fmt::Write as _;

use crate::config::section::{Key, Section};
use crate::config::{Alert, Config, DEFAULT_TEXT, Plugin, source};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config.default.toml");
/// Longest line.
const WIDTH: usize = 120;

const INTRODUCTION: &str = "\
# The configuration of hookyard: every key, its meaning, its unit and its default.
#
# Copy what you change into `hookyard.toml`. A key that you leave out has the value that stands here. A line that begins
# with `#` and a space is an explanation. `#key = …` shows a key that has no default, or stands in a section of your own.
#
# Relative paths start at the directory of the configuration file. `env:NAME` and `file:PATH` in secrets and in a
# plugin's `config` stand for a variable and for the text of a file, without line breaks at its end. The host reads them
# with the configuration, and takes changes of the configuration while it runs. To read the files again, touch the
# configuration. A key with `(restart)` keeps its value until a restart; the log names it when it changes.

";

/// The example that most configurations begin with.
const MONCRENEAU: &str = "\
#[sources.moncreneau]
#scheme = \"moncreneau\"
#secrets = [\"env:MONCRENEAU_WEBHOOK_SECRET\"]
";

#[test]
fn the_reference_agrees_with_the_keys() {
    let text = text();
    if std::env::var_os("HOOKYARD_WRITE_REFERENCE").is_some() {
        std::fs::write(FILE, &text).unwrap();
        return;
    }
    assert!(text == DEFAULT_TEXT, "config.default.toml is not current: run `make config-reference`");
}

fn text() -> String {
    let sources = format!(
        "{}{MONCRENEAU}\n{}",
        comment(source::ENTRY_DOCS),
        entries("sources.any-sender", source::ENTRY_KEYS.iter().map(|key| (key, None)), true)
    );
    [
        INTRODUCTION,
        &Config::reference(),
        "\n",
        &sources,
        "\n",
        &section::<Alert>("[alerts]", true),
        "\n",
        &section::<Plugin>("plugin.confirmation-sms", true),
    ]
    .concat()
}

/// A section with all of its keys; with `#` in front of them if the section is an example.
pub(in crate::config) fn section<S: Section>(header: &str, is_example: bool) -> String {
    let keys = S::KEYS.iter().zip(S::defaults_as_toml());
    comment(S::DOCS) + &entries(header, keys, is_example)
}

fn entries<'a>(
    header: &str,
    keys: impl Iterator<Item = (&'a Key, Option<String>)>,
    is_example: bool,
) -> String {
    let mark = |is_commented| if is_commented { "#" } else { "" };
    let mut text = format!("{}[{header}]\n", mark(is_example));
    for (key, default) in keys {
        text.push_str(&comment_of(key));
        let mark = mark(is_example || key.example.is_some());
        let value = key.example.map_or_else(|| readable(key.name, &default.unwrap()), str::to_owned);
        writeln!(text, "{mark}{} = {value}", key.name).unwrap();
    }
    text
}

fn comment(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| ["#", line, "\n"]).collect()
}

fn comment_of(key: &Key) -> String {
    assert!(!key.docs.is_empty(), "{} has no documentation", key.name);
    let mut text = comment(key.docs);
    if key.restart.is_some() {
        text.truncate(text.trim_end().len());
        let last = text.lines().last().unwrap().chars().count();
        text.push_str(if last + " (restart)".len() > WIDTH { "\n# (restart)\n" } else { " (restart)\n" });
    }
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    text
}

/// A value with `_` between thousands, and in a larger unit beside it.
fn readable(key: &str, value: &str) -> String {
    let Ok(number) = value.parse::<u64>() else { return value.to_owned() };
    let digits = if value.len() > 4 { with_underscores(value) } else { value.to_owned() };
    let larger = if key.ends_with("_bytes") && number >= 1024 {
        Some(humansize::format_size(number, humansize::BINARY.decimal_places(1)))
    } else if key.ends_with("_ms") {
        duration(number)
    } else {
        None
    };
    larger.map_or_else(|| digits.clone(), |larger| format!("{digits}  # {larger}"))
}

fn with_underscores(digits: &str) -> String {
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    parts.join("_")
}

fn duration(ms: u64) -> Option<String> {
    let units = [(86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    let (unit, name) = units.into_iter().find(|&(unit, _)| ms >= unit && ms.is_multiple_of(unit))?;
    Some(format!("{} {name}", ms / unit))
}
