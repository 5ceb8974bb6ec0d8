//! A changed configuration on a running host: the changes that apply at once, and the others with
//! the reason. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::locate::{dotted, path};
use super::{Config, Plugin};
use crate::event::Name;

/// The differences between two configurations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Keys that hold from now on. Plugins and sources are named by section: `sources.moncreneau`.
    pub live: Vec<String>,
    /// Keys that keep their old value until a restart.
    pub refused: Vec<Refusal>,
}

/// A key that is not taken live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The key.
    pub key: String,
    /// The reason why it needs a restart.
    pub reason: String,
}

impl Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` keeps its value until a restart: {}", self.key, self.reason)
    }
}

/// How the last read of a running host's configuration file ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigState {
    /// Why the file was rejected: the configuration before it is in force.
    pub error: Option<String>,
    /// Keys that keep their old value until a restart.
    pub refused: Vec<Refusal>,
}

const TOO_MUCH_MEMORY: &str = "more than the runtime.memory_max_bytes that the host runs with";
const TOO_MANY_AT_ONCE: &str = "more than the runtime.instances_max that the host runs with";

/// Sorts the changes into those that a running host takes and those that it does not.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    for (section, key) in old.differing(new) {
        let name = format!("{section}.{}", key.name);
        match key.restart {
            None => changes.live.push(name),
            Some(reason) => changes.refused.push(Refusal { key: name, reason: reason.into() }),
        }
    }
    changes.live.extend(sections("sources", &old.sources, &new.sources));
    changes.live.extend(sections("plugin", &old.plugin, &new.plugin));
    if old.alerts != new.alerts {
        changes.live.push("alerts".into());
    }
    // New values were checked against the new limits of the engine; the running engine has the old
    // ones.
    for (name, plugin) in &new.plugin {
        if plugin.memory_max_bytes > memory(old, plugin) {
            let key = dotted(&path(&["plugin", name.as_str(), "memory_max_bytes"]));
            changes.refused.push(Refusal { key, reason: TOO_MUCH_MEMORY.into() });
        }
    }
    if new.verifiers.memory_max_bytes > old.runtime.memory_max_bytes {
        changes.live.retain(|key| key != "verifiers.memory_max_bytes");
        let key = "verifiers.memory_max_bytes".into();
        changes.refused.push(Refusal { key, reason: TOO_MUCH_MEMORY.into() });
    }
    if new.dispatch.concurrency > concurrency(old, new) {
        changes.live.retain(|key| key != "dispatch.concurrency");
        changes.refused.push(Refusal { key: "dispatch.concurrency".into(), reason: TOO_MANY_AT_ONCE.into() });
    }
    changes
}

/// The next configuration of a running host: the new one, except for changes that need a restart.
#[must_use]
pub fn apply_live(old: &Config, new: &Config) -> Config {
    let mut applied = new.clone();
    applied.keep_fixed(old);
    for plugin in applied.plugin.values_mut() {
        plugin.memory_max_bytes = memory(old, plugin);
    }
    applied.dispatch.concurrency = concurrency(old, new);
    let memory = &mut applied.verifiers.memory_max_bytes;
    *memory = (*memory).min(old.runtime.memory_max_bytes);
    applied
}

fn memory(running: &Config, plugin: &Plugin) -> u64 {
    plugin.memory_max_bytes.min(running.runtime.memory_max_bytes)
}

/// The new number if the running engine has instances for it, else the old one.
fn concurrency(running: &Config, new: &Config) -> usize {
    let instances = u64::from(running.runtime.instances_max);
    if new.dispatch.concurrency as u64 <= instances {
        new.dispatch.concurrency
    } else {
        running.dispatch.concurrency
    }
}

/// Sections that came, went or changed.
fn sections<'a, V: PartialEq>(
    table: &'a str,
    old: &'a BTreeMap<Name, V>,
    new: &'a BTreeMap<Name, V>,
) -> impl Iterator<Item = String> + 'a {
    let names: BTreeSet<&Name> = old.keys().chain(new.keys()).collect();
    let differ = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    differ.map(move |name| dotted(&path(&[table, name.as_str()])))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::config::tests::parse;

    fn differ(old: &str, new: &str) -> (Changes, Config, Config) {
        let (old, new) = (parse(old).unwrap(), parse(new).unwrap());
        let applied = apply_live(&old, &new);
        (changes(&old, &new), old, applied)
    }

    #[test]
    fn active_and_refused_plugins_are_listed() {
        let table: &[(&str, &str, &[&str], &[&str])] = &[
            ("", "", &[], &[]),
            ("", "[server]\nbody_max_bytes = 5", &["server.body_max_bytes"], &[]),
            ("", "[server]\nlisten = '127.0.0.1:9'", &[], &["server.listen"]),
            ("", "[plugin.a]\nattempts_max = 2", &["plugin.a"], &[]),
            ("[plugin.a]\nattempts_max = 2", "", &["plugin.a"], &[]),
            ("[plugin.'a.b']\nattempts_max = 2", "[plugin.'a.b']", &["plugin.\"a.b\""], &[]),
            (
                "[sources.a]\nscheme = 'hmac'\nsecrets = ['1']\n[sources.b]\nscheme = 'hmac'\nsecrets = ['1']",
                "[sources.a]\nscheme = 'hmac'\nsecrets = ['2']\n[sources.b]\nscheme = 'hmac'\nsecrets = ['1']",
                &["sources.a"],
                &[],
            ),
            (
                "",
                "[runtime]\nmemory_max_bytes = 536870912\n[plugin.a]\nmemory_max_bytes = 536870912",
                &["plugin.a"],
                &["runtime.memory_max_bytes", "plugin.a.memory_max_bytes"],
            ),
            (
                "",
                "[runtime]\ninstances_max = 1000\n[dispatch]\nconcurrency = 500",
                &[],
                &["runtime.instances_max", "dispatch.concurrency"],
            ),
            ("", "[database]\nurl = 'sqlite:x'", &[], &["database.url"]),
        ];
        for (old, new, live, refused) in table {
            let (changes, old, applied) = differ(old, new);
            let keys: Vec<_> = changes.refused.iter().map(|refusal| refusal.key.as_str()).collect();
            assert_eq!(
                (changes.live.as_slice(), keys.as_slice()),
                (live.map_to_strings().as_slice(), *refused),
                "{new}"
            );
            assert!(super::changes(&old, &applied).refused.is_empty(), "{new}: applying settles it");
            assert_eq!(super::changes(&old, &applied) == Changes::default(), live.is_empty(), "{new}");
        }
    }

    trait Strings {
        fn map_to_strings(&self) -> Vec<String>;
    }

    impl Strings for &[&str] {
        fn map_to_strings(&self) -> Vec<String> {
            self.iter().map(|&text| text.to_owned()).collect()
        }
    }

    #[test]
    fn applied_values() {
        let (_, old, applied) = differ(
            "",
            "[server]\nlisten = '127.0.0.1:9'\nbody_timeout_ms = 7\n[runtime]\nmemory_max_bytes = 536870912\n[plugin.a]\nmemory_max_bytes = 536870912\nhttp = ['https://x']",
        );
        assert_eq!(applied.server.listen, old.server.listen);
        assert_eq!(applied.server.body_timeout_ms, 7);
        assert_eq!(applied.plugin["a"].memory_max_bytes, old.runtime.memory_max_bytes);
        assert_eq!(applied.plugin["a"].http, ["https://x"]);
    }
}
