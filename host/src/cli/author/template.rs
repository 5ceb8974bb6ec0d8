//! A template's text into a plugin's: string replacement, and one snippet for each handler. Pure.
//!
//! In any file and any file's name, `{{name}}` is the plugin's name and `{{snake}}` the same with `_`. A
//! line `{{handlers}}` gives way to `handler.snippet` once for each typed event, then to
//! `generic.snippet` if there are others; `{{tests}}` likewise to `test.snippet` and
//! `generic-test.snippet`. Between two snippets is a blank line, unless the first is one line only or
//! ends with blank lines of its own. They know `{{event}}` (`appointment.created`), `{{kebab}}`, `{{snake_event}}`,
//! `{{Pascal}}`, `{{camel}}` and `{{Payload}}` (`Created`) as well, and generic ones `{{subscriptions}}`
//! (`"order.paid", "order.*"`) and `{{event}}`, a type that the first of these takes.

use std::collections::BTreeMap;

/// What a plugin is to handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handles {
    /// Event types that have a typed handler.
    pub(super) typed: Vec<String>,
    /// Event types and patterns for the generic one.
    pub(super) generic: Vec<String>,
}

/// A template's files without its snippets, and these by name.
pub(super) struct Template<'a> {
    files: Vec<(&'a str, &'a [u8])>,
    snippets: BTreeMap<&'a str, &'a str>,
}

/// The places for snippets, the snippet for a typed event, and the one for all others.
const PLACES: [(&str, &str, &str); 2] = [
    ("{{handlers}}", "handler.snippet", "generic.snippet"),
    ("{{tests}}", "test.snippet", "generic-test.snippet"),
];

impl<'a> Template<'a> {
    /// Takes a template's files, with their paths in it.
    pub(super) fn new(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let (snippets, files): (Vec<_>, Vec<_>) = files.partition(|(path, _)| path.ends_with(".snippet"));
        let text = |(path, bytes)| Some((path, std::str::from_utf8(bytes).ok()?));
        Self { files, snippets: snippets.into_iter().filter_map(text).collect() }
    }

    /// The files of a plugin, with their paths in it.
    pub(super) fn render(&self, plugin: &str, handles: &Handles) -> Vec<(String, Vec<u8>)> {
        let snake = plugin.replace('-', "_");
        let own = |text: &str| text.replace("{{name}}", plugin).replace("{{snake}}", &snake);
        let places = PLACES.map(|(place, typed, generic)| (place, self.snippets(typed, generic, handles)));
        let file = |&(path, bytes): &(&str, &[u8])| {
            let Ok(text) = std::str::from_utf8(bytes) else { return (own(path), bytes.to_vec()) };
            let text = places.iter().fold(text.to_owned(), |text, (place, new)| fill(&text, place, new));
            (own(path), own(&text).into_bytes())
        };
        self.files.iter().map(file).collect()
    }

    fn snippets(&self, typed: &str, generic: &str, handles: &Handles) -> String {
        let snippet = |name: &str| self.snippets.get(name).copied().unwrap_or_default();
        let mut all: Vec<String> =
            handles.typed.iter().map(|event| of_event(snippet(typed), event)).collect();
        if let Some(first) = handles.generic.first() {
            let patterns: Vec<_> = handles.generic.iter().map(|pattern| format!("\"{pattern}\"")).collect();
            let generic = snippet(generic).replace("{{subscriptions}}", &patterns.join(", "));
            // A pattern is no type that an event could have.
            let event = if first == "*" { "any.event".into() } else { first.replace('*', "any") };
            all.push(of_event(&generic, &event));
        }
        joined(&all)
    }
}

fn joined(snippets: &[String]) -> String {
    let mut text = String::new();
    for (at, snippet) in snippets.iter().enumerate() {
        text.push_str(snippet);
        let block = snippet.lines().count() > 1 && !snippet.ends_with("\n\n");
        if block && at + 1 < snippets.len() {
            text.push('\n');
        }
    }
    text
}

