//! The routing table: which revision of which plugin takes which events. It is never changed; a
//! swap puts another in its place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::active::{ActivePlugin, RunningEntry};
use super::expected::ExpectedPlugin;
use super::subscriptions::{Subscriber, Subscriptions, Wants};
use crate::config::Config;
use crate::delivery::Recipient;
use crate::effect::source_of;
use crate::event::{EventPattern, PluginName, SourceName, interface_name};

/// See the module.
#[derive(Default)]
pub struct Snapshot {
    plugins: BTreeMap<PluginName, Arc<ActivePlugin>>,
    /// Plugins whose first revision is being loaded: whether events with the same ordering key are handled one at a
    /// time.
    expected: BTreeMap<PluginName, bool>,
    packages: HashMap<SourceName, String>,
    subscriptions: Subscriptions,
    config: Option<Arc<Config>>,
}

impl Snapshot {
    /// Makes the next snapshot. It keeps a plugin's history, as far as its revision and settings are the
    /// same.
    #[must_use]
    pub(super) fn next(
        &self,
        entries: &[RunningEntry],
        expected: &[ExpectedPlugin],
        config: &Arc<Config>,
    ) -> Self {
        let same_config = self.config.as_ref().is_some_and(|before| Arc::ptr_eq(before, config));
        let active = |entry: &RunningEntry| {
            let before = self.get(&entry.plugin);
            (entry.plugin.clone(), ActivePlugin::next(before, entry, config, same_config))
        };
        let is_ordered = |plugin: &ExpectedPlugin| {
            let name = &plugin.name;
            (name.clone(), config.plugin(name.as_str()).ordered)
        };
        let wants = entries.iter().map(|entry| wants_of_entry(entry, config));
        let expected_wants = expected.iter().map(|plugin| wants_of_expected(plugin, config));
        let sources = config.sources.iter().map(|(name, source)| (name.clone(), source.package.clone()));
        let emitters = config.plugin.iter().map(|(name, own)| (source_of(name), own.emit_package.clone()));
        let packages = sources.chain(emitters).filter_map(|(source, package)| Some((source, package?)));
        Self {
            plugins: entries.iter().map(active).collect(),
            expected: expected.iter().map(is_ordered).collect(),
            packages: packages.collect(),
            subscriptions: Subscriptions::new(wants.chain(expected_wants)),
            config: Some(Arc::clone(config)),
        }
    }

    /// Returns the plugins that get a delivery of an event. If a plugin's handlers are not all known yet, its
    /// delivery is matched when they are.
    #[must_use]
    pub fn route(&self, source: &SourceName, event_type: &str) -> Vec<Recipient> {
        let recipient = |Subscriber { plugin, is_matched }| Recipient {
            ordered: self.is_ordered(plugin),
            plugin: plugin.clone(),
            matched: is_matched,
        };
        self.subscribers(source, event_type).into_iter().map(recipient).collect()
    }

    /// Whether a plugin handles an event, as far as its handlers are known.
    #[must_use]
    pub fn handles(&self, plugin: &PluginName, source: &SourceName, event_type: &str) -> bool {
        let subscribers = self.subscribers(source, event_type);
        subscribers.iter().any(|found| found.plugin == plugin && found.is_matched)
    }

    /// Whether a revision of a plugin that is not in force would handle an event.
    #[must_use]
    pub fn would_handle(&self, entry: &RunningEntry, source: &SourceName, event_type: &str) -> bool {
        let Some(config) = &self.config else { return false };
        let interface = self.package(source).map(|package| interface_name(package, event_type));
        let subscriptions = Subscriptions::new([wants_of_entry(entry, config)]);
        !subscriptions.matching(interface.as_deref(), event_type).is_empty()
    }

    /// Whether all handlers of a plugin are known.
    #[must_use]
    pub fn knows_handlers(&self, plugin: &PluginName) -> bool {
        self.subscriptions.is_complete(plugin)
    }

    /// A plugin that takes events.
    #[must_use]
    pub fn get(&self, plugin: &PluginName) -> Option<&Arc<ActivePlugin>> {
        self.plugins.get(plugin)
    }

