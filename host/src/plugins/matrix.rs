//! The matrix of plugins and event types: what a plugin handles, what the config allows it, what its switches say, and
//! the result. Pure.

use std::collections::BTreeSet;

use super::PluginView;
use crate::config::Config;
use crate::event::{EventPattern, PluginName, interface_name};
use crate::switch::{Switch, Switches};

/// A plugin's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginMatrix {
    /// The plugin. It may be absent.
    pub name: PluginName,
    /// Its types, by name.
    pub rows: Vec<MatrixRow>,
}

/// A plugin and a type of events, or a family of types (`appointment.*`). Of a family, each value is about all of it;
/// a narrower row is about its own types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixRow {
    /// The type, or a pattern.
    pub types: String,
    /// Whether the plugin has a handler.
    pub handles: bool,
    /// Whether the config allows it.
    pub config: bool,
    /// The switch that decides about it; without one, it is on.
    pub switch: Option<Switch>,
    /// Whether the plugin gets events of this type and runs on them.
    pub effective: bool,
}

impl MatrixRow {
    /// Whether its switch is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.switch.as_ref().is_none_or(|switch| switch.is_on)
    }
}

/// Returns the rows of all plugins that are here, in the config, or have a switch. `seen` are types of events that came
/// in: an interface's name does not tell `.`, `_` and `-` of a type apart.
pub fn matrix(
    plugins: &[PluginView],
    config: &Config,
    switches: &Switches,
    seen: &[String],
) -> Vec<PluginMatrix> {
    let here = plugins.iter().filter_map(|plugin| PluginName::new(&plugin.name).ok());
    let with_switch = switches.all().into_iter().map(|switch| switch.plugin.clone());
    let configured = config.plugin.keys().cloned();
    let names: BTreeSet<PluginName> = here.chain(configured).chain(with_switch).collect();
    let of_plugin = |name: PluginName| {
        let view = plugins.iter().find(|plugin| plugin.name == name.as_str());
        let own = Handlers::of(view.map_or(&[], |view| &view.handles));
        let rows = rows(&name, &own, config, switches, seen);
        PluginMatrix { name, rows }
    };
    names.into_iter().map(of_plugin).collect()
}

fn rows(
    name: &PluginName,
    own: &Handlers<'_>,
    config: &Config,
    switches: &Switches,
    seen: &[String],
) -> Vec<MatrixRow> {
    let allowed = config.plugin(name.as_str()).events.clone();
    let mut types: BTreeSet<String> = own.patterns.iter().map(ToString::to_string).collect();
    types.extend(own.interfaces.iter().flat_map(|interface| types_of(interface, seen)));
    types.extend(allowed.iter().flatten().cloned());
    types.extend(switches.of(name).into_iter().map(|switch| switch.types.to_string()));
    let row = |types: String| {
        let pattern = EventPattern::new(&types);
        let handles = own.handle(&pattern);
        let is_allowed =
            |allowed: &Vec<String>| allowed.iter().any(|allowed| EventPattern::new(allowed).covers(&pattern));
        let config = allowed.as_ref().is_none_or(is_allowed);
        let switch = switches.governing_pattern(name, &pattern).cloned();
        let is_on = switch.as_ref().is_none_or(|switch| switch.is_on);
        MatrixRow { types, handles, config, effective: handles && config && is_on, switch }
    };
    types.into_iter().map(row).collect()
}

/// A plugin's handlers.
struct Handlers<'a> {
    /// Interfaces of typed ones, without versions.
    interfaces: Vec<&'a str>,
    /// Patterns of the generic one.
    patterns: Vec<&'a str>,
}

impl<'a> Handlers<'a> {
    fn of(handles: &'a [String]) -> Self {
        let without_version = |text: &'a str| text.split_once('@').map_or(text, |(interface, _)| interface);
        let (interfaces, patterns): (Vec<&str>, Vec<&str>) =
            handles.iter().map(String::as_str).partition(|text| is_interface(without_version(text)));
        Self { interfaces: interfaces.into_iter().map(without_version).collect(), patterns }
    }

    /// Whether they handle all types of a pattern.
    fn handle(&self, pattern: &EventPattern) -> bool {
        let by_type = |event_type: &str| {
            let handles = |interface: &&str| is_handler_of(interface, event_type);
            self.interfaces.iter().any(handles)
        };
        let is_typed = matches!(pattern, EventPattern::Exact(exact) if by_type(exact));
        is_typed || self.patterns.iter().any(|own| EventPattern::new(own).covers(pattern))
    }
}

