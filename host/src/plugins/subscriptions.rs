//! Finds the plugins for an event: pure matching of their handlers and the operators' settings.

use std::collections::HashMap;

use crate::event::{EventPattern, PluginName};

/// The events that one plugin takes.
#[derive(Debug, Clone)]
pub(super) struct Wants {
    /// The plugin.
    pub(super) plugin: PluginName,
    /// Interfaces of its typed handlers, without versions.
    pub(super) typed: Vec<String>,
    /// Patterns of its generic handler.
    pub(super) generic: Vec<EventPattern>,
    /// The operator's restriction; `None` = all that it handles.
    pub(super) allowed: Option<Vec<EventPattern>>,
    /// Whether these are all of its handlers; a plugin that is being loaded may have others.
    pub(super) is_complete: bool,
}

/// A plugin that an event goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subscriber<'a> {
    /// The plugin.
    pub(super) plugin: &'a PluginName,
    /// Whether it is known to handle the event.
    pub(super) is_matched: bool,
}

/// An index of all plugins' subscriptions, from an event to its plugins.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    typed: HashMap<String, Vec<usize>>,
    exact: HashMap<String, Vec<usize>>,
    prefixes: Vec<(String, usize)>,
    /// Plugins whose handlers are not all known.
    incomplete: Vec<usize>,
    plugins: Vec<(PluginName, Option<Vec<EventPattern>>)>,
}

impl Subscriptions {
    /// Builds the index.
    #[must_use]
    pub(super) fn new(wants: impl IntoIterator<Item = Wants>) -> Self {
        let mut all = Self::default();
        for (at, wants) in wants.into_iter().enumerate() {
            for interface in wants.typed {
                all.typed.entry(interface).or_default().push(at);
            }
            for pattern in wants.generic {
                match pattern {
                    EventPattern::Exact(exact) => all.exact.entry(exact).or_default().push(at),
                    EventPattern::Prefix(prefix) => all.prefixes.push((prefix, at)),
                }
            }
            if !wants.is_complete {
                all.incomplete.push(at);
            }
            all.plugins.push((wants.plugin, wants.allowed));
        }
        all
    }

    /// Whether all handlers of all plugins are known.
    #[must_use]
    pub(super) fn are_complete(&self) -> bool {
        self.incomplete.is_empty()
    }

    /// Whether all handlers of a plugin are known; false if it is absent.
    #[must_use]
    pub(super) fn is_complete(&self, plugin: &PluginName) -> bool {
        let at = self.plugins.iter().position(|(name, _)| name == plugin);
        at.is_some_and(|at| !self.incomplete.contains(&at))
    }

    /// Returns the plugins of an event type, each once: by its interface in the source's package, by exact
    /// patterns and by prefixes; and plugins whose handlers are not all known.
    #[must_use]
    pub(super) fn matching(&self, interface: Option<&str>, event_type: &str) -> Vec<Subscriber<'_>> {
        let typed = interface.and_then(|interface| self.typed.get(interface));
        let exact = self.exact.get(event_type);
        let prefixed = self.prefixes.iter().filter(|(prefix, _)| event_type.starts_with(prefix));
        let matched = typed.into_iter().chain(exact).flatten().copied().chain(prefixed.map(|(_, at)| *at));
        let mut found: Vec<(usize, bool)> = matched.map(|at| (at, true)).collect();
        found.extend(self.incomplete.iter().map(|at| (*at, false)));
        // A match goes before the doubt.
        found.sort_unstable_by_key(|(at, is_matched)| (*at, !is_matched));
        found.dedup_by_key(|(at, _)| *at);
        let allowed = |at: usize| {
            let (_, allowed) = &self.plugins[at];
            allowed.as_ref().is_none_or(|patterns| patterns.iter().any(|p| p.matches(event_type)))
        };
        let found = found.into_iter().filter(|(at, _)| allowed(*at));
        found.map(|(at, is_matched)| Subscriber { plugin: &self.plugins[at].0, is_matched }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_delivered_once_to_each_plugin_that_handles_it_and_may_get_it() {
        let wants = |plugin: &str, typed: &[&str], generic: &[&str], allowed: Option<&[&str]>| Wants {
            plugin: PluginName::new(plugin).unwrap(),
            typed: typed.iter().map(|t| (*t).to_owned()).collect(),
            generic: generic.iter().map(|p| EventPattern::new(p)).collect(),
            allowed: allowed.map(|all| all.iter().map(|p| EventPattern::new(p)).collect()),
            is_complete: !plugin.ends_with("loading"),
        };
        let created = "moncreneau:events/appointment-created";
        let all = Subscriptions::new([
            wants("a-typed", &[created], &[], None),
            wants("b-both", &[created], &["*", "appointment.*"], None),
            wants("c-exact", &[], &["appointment.created"], None),
            wants("d-off", &[created], &[], Some(&["appointment.updated"])),
            wants("e-on", &[created], &[], Some(&["appointment.*"])),
            wants("f-loading", &[], &["appointment.*"], None),
            wants("g-off-loading", &[], &[], Some(&["appointment.updated"])),
        ]);
        let names = |interface, event_type| {
            let found = all.matching(interface, event_type).into_iter();
            let mark = |is_matched| if is_matched { "" } else { "?" };
            found.map(|s| format!("{}{}", s.plugin, mark(s.is_matched))).collect::<Vec<_>>()
        };
        assert_eq!(
            names(Some(created), "appointment.created"),
            ["a-typed", "b-both", "c-exact", "e-on", "f-loading"]
        );
        assert_eq!(names(None, "appointment.created"), ["b-both", "c-exact", "f-loading"]);
        assert_eq!(names(None, "other"), ["b-both", "f-loading?"]);
        assert_eq!(names(None, "appointment.updated"), ["b-both", "f-loading", "g-off-loading?"]);
        assert!(!all.are_complete());
    }
}
