//! Which keys of the configuration have no effect. Pure.

use std::collections::BTreeSet;

use super::fact::{Fact, Found, Lack};
use super::facts::Facts;
use crate::config::{Config, Plugin};
use crate::event::EventPattern;
use crate::plugins::PluginView;

/// The findings about the configuration.
pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let mut items = Vec::new();
    if let Some(error) = facts.config_state.error.as_ref().filter(|_| facts.sees_all) {
        items.push(Found::problem(Fact::ConfigRejected(error.clone())));
    }
    items.extend(
        facts
            .config_state
            .refused
            .iter()
            .filter(|_| facts.sees_all)
            .map(|refusal| Found::warning(Fact::ConfigNeedsRestart(refusal.to_string())).about(&refusal.key)),
    );
    let known = |name: &str| facts.plugins.iter().find(|plugin| plugin.name == name);
    for (name, section) in &facts.config.plugin {
        match known(name.as_str()) {
            Some(plugin) => items.extend(section_findings(plugin, section)),
            None if facts.sees_all => items.push(absent(name.as_str())),
            None => {}
        }
    }
    items.extend(facts.plugins.iter().flat_map(|plugin| unsent_packages(plugin, &facts.config)));
    if items.is_empty() {
        items.push(Found::ok(Fact::ConfigWell));
    }
    items
}

fn absent(name: &str) -> Found {
    Found::warning(Fact::SectionWithoutPlugin(name.to_owned())).about(&format!("plugin.{name}"))
}

/// Keys of a plugin's section that its revision has no use for.
fn section_findings(plugin: &PluginView, section: &Plugin) -> Vec<Found> {
    let name = &plugin.name;
    // Without a revision nothing is known about its use of them.
    if plugin.revision.is_none() {
        return Vec::new();
    }
    let imports = |interface: &str| plugin.imports.iter().any(|import| import.starts_with(interface));
    let has_outbox = imports("hookyard:plugin/outbox");
    let mut items = Vec::new();
    let sends_http = has_outbox || imports("wasi:http/");
    for (key, is_set, is_used, lacks) in [
        ("http", !section.http.is_empty(), sends_http, Lack::HttpRequests),
        ("http_credentials", !section.http_credentials.is_empty(), sends_http, Lack::HttpRequests),
        ("email", !section.email.is_empty(), has_outbox, Lack::Email),
        ("emit", !section.emit.is_empty(), has_outbox, Lack::Events),
        ("config", !section.config.is_empty(), imports("wasi:config/"), Lack::Configuration),
        ("secrets", !section.secrets.is_empty(), imports("wasi:config/"), Lack::Configuration),
    ] {
        if is_set && !is_used {
            let fact = Fact::KeyWithoutEffect { plugin: name.clone(), lacks };
            items.push(Found::warning(fact).about(&format!("plugin.{name}.{key}")));
        }
    }
    let unhandled = section.events.iter().flatten().filter(|pattern| !handles(plugin, pattern));
    items.extend(unhandled.map(|pattern| {
        let fact = Fact::PatternWithoutHandler { plugin: name.clone(), pattern: pattern.clone() };
        Found::warning(fact).about(&format!("plugin.{name}.events"))
    }));
    items
}

/// Packages of typed handlers whose events come from nowhere.
fn unsent_packages(plugin: &PluginView, config: &Config) -> Vec<Found> {
    let from_sources = config.sources.values().filter_map(|source| source.package.as_deref());
    let emitted = config.plugin.values().filter_map(|section| section.emit_package.as_deref());
    let sent: BTreeSet<&str> = from_sources.chain(emitted).collect();
    let handled = plugin.handles.iter().filter_map(|handler| Some(handler.split_once('/')?.0));
    let unsent: BTreeSet<&str> =
        handled.filter(|package| package.contains(':') && !sent.contains(package)).collect();
    let found = |package: &&str| {
        let fact = Fact::PackageWithoutSource { plugin: plugin.name.clone(), package: (*package).to_owned() };
        Found::warning(fact).about(&plugin.name)
    };
    unsent.iter().map(found).collect()
}