    /// All plugins.
    pub fn plugins(&self) -> impl Iterator<Item = (&PluginName, &Arc<ActivePlugin>)> {
        self.plugins.iter()
    }

    /// Whether a plugin takes events, or will when its first revision is loaded.
    #[must_use]
    pub fn has(&self, plugin: &PluginName) -> bool {
        self.plugins.contains_key(plugin) || self.expected.contains_key(plugin)
    }

    /// The plugins whose first revision is being loaded.
    pub fn expected(&self) -> impl Iterator<Item = &PluginName> {
        self.expected.keys()
    }

    /// Whether all plugins' handlers are known.
    #[must_use]
    pub fn knows_all_handlers(&self) -> bool {
        self.subscriptions.are_complete()
    }

    /// The WIT package of a source's typed handlers.
    #[must_use]
    pub fn package(&self, source: &SourceName) -> Option<&str> {
        self.packages.get(source).map(String::as_str)
    }

    fn subscribers(&self, source: &SourceName, event_type: &str) -> Vec<Subscriber<'_>> {
        let interface = self.package(source).map(|package| interface_name(package, event_type));
        self.subscriptions.matching(interface.as_deref(), event_type)
    }

    /// Whether a plugin handles events with the same ordering key one at a time. True for one that is not here.
    #[must_use]
    pub fn is_ordered(&self, plugin: &PluginName) -> bool {
        let active = self.get(plugin).map(|active| active.ordered);
        active.or_else(|| self.expected.get(plugin).copied()).unwrap_or(true)
    }
}

fn wants_of_entry(entry: &RunningEntry, config: &Config) -> Wants {
    Wants {
        plugin: entry.plugin.clone(),
        typed: entry.typed.clone(),
        generic: patterns(&entry.patterns),
        allowed: allowed(config, &entry.plugin),
        is_complete: true,
    }
}

fn wants_of_expected(plugin: &ExpectedPlugin, config: &Config) -> Wants {
    Wants {
        plugin: plugin.name.clone(),
        typed: plugin.handlers.typed(),
        generic: patterns(plugin.handlers.patterns()),
        allowed: allowed(config, &plugin.name),
        is_complete: plugin.handlers.are_complete(),
    }
}

/// The event types that the operator allows a plugin; `None` = all.
fn allowed(config: &Config, plugin: &PluginName) -> Option<Vec<EventPattern>> {
    config.plugin(plugin.as_str()).events.as_deref().map(patterns)
}

