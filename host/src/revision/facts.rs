//! What a revision handles, imports and names, and the difference between two revisions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::event::EventPattern;

/// An entry of a component's `producers` sections: a tool that made it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BuildFact {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    /// The tool.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The facts of a revision that was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RevisionFacts {
    /// Size of its file.
    pub size_bytes: u64,
    /// Its typed handlers: the interfaces that it exports, with their versions.
    pub interfaces: Vec<String>,
    /// The event type patterns of its generic handler.
    pub patterns: Vec<String>,
    /// Its imports, with their versions.
    pub imports: Vec<String>,
    /// Texts in the file that look like origins of HTTP requests: a hint, not a promise.
    pub origins: Vec<String>,
    /// The tools that made it, as far as the file says so.
    pub build: Vec<BuildFact>,
}

/// The difference between two revisions of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevisionDifference {
    /// Handlers and patterns that only the later one has.
    pub handlers_gained: Vec<String>,
    /// Handlers and patterns that only the earlier one has.
    pub handlers_lost: Vec<String>,
    /// Imports, without versions, that only the later one has.
    pub capabilities_gained: Vec<String>,
    /// Imports, without versions, that only the earlier one has.
    pub capabilities_lost: Vec<String>,
    /// Origins that only the later one names.
    pub origins_gained: Vec<String>,
    /// Origins that only the earlier one names.
    pub origins_lost: Vec<String>,
    /// The gained handlers and capabilities that the earlier one did not cover.
    pub widens: Vec<String>,
}

impl RevisionFacts {
    /// Its handlers: interfaces of typed ones without versions, patterns of the generic one.
    fn handlers(&self) -> BTreeSet<&str> {
        let typed = self.interfaces.iter().map(|interface| without_version(interface));
        typed.chain(self.patterns.iter().map(String::as_str)).collect()
    }

    fn capabilities(&self) -> BTreeSet<&str> {
        let names = self.imports.iter().map(|import| without_version(import));
        names.filter(|name| is_capability(name)).collect()
    }

    fn origins(&self) -> BTreeSet<&str> {
        self.origins.iter().map(String::as_str).collect()
    }

    /// Whether its generic handler gets each event of a handler: of a pattern, or of a typed handler, whose event
    /// type only a source's package tells.
    fn covers(&self, handler: &str) -> bool {
        self.patterns.iter().any(|pattern| match EventPattern::new(pattern) {
            EventPattern::Prefix(prefix) if prefix.is_empty() => true,
            EventPattern::Prefix(prefix) => !handler.contains('/') && handler.starts_with(&prefix),
            EventPattern::Exact(exact) => exact == handler,
        })
    }
}

impl RevisionDifference {
    /// Returns the difference from one revision to a later one.
    #[must_use]
    pub fn between(before: &RevisionFacts, after: &RevisionFacts) -> Self {
        let only = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| {
            one.difference(other).map(|text| (*text).to_owned()).collect::<Vec<_>>()
        };
        let handlers = (before.handlers(), after.handlers());
        let capabilities = (before.capabilities(), after.capabilities());
        let origins = (before.origins(), after.origins());
        let handlers_gained = only(&handlers.1, &handlers.0);
        let capabilities_gained = only(&capabilities.1, &capabilities.0);
        let wider = handlers_gained.iter().filter(|handler| !before.covers(handler));
        Self {
            widens: wider.chain(&capabilities_gained).cloned().collect(),
            handlers_gained,
            handlers_lost: only(&handlers.0, &handlers.1),
            capabilities_gained,
            capabilities_lost: only(&capabilities.0, &capabilities.1),
            origins_gained: only(&origins.1, &origins.0),
            origins_lost: only(&origins.0, &origins.1),
        }
    }
}

/// Whether an import has functions of the host. Others have types only: the host refuses functions that it does not
/// offer.
/// Whether an import, without its version, gives a plugin something that it has not by itself.
#[must_use]
pub fn is_capability(import: &str) -> bool {
    import != "hookyard:plugin/types" && (import.starts_with("wasi:") || import.starts_with("hookyard:"))
}

/// The name of an interface without its version.
#[must_use]
pub fn without_version(name: &str) -> &str {
    name.split_once('@').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(interfaces: &[&str], patterns: &[&str], imports: &[&str]) -> RevisionFacts {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        RevisionFacts {
            interfaces: texts(interfaces),
            patterns: texts(patterns),
            imports: texts(imports),
            ..RevisionFacts::default()
        }
    }

    #[test]
    fn a_revision_widens_by_capabilities_and_event_types_that_the_one_before_has_not() {
        let http = "wasi:http/outgoing-handler";
        for (what, before, after, widens) in [
            ("nothing", facts(&["a:b/c@1.0.0"], &[], &[]), facts(&["a:b/c@1.0.0"], &[], &[]), vec![]),
            (
                "a version",
                facts(&["a:b/c@1.0.0"], &[], &["wasi:y/z@0.2.3"]),
                facts(&["a:b/c@1.1.0"], &[], &["wasi:y/z@0.2.6"]),
                vec![],
            ),
            (
                "a capability",
                facts(&[], &[], &[]),
                facts(&[], &[], &["wasi:http/outgoing-handler@0.2.6"]),
                vec![http],
            ),
            ("fewer", facts(&["a:b/c"], &["x.*"], &[http]), facts(&[], &["x.*"], &[]), vec![]),
            (
                "a typed handler",
                facts(&["a:b/c"], &["x.*"], &[]),
                facts(&["a:b/c", "a:b/d"], &["x.*"], &[]),
                vec!["a:b/d"],
            ),
            (
                "a typed handler where all came before",
                facts(&[], &["*"], &[]),
                facts(&["a:b/d"], &["x.y"], &[]),
                vec![],
            ),
            ("a type below a pattern", facts(&[], &["x.*"], &[]), facts(&[], &["x.y", "x.z.*"], &[]), vec![]),
            ("a pattern above", facts(&[], &["x.y"], &[]), facts(&[], &["x.*"], &[]), vec!["x.*"]),
            ("everything", facts(&[], &["x.*"], &[]), facts(&[], &["*"], &[]), vec!["*"]),
            ("a first revision", RevisionFacts::default(), facts(&["a:b/c"], &[], &[]), vec!["a:b/c"]),
        ] {
            assert_eq!(RevisionDifference::between(&before, &after).widens, widens, "{what}");
        }
    }

    #[test]
    fn a_difference_has_what_is_gained_and_lost() {
        let before = RevisionFacts {
            origins: vec!["https://a".into()],
            ..facts(&["a:b/c@1.0.0"], &[], &["wasi:y/z", "a:b/types"])
        };
        let after = RevisionFacts {
            origins: vec!["https://b".into()],
            ..facts(&["a:b/d@1.0.0"], &["p"], &["wasi:v/w", "hookyard:plugin/types"])
        };
        let difference = RevisionDifference::between(&before, &after);
        assert_eq!(difference.handlers_gained, ["a:b/d", "p"]);
        assert_eq!(difference.handlers_lost, ["a:b/c"]);
        assert_eq!(difference.capabilities_gained, ["wasi:v/w"]);
        assert_eq!(difference.capabilities_lost, ["wasi:y/z"]);
        assert_eq!(difference.origins_gained, ["https://b"]);
        assert_eq!(difference.origins_lost, ["https://a"]);
    }
}
