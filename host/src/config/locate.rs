//! Finds the place of a key in the text of a configuration, so that errors can name key, value and
//! line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::formats::without_passwords;

/// Longest value repeated in an error, in characters.
const SHOWN_MAX: usize = 60;

/// A key's path, and the error in its value.
pub(super) type Found = (Vec<String>, String);

/// All keys of a document and their places.
#[derive(Debug, Default)]
pub(super) struct Places<'t> {
    text: &'t str,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    path: Vec<String>,
    key: Range<usize>,
    value: Range<usize>,
    table: bool,
}

impl<'t> Places<'t> {
    /// Finds every key; a text that is no TOML has none.
    pub(super) fn of(text: &'t str) -> Self {
        let mut places = Self { text, entries: Vec::new() };
        if let Ok(document) = DeTable::parse(text) {
            places.table(document.get_ref(), &[]);
        }
        places
    }

    fn table(&mut self, table: &DeTable<'_>, above: &[String]) {
        for (key, value) in table {
            let mut path = above.to_vec();
            path.push(key.get_ref().to_string());
            self.entry(path, key.span(), value);
        }
    }

    fn entry(&mut self, path: Vec<String>, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, &path),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let mut path = path.clone();
                    path.push(index.to_string());
                    self.entry(path, item.span(), item);
                }
            }
            _ => {}
        }
        let table = value.get_ref().is_table();
        self.entries.push(Entry { path, key, value: value.span(), table });
    }

    fn find(&self, path: &[String]) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }

    /// Whether this very key is written.
    pub(super) fn has(&self, path: &[String]) -> bool {
        self.find(path).is_some()
    }

    /// The key that an error of the parser is about: the one with exactly this span, or else the
    /// innermost around it.
    pub(super) fn path_at(&self, span: &Range<usize>) -> Option<&[String]> {
        let exact = self.entries.iter().filter(|entry| entry.value == *span || entry.key == *span);
        let around = |entry: &&Entry| entry.value.start <= span.start && span.end <= entry.value.end;
        exact
            .max_by_key(|entry| entry.path.len())
            .or_else(|| self.entries.iter().filter(around).max_by_key(|entry| entry.path.len()))
            .map(|entry| entry.path.as_slice())
    }

    /// The line of a key, or of the nearest key above it that is written.
    pub(super) fn line(&self, path: &[String]) -> Option<usize> {
        let written = (1..=path.len()).rev().find_map(|length| self.find(&path[..length]));
        written.map(|entry| line_at(self.text, entry.key.start))
    }

    /// A key's value as it is written, unless it is a table.
    pub(super) fn value(&self, path: &[String]) -> Option<String> {
        let entry = self.find(path).filter(|entry| !entry.table)?;
        let written = self.text.get(entry.value.clone())?;
        // Passwords are removed before the text is truncated: half a URL would not show that it has
        // one.
        let line = without_passwords(written.lines().next().unwrap_or_default());
        let short: String = line.chars().take(SHOWN_MAX).collect();
        let is_whole = short.len() == line.len() && !written.contains('\n');
        Some(if is_whole { short } else { format!("{short}…") })
    }
}

/// The line of a byte offset, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.split(|&byte| byte == b'\n').count().saturating_sub(1)
}

/// A key's path.
pub(super) fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|&part| part.to_owned()).collect()
}

/// A path as it is written in TOML.
pub(super) fn dotted(path: &[String]) -> String {
    let bare = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let part = |part: &String| {
        if bare(part) { part.clone() } else { format!("{part:?}") }
    };
    path.iter().map(part).collect::<Vec<_>>().join(".")
}