/// Whether a plugin may handle an event type that the pattern matches.
fn handles(plugin: &PluginView, pattern: &str) -> bool {
    let wanted = EventPattern::new(pattern);
    plugin.handles.iter().any(|handler| {
        let Some(interface) = typed_handler(handler) else {
            let handled = EventPattern::new(handler);
            return handled.covers(&wanted) || wanted.covers(&handled);
        };
        match pattern.strip_suffix('*') {
            Some(beginning) => interface.starts_with(&interface_name(beginning)),
            None => interface == interface_name(pattern),
        }
    })
}

/// The interface of a typed handler: `appointment-created` of `moncreneau:events/appointment-created@1.0.0`.
fn typed_handler(handler: &str) -> Option<&str> {
    let (_, interface) = handler.split_once('/')?;
    Some(interface.split_once('@').map_or(interface, |(name, _)| name))
}

/// The name of a typed handler's interface, by contract: `.` and `_` become `-`.
fn interface_name(event_type: &str) -> String {
    event_type.replace(['.', '_'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PluginName;
    use crate::plugins::PluginState;

    fn plugin(handles: &[&str], imports: &[&str]) -> PluginView {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        PluginView {
            name: "desk".into(),
            state: PluginState::Running,
            revision: Some("ab".into()),
            size_bytes: 1,
            since: 0,
            handles: owned(handles),
            imports: owned(imports),
            refusal: None,
            origin: None,
            is_pinned: false,
            waiting: None,
            version: 1,
        }
    }

    fn subjects(plugin: &PluginView, section: &Plugin) -> Vec<String> {
        section_findings(plugin, section).into_iter().filter_map(|finding| finding.subject).collect()
    }

    #[test]
    fn a_pattern_without_a_handler_has_no_effect() {
        let typed = plugin(&["moncreneau:events/appointment-created@1.0.0"], &[]);
        let generic = plugin(&["invoice.*"], &[]);
        for (plugin, pattern, is_handled) in [
            (&typed, "appointment.created", true),
            (&typed, "appointment.*", true),
            (&typed, "*", true),
            (&typed, "appointment.cancelled", false),
            (&typed, "invoice.*", false),
            (&generic, "invoice.paid", true),
            (&generic, "*", true),
            (&generic, "appointment.*", false),
        ] {
            assert_eq!(handles(plugin, pattern), is_handled, "{pattern}");
        }
    }

    #[test]
    fn handlers_of_a_package_that_nobody_sends_get_no_event() {
        let paid = plugin(&["acme:events/order-paid@1.0.0", "acme:events/order-shipped@1.0.0", "a/b"], &[]);
        let mut config = Config::default();
        assert_eq!(unsent_packages(&paid, &config).len(), 1, "one finding for a package");
        let emits = Plugin { emit_package: Some("acme:events".into()), ..Plugin::default() };
        config.plugin.insert(PluginName::new("shop").unwrap(), emits);
        assert_eq!(unsent_packages(&paid, &config), []);
    }

    #[test]
    fn a_grant_that_is_not_imported_has_no_effect() {
        let section = Plugin {
            http: vec!["https://sms.example.gn".into()],
            email: vec!["*".into()],
            config: [("sender".to_owned(), "x".to_owned())].into(),
            ..Plugin::default()
        };
        assert_eq!(
            subjects(&plugin(&["*"], &[]), &section),
            ["plugin.desk.http", "plugin.desk.email", "plugin.desk.config"]
        );
        let imports = ["hookyard:plugin/outbox@0.1.0", "wasi:config/store@0.2.0-rc.1"];
        assert_eq!(subjects(&plugin(&["*"], &imports), &section), [""; 0]);
        let by_request = plugin(&["*"], &["wasi:http/outgoing-handler@0.2.6"]);
        assert_eq!(subjects(&by_request, &section), ["plugin.desk.email", "plugin.desk.config"]);
    }
}
