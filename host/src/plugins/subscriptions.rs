//! Which plugins an event goes to: pure matching over what plugins handle and operators allow.

use std::collections::HashMap;

use crate::event::{EventPattern, PluginName};

/// What one plugin wants.
#[derive(Debug, Clone)]
pub struct Wants {
    /// The plugin.
    pub plugin: PluginName,
    /// Interfaces of its typed handlers, without versions.
    pub typed: Vec<String>,
    /// Patterns of its generic handler.
    pub generic: Vec<EventPattern>,
    /// The operator's restriction; `None` = all that it handles.
    pub allowed: Option<Vec<EventPattern>>,
}

/// The wants of all plugins, turned round: from an event to its plugins.
#[derive(Debug, Default)]
pub struct Subscriptions {
    typed: HashMap<String, Vec<usize>>,
    exact: HashMap<String, Vec<usize>>,
    prefixes: Vec<(String, usize)>,
    plugins: Vec<(PluginName, Option<Vec<EventPattern>>)>,
}

impl Subscriptions {
    /// Turns them round.
    #[must_use]
    pub fn new(wants: impl IntoIterator<Item = Wants>) -> Self {
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
            all.plugins.push((wants.plugin, wants.allowed));
        }
        all
    }

    /// The plugins of an event type: by the interface that its source's package has for it, by
    /// exact patterns and by prefixes; each plugin once, in order of their names.
    #[must_use]
    pub fn matching(&self, interface: Option<&str>, event_type: &str) -> Vec<PluginName> {
        let typed = interface.and_then(|interface| self.typed.get(interface));
        let exact = self.exact.get(event_type);
        let prefixed = self.prefixes.iter().filter(|(prefix, _)| event_type.starts_with(prefix));
        let mut found: Vec<usize> = typed.into_iter().chain(exact).flatten().copied().collect();
        found.extend(prefixed.map(|(_, at)| *at));
        found.sort_unstable();
        found.dedup();
        let allowed = |at: &usize| {
            let (_, allowed) = &self.plugins[*at];
            allowed.as_ref().is_none_or(|patterns| patterns.iter().any(|p| p.matches(event_type)))
        };
        found.iter().filter(|at| allowed(at)).map(|at| self.plugins[*at].0.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_goes_once_to_each_plugin_that_handles_it_and_is_allowed_to() {
        let wants = |plugin: &str, typed: &[&str], generic: &[&str], allowed: Option<&[&str]>| Wants {
            plugin: PluginName::new(plugin).unwrap(),
            typed: typed.iter().map(|t| (*t).to_owned()).collect(),
            generic: generic.iter().map(|p| EventPattern::new(p)).collect(),
            allowed: allowed.map(|all| all.iter().map(|p| EventPattern::new(p)).collect()),
        };
        let created = "moncreneau:events/appointment-created";
        let all = Subscriptions::new([
            wants("a-typed", &[created], &[], None),
            wants("b-both", &[created], &["*", "appointment.*"], None),
            wants("c-exact", &[], &["appointment.created"], None),
            wants("d-off", &[created], &[], Some(&["appointment.updated"])),
            wants("e-on", &[created], &[], Some(&["appointment.*"])),
        ]);
        let names = |interface, event_type| {
            all.matching(interface, event_type).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(Some(created), "appointment.created"), ["a-typed", "b-both", "c-exact", "e-on"]);
        assert_eq!(names(None, "appointment.created"), ["b-both", "c-exact"]);
        assert_eq!(names(None, "other"), ["b-both"]);
    }
}