/// Whether a handler's description is an interface, `moncreneau:events/appointment-created`, and no pattern of types.
fn is_interface(text: &str) -> bool {
    let is_label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_lowercase())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let parts = text.split_once('/').and_then(|(package, name)| Some((package.split_once(':')?, name)));
    parts.is_some_and(|((namespace, package), name)| [namespace, package, name].into_iter().all(is_label))
}

fn is_handler_of(interface: &str, event_type: &str) -> bool {
    interface.split_once('/').is_some_and(|(package, _)| interface_name(package, event_type) == interface)
}

/// The types that a typed handler's interface stands for, as far as such events came in; otherwise the likely one.
fn types_of(interface: &str, seen: &[String]) -> Vec<String> {
    let found: Vec<_> = seen.iter().filter(|seen| is_handler_of(interface, seen)).cloned().collect();
    if !found.is_empty() {
        return found;
    }
    let name = interface.split_once('/').map_or(interface, |(_, name)| name);
    vec![name.replace('-', ".")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::plugins::PluginState;
    use crate::switch::TypePattern;

    fn name(plugin: &str) -> PluginName {
        PluginName::new(plugin).unwrap()
    }

    fn view(plugin: &str, handles: &[&str]) -> PluginView {
        PluginView {
            name: plugin.into(),
            state: PluginState::Running,
            revision: None,
            size_bytes: 0,
            since: 0,
            handles: handles.iter().map(ToString::to_string).collect(),
            imports: Vec::new(),
            refusal: None,
            origin: None,
            is_pinned: false,
            waiting: None,
            version: 0,
        }
    }

    fn switch(number: i64, plugin: &str, types: &str, is_on: bool) -> Switch {
        Switch {
            plugin: name(plugin),
            types: TypePattern::new(types).unwrap(),
            is_on,
            number,
            changed_at: 0,
            changed_by: "test".into(),
            note: None,
        }
    }

    #[test]
    fn a_row_has_what_the_plugin_handles_the_config_allows_and_the_switch_says() {
        let plugins = [
            view("desk", &["moncreneau:events/appointment-created@1.0.0", "queue.*"]),
            view("issues", &["github:events/issue-comment-created", "github:events/push"]),
        ];
        let mut config = Config::default();
        let events = Some(vec!["appointment.*".into(), "queue.called".into()]);
        config.plugin.insert(name("desk"), config::Plugin { events, ..config::Plugin::default() });
        let switches: Switches = [
            switch(1, "desk", "*", false),
            switch(2, "desk", "queue.*", true),
            switch(3, "gone", "x", false),
        ]
        .into_iter()
        .collect();
        let seen = ["issue_comment.created".to_owned(), "appointment.created".into()];
        let found = matrix(&plugins, &config, &switches, &seen);
        let flat: Vec<_> = found
            .iter()
            .flat_map(|plugin| {
                plugin.rows.iter().map(|row| {
                    let values = (row.handles, row.config, row.is_on(), row.effective);
                    (plugin.name.as_str(), row.types.as_str(), values)
                })
            })
            .collect();
        assert_eq!(
            flat,
            [
                ("desk", "*", (false, false, false, false)),
                ("desk", "appointment.*", (false, true, false, false)),
                ("desk", "appointment.created", (true, true, false, false)),
                ("desk", "queue.*", (true, false, true, false)),
                ("desk", "queue.called", (true, true, true, true)),
                ("gone", "x", (false, true, false, false)),
                ("issues", "issue_comment.created", (true, true, true, true)),
                ("issues", "push", (true, true, true, true)),
            ]
        );
        assert_eq!(found[0].rows[3].switch.as_ref().map(|switch| switch.number), Some(2));
    }

    #[test]
    fn an_interface_is_told_from_a_pattern_of_types() {
        for (text, expected) in [
            ("moncreneau:events/appointment-created", true),
            ("a:b/c", true),
            ("appointment.created", false),
            ("*", false),
            ("com.example:x/y", false),
            ("a/b", false),
            ("A:b/c", false),
        ] {
            assert_eq!(is_interface(text), expected, "{text}");
        }
    }
}