/// Puts snippets where `place` is: alone on a line, its indentation is theirs.
fn fill(text: &str, place: &str, snippets: &str) -> String {
    let mut filled = String::with_capacity(text.len() + snippets.len());
    for line in text.split_inclusive('\n') {
        if line.trim() != place {
            filled.push_str(line);
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        for line in snippets.split_inclusive('\n') {
            filled.push_str(if line.trim().is_empty() { "" } else { indent });
            filled.push_str(line);
        }
    }
    let length = filled.trim_end().len();
    if length < filled.len() {
        filled.truncate(length);
        filled.push('\n');
    }
    filled
}

fn of_event(snippet: &str, event: &str) -> String {
    let words: Vec<String> =
        event.split(['.', '_', '-']).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    let capital = |word: &String| word[..1].to_uppercase() + &word[1..];
    let pascal: String = words.iter().map(capital).collect();
    let camel: String = words.iter().take(1).cloned().chain(words.iter().skip(1).map(capital)).collect();
    let payload = words.last().map(capital).unwrap_or_default();
    snippet
        .replace("{{event}}", event)
        .replace("{{kebab}}", &words.join("-"))
        .replace("{{snake_event}}", &words.join("_"))
        .replace("{{Pascal}}", &pascal)
        .replace("{{camel}}", &camel)
        .replace("{{Payload}}", &payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(
        files: &[(&'static str, &'static str)],
        typed: &[&str],
        generic: &[&str],
    ) -> Vec<(String, String)> {
        let owned = |all: &[&str]| all.iter().map(|&s| s.to_owned()).collect();
        let handles = Handles { typed: owned(typed), generic: owned(generic) };
        let template = Template::new(files.iter().map(|&(path, text)| (path, text.as_bytes())));
        let text = |(path, bytes)| (path, String::from_utf8(bytes).unwrap());
        template.render("my-plugin", &handles).into_iter().map(text).collect()
    }

    #[test]
    fn names_are_replaced_in_text_and_paths() {
        let files = rendered(&[("src/{{snake}}.py", "{{name}} is {{snake}}, {{x}}\n")], &[], &[]);
        assert_eq!(files, [("src/my_plugin.py".into(), "my-plugin is my_plugin, {{x}}\n".into())]);
    }

    #[test]
    fn a_place_takes_a_snippet_for_each_event() {
        let files = [
            ("main", "a\n  {{handlers}}\nz\n"),
            ("test", "{{tests}}\n"),
            (
                "handler.snippet",
                "on {{event}} {{kebab}} {{snake_event}} {{Pascal}} {{camel}} {{Payload}}\n\n",
            ),
            ("generic.snippet", "any [{{subscriptions}}]\n"),
            ("test.snippet", "{{name}}\n{{Pascal}}\n"),
            ("generic-test.snippet", "{{event}}\n"),
        ];
        let made = rendered(&files, &["appointment.created"], &["order.line_item.*", "*"]);
        let main = "a\n  on appointment.created appointment-created appointment_created AppointmentCreated \
                    appointmentCreated Created\n\n  any [\"order.line_item.*\", \"*\"]\nz\n";
        assert_eq!(made[0], ("main".into(), main.into()));
        assert_eq!(made[1].1, "my-plugin\nAppointmentCreated\n\norder.line_item.any\n");
        assert_eq!(joined(&["one\n".into(), "two\n".into()]), "one\ntwo\n", "rows of a table");
        let typed = rendered(&files, &["a.b", "c"], &[]);
        assert_eq!(typed[1].1, "my-plugin\nAB\n\nmy-plugin\nC\n");
    }

    #[test]
    fn what_is_no_text_stays_as_it_is() {
        let template = Template::new([("a", &b"\xff{{name}}"[..])].into_iter());
        let handles = Handles { typed: Vec::new(), generic: Vec::new() };
        assert_eq!(template.render("p", &handles), [("a".to_owned(), b"\xff{{name}}".to_vec())]);
    }
}
