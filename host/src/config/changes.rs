//! A changed configuration on a running host: what is taken live, what is refused and why. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::locate::{dotted, path};
use super::{Config, Plugin};
use crate::event::Name;

/// What differs between two configurations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Keys that hold from now on. Plugins and sources are named by section: `sources.moncreneau`.
    pub live: Vec<String>,
    /// Keys that keep their old value until a restart.
    pub refused: Vec<Refusal>,
}

impl Changes {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.refused.is_empty()
    }
}

/// A key that is not taken live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub key: String,
    /// Why not.
    pub reason: String,
}

impl Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` keeps its value until a restart: {}", self.key, self.reason)
    }
}

/// One table for both functions, so that what is reported and what is done cannot differ.
macro_rules! keys {
    (live: $($live:ident . $live_key:ident),* ; restart: $($reason:literal: $($fixed:ident . $fixed_key:ident),*);* $(;)?) => {
        fn scalar_changes(old: &Config, new: &Config, changes: &mut Changes) {
            $(if old.$live.$live_key != new.$live.$live_key {
                changes.live.push(concat!(stringify!($live), ".", stringify!($live_key)).into());
            })*
            $($(if old.$fixed.$fixed_key != new.$fixed.$fixed_key {
                changes.refused.push(Refusal {
                    key: concat!(stringify!($fixed), ".", stringify!($fixed_key)).into(),
                    reason: $reason.into(),
                });
            })*)*
        }

        fn keep_fixed(old: &Config, new: &mut Config) {
            $($(new.$fixed.$fixed_key = old.$fixed.$fixed_key.clone();)*)*
        }

        /// Every key outside of sources and plugins.
        #[cfg(test)]
        const KEYS: &[(&str, &str)] = &[
            $((stringify!($live), stringify!($live_key)),)*
            $($((stringify!($fixed), stringify!($fixed_key)),)*)*
        ];
    };
}

keys! {
    live: server.body_max_bytes, server.body_timeout_ms, server.bodies_max_bytes, admin.hosts, dispatch.concurrency, dispatch.backlog_max,
        retention.events_days, retention.size_max_bytes, retention.keys_days,
        store.key_max_bytes, store.value_max_bytes, store.keys_max, store.size_max_bytes,
        store.call_max_bytes, store.reruns_max,
        effects.per_call_max, effects.size_max_bytes, effects.depth_max, effects.per_root_max,
        effects.waiting_max, effects.waiting_max_bytes, effects.concurrency,
        effects.plugin_concurrency, effects.tries_max, effects.backoff_base_ms, effects.backoff_max_ms,
        http.connect_timeout_ms, http.timeout_ms, http.answer_max_bytes, http.request_max_bytes,
        http.redirects_max, email.smtp, email.from, email.timeout_ms;
    restart:
    "the address is bound when the host starts": server.listen, admin.listen;
    "connections that are open began with it":
        server.header_max_bytes, server.header_timeout_ms, server.idle_timeout_ms, server.write_timeout_ms,
        server.connections_max, server.connections_per_peer_max, server.requests_per_connection_max,
        server.shutdown_timeout_ms;
    "the host keeps its data there while it runs": server.data_dir, database.url;
    "the writer began with it": database.batch_max, database.busy_timeout_ms, database.log_warn_bytes, database.recent_ids_max,
        database.open_orders_max, dispatch.queue_max;
    "the queues began with it": dispatch.window, effects.window;
    "crashes are counted when the host starts": dispatch.crashes_max, dispatch.alone_max_ms;
    "it is made when the host starts": store.cache_max_bytes;
    "the watch of the directory began with it":
        plugins.dir, plugins.debounce_ms, plugins.removal_grace_ms, plugins.rescan_interval_ms, plugins.file_max_bytes;
    "the engine and its memory pool are made when the host starts":
        runtime.instances_max, runtime.memory_max_bytes, runtime.table_elements_max, runtime.stack_max_bytes,
        runtime.tick_ms, runtime.random_max_bytes, runtime.payload_types_max_bytes, runtime.compile_concurrency,
        runtime.compile_quick_ms, runtime.compile_timeout_ms, runtime.compile_memory_max_bytes, runtime.code_max_bytes, runtime.cache_max_bytes;
    "the log is set up when the host starts": log.level, log.plugin_level, log.buffer_max_bytes;
    "the build began with it": dev.watch, dev.build;
}

const TOO_MUCH_MEMORY: &str = "more than the runtime.memory_max_bytes that the host runs with";
const TOO_MANY_AT_ONCE: &str = "more than the runtime.instances_max that the host runs with";

/// What of a new configuration a running host takes, and what not.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    scalar_changes(old, new, &mut changes);
    changes.live.extend(sections("sources", &old.sources, &new.sources));
    changes.live.extend(sections("plugin", &old.plugin, &new.plugin));
    // New values were checked against the new limits of the engine; what runs has the old ones.
    for (name, plugin) in &new.plugin {
        if plugin.memory_max_bytes > memory(old, plugin) {
            let key = dotted(&path(&["plugin", name.as_str(), "memory_max_bytes"]));
            changes.refused.push(Refusal { key, reason: TOO_MUCH_MEMORY.into() });
        }
    }
    if new.dispatch.concurrency > concurrency(old, new) {
        changes.live.retain(|key| key != "dispatch.concurrency");
        changes.refused.push(Refusal { key: "dispatch.concurrency".into(), reason: TOO_MANY_AT_ONCE.into() });
    }
    changes
}

/// The configuration that a running host goes on with: the new one, except for what needs a restart.
#[must_use]
pub fn apply_live(old: &Config, new: &Config) -> Config {
    let mut applied = new.clone();
    keep_fixed(old, &mut applied);
    for plugin in applied.plugin.values_mut() {
        plugin.memory_max_bytes = memory(old, plugin);
    }
    applied.dispatch.concurrency = concurrency(old, new);
    applied
}

fn memory(running: &Config, plugin: &Plugin) -> u64 {
    plugin.memory_max_bytes.min(running.runtime.memory_max_bytes)
}

/// The new number where the running engine has instances for it, else the old one.
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
    fn what_is_live_and_what_is_refused() {
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
            assert_eq!(super::changes(&old, &applied).is_empty(), live.is_empty(), "{new}");
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

    #[test]
    fn every_key_is_live_or_needs_a_restart() {
        for section in [
            "server",
            "admin",
            "database",
            "retention",
            "plugins",
            "dispatch",
            "runtime",
            "store",
            "effects",
            "http",
            "email",
            "log",
            "dev",
        ] {
            let mut known: Vec<_> =
                KEYS.iter().filter(|key| key.0 == section).map(|key| key.1.to_owned()).collect();
            known.sort();
            assert_eq!(known, crate::config::tests::keys_of(&format!("[{section}]")), "{section}");
        }
    }
}