fn patterns(texts: &[String]) -> Vec<EventPattern> {
    texts.iter().map(|text| EventPattern::new(text)).collect()
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;
    use crate::config;
    use crate::event::Digest;
    use crate::plugins::expected::ExpectedHandlers;
    use crate::runtime::{AttemptReport, Call, Runner};

    struct Idle;

    impl Runner for Idle {
        fn attempt<'a>(
            &'a self,
            _call: Call<'a>,
        ) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>> {
            Box::pin(std::future::pending())
        }
    }

    fn name(plugin: &str) -> PluginName {
        PluginName::new(plugin).unwrap()
    }

    fn entry(plugin: &str, revision: u8) -> RunningEntry {
        RunningEntry {
            plugin: name(plugin),
            runner: Arc::new(Idle),
            revision: Digest([revision; 32]),
            typed: Vec::new(),
            patterns: vec!["*".into()],
        }
    }

    /// The kept parts of the plugin `a`: all of it, its CPU class, its turns.
    fn kept(before: &Snapshot, after: &Snapshot) -> (bool, bool, bool) {
        let of = |snapshot: &Snapshot| Arc::clone(snapshot.get(&name("a")).unwrap());
        let (before, after) = (of(before), of(after));
        (
            Arc::ptr_eq(&before, &after),
            Arc::ptr_eq(&before.cpu_class, &after.cpu_class),
            before.shares_turns(&after),
        )
    }

    #[test]
    fn a_plugin_that_did_not_change_keeps_what_was_learned_of_it() {
        let config = Arc::new(Config::default());
        let before = Snapshot::default().next(&[entry("a", 1), entry("b", 1)], &[], &config);
        let after = before.next(&[entry("a", 1), entry("b", 2), entry("c", 1)], &[], &config);
        assert_eq!(kept(&before, &after), (true, true, true), "another plugin changed");
        let after = before.next(&[entry("a", 2), entry("b", 1)], &[], &config);
        assert_eq!(kept(&before, &after), (false, false, true), "its revision changed");
        let mut other = Config::default();
        let limited = config::Plugin { concurrency: 1, ..config::Plugin::default() };
        other.plugin.insert(name("a"), limited);
        let after = before.next(&[entry("a", 1)], &[], &Arc::new(other));
        assert_eq!(kept(&before, &after), (false, true, true), "its settings changed");
    }

    #[test]
    fn another_revision_would_handle_what_it_exports_and_the_operator_allows() {
        let mut config = Config::default();
        let allowed =
            config::Plugin { events: Some(vec!["appointment.*".into()]), ..config::Plugin::default() };
        config.plugin.insert(name("a"), allowed);
        let source = toml::from_str("scheme = 'moncreneau'\nsecrets = ['x']").unwrap();
        config.sources.insert(name("moncreneau"), source);
        let snapshot = Snapshot::default().next(&[entry("a", 1)], &[], &Arc::new(config));
        let typed = RunningEntry {
            typed: vec!["moncreneau:events/appointment-created".into()],
            patterns: vec!["x.*".into(), "appointment.moved".into()],
            ..entry("a", 2)
        };
        for (event_type, expected) in [
            ("appointment.created", true),
            ("appointment.moved", true),
            ("appointment.updated", false),
            ("x.y", false),
        ] {
            let handles = snapshot.would_handle(&typed, &name("moncreneau"), event_type);
            assert_eq!(handles, expected, "{event_type}");
        }
    }

    #[test]
    fn a_plugin_that_is_loading_gets_events_by_what_is_known_of_its_handlers() {
        let expected = |plugin: &str, handlers| ExpectedPlugin { name: name(plugin), handlers };
        let created = "moncreneau:events/appointment-created@1.0.0".to_owned();
        let mut config = Config::default();
        let off = config::Plugin { events: Some(vec!["other".into()]), ..config::Plugin::default() };
        config.plugin.insert(name("off"), off);
        let source = toml::from_str("scheme = 'moncreneau'\nsecrets = ['x']").unwrap();
        config.sources.insert(name("moncreneau"), source);
        let all = |patterns: &[&str]| {
            ExpectedHandlers::all(vec![created.clone()], patterns.iter().map(ToString::to_string).collect())
        };
        let plugins = [
            expected("all", all(&["x.*"])),
            expected("off", ExpectedHandlers::Unknown),
            expected("typed", ExpectedHandlers::Typed(vec![created.clone()])),
            expected("unknown", ExpectedHandlers::Unknown),
        ];
        let snapshot = Snapshot::default().next(&[], &plugins, &Arc::new(config));
        let routed = |event_type: &str| {
            let recipients = snapshot.route(&name("moncreneau"), event_type).into_iter();
            recipients.map(|to| (to.plugin.to_string(), to.matched)).collect::<Vec<_>>()
        };
        let list = |all: &[(&str, bool)]| all.iter().map(|(p, m)| ((*p).to_owned(), *m)).collect::<Vec<_>>();
        let created = routed("appointment.created");
        assert_eq!(created, list(&[("all", true), ("typed", true), ("unknown", false)]));
        assert_eq!(routed("x.y"), list(&[("all", true), ("typed", false), ("unknown", false)]));
        assert_eq!(routed("other"), list(&[("off", false), ("typed", false), ("unknown", false)]));
        let knows = |plugin: &str| {
            let plugin = name(plugin);
            (snapshot.handles(&plugin, &name("moncreneau"), "x.y"), snapshot.knows_handlers(&plugin))
        };
        let answers = ["all", "off", "typed", "gone"].map(knows);
        assert_eq!(answers, [(true, true), (false, false), (false, false), (false, false)]);
        assert!(
            !snapshot.knows_all_handlers() && snapshot.has(&name("typed")) && !snapshot.has(&name("gone"))
        );
    }
}
