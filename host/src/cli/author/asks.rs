//! A plugin's imports in words, and the operator's grants that they need.

use serde::Serialize;

use crate::config;

/// A capability that a plugin's imports need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Capability {
    /// In words.
    pub(in crate::cli) what: &'static str,
    /// Keys of `[plugin.NAME]` that grant its destinations.
    pub(in crate::cli) grants: &'static [&'static str],
    /// The imports of this capability.
    pub(in crate::cli) imports: Vec<String>,
}

/// Prefixes of imports, their capability, and its grants.
const CAPABILITIES: [(&[&str], &str, &[&str]); 9] = [
    (&["wasi:logging/"], "log lines, kept with each attempt", &[]),
    (&["wasi:config/"], "its configuration: config and secrets", &[]),
    (&["wasi:keyvalue/"], "a store of its own, written when the delivery is done", &[]),
    (&["hookyard:event/"], "the event's content type and CloudEvents attributes", &[]),
    (
        &["hookyard:plugin/outbox"],
        "effects, sent once the delivery is done: HTTP requests, emails, events",
        &["http", "email", "emit"],
    ),
    (&["wasi:http/"], "HTTP requests at once, whatever becomes of the delivery", &["http"]),
    (&["wasi:clocks/"], "clocks", &[]),
    (&["wasi:random/"], "random numbers", &[]),
    (
        &["wasi:cli/", "wasi:io/", "wasi:filesystem/", "wasi:sockets/"],
        "what its language's runtime starts with; no files, sockets, arguments or environment are behind it",
        &[],
    ),
];

/// Groups imports by capability. Interfaces of types alone ask for nothing.
pub(in crate::cli) fn list_capabilities(imports: &[String]) -> Vec<Capability> {
    let of = |(prefixes, what, grants): (&[&str], _, _)| {
        let own = |import: &&String| prefixes.iter().any(|prefix| import.starts_with(prefix));
        let imports: Vec<String> = imports.iter().filter(own).cloned().collect();
        (!imports.is_empty()).then_some(Capability { what, grants, imports })
    };
    CAPABILITIES.into_iter().filter_map(of).collect()
}

/// A grant that a plugin needs, and its values in the operator's config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Grant {
    /// The key in `[plugin.NAME]`.
    pub(in crate::cli) key: &'static str,
    /// The granted values.
    pub(in crate::cli) granted: Vec<String>,
}

/// The grants that these capabilities need.
pub(in crate::cli) fn list_grants(asks: &[Capability], plugin: &config::Plugin) -> Vec<Grant> {
    let needed = |key: &&str| asks.iter().any(|asks| asks.grants.contains(key));
    let all = [("http", &plugin.http), ("email", &plugin.email), ("emit", &plugin.emit)];
    let all = all.into_iter().filter(|(key, _)| needed(key));
    all.map(|(key, granted)| Grant { key, granted: granted.clone() }).collect()
}

impl Grant {
    /// Describes the granted values, or how to grant some.
    pub(in crate::cli) fn describe(&self, plugin: &str) -> String {
        let Self { key, granted } = self;
        if !granted.is_empty() {
            return format!("{key} = {granted:?}");
        }
        let (example, none) = match *key {
            "email" => ("*@example.gn", "nobody gets email"),
            "emit" => ("invoice.*", "no event is emitted"),
            _ => ("https://api.example.gn", "no address is reached"),
        };
        format!("{key}: {none} without `[plugin.{plugin}] {key} = [\"{example}\"]` in the config")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_grouped_into_capabilities_with_their_grants() {
        let imports = [
            "hookyard:plugin/types@0.1.0",
            "moncreneau:events/appointments@1.0.0",
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:keyvalue/batch@0.2.0-draft2",
            "hookyard:plugin/outbox@0.1.0",
        ]
        .map(str::to_owned);
        let asks = list_capabilities(&imports);
        let found: Vec<_> = asks.iter().map(|asks| (asks.imports.len(), asks.grants)).collect();
        assert_eq!(found, [(2, &[][..]), (1, &["http", "email", "emit"][..])]);
        let plugin = config::Plugin { email: vec!["*".into()], ..config::Plugin::default() };
        let grants = list_grants(&asks, &plugin);
        assert_eq!(grants[1].describe("p"), r#"email = ["*"]"#);
        assert!(grants[0].describe("p").contains("[plugin.p] http = ["), "{grants:?}");
    }
}
