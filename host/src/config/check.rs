//! What types cannot say: ranges, and values that contradict each other. Pure.

use super::load::path;
use super::{Config, Plugin};

/// A key's path, and what is wrong with its value.
pub(super) type Found = (Vec<String>, String);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
/// The longest wait that makes sense anywhere: a week.
const WEEK_MS: u64 = 7 * 24 * 3_600_000;

/// Everything wrong with this configuration.
pub(super) fn all(config: &Config) -> Vec<Found> {
    let mut found = Vec::new();
    for (section, key, value, least, most) in ranges(config) {
        within(&mut found, &[section, key], value, least, most);
    }
    for (name, plugin) in &config.plugin {
        for (key, value, least, most) in plugin_ranges(plugin) {
            within(
                &mut found,
                &["plugin", name.as_str(), key],
                value,
                least,
                most,
            );
        }
        together(&mut found, config, name.as_str(), plugin);
    }
    for (name, source) in &config.sources {
        if source.secrets.is_empty() {
            let why = "without a secret nothing could be verified: name at least one";
            found.push((path(&["sources", name.as_str(), "secrets"]), why.into()));
        }
    }
    if config.server.listen == config.admin.listen && config.server.listen.port() != 0 {
        found.push((
            path(&["admin", "listen"]),
            "the webhook endpoint already listens there (server.listen)".into(),
        ));
    }
    let (at_once, instances) = (config.dispatch.concurrency, config.runtime.instances_max);
    if at_once as u64 > u64::from(instances) {
        let why =
            format!("every attempt needs an instance, and runtime.instances_max is {instances}");
        found.push((path(&["dispatch", "concurrency"]), why));
    }
    if config.plugins.debounce_ms > config.plugins.rescan_interval_ms {
        let why = "must not be longer than plugins.rescan_interval_ms";
        found.push((path(&["plugins", "debounce_ms"]), why.into()));
    }
    found
}

fn within(found: &mut Vec<Found>, key: &[&str], value: u64, least: u64, most: u64) {
    if !(least..=most).contains(&value) {
        found.push((path(key), format!("must be {least} to {most}")));
    }
}

type Range = (&'static str, &'static str, u64, u64, u64);

/// Section, key, value, least, most.
fn ranges(config: &Config) -> [Range; 21] {
    let Config {
        server,
        database,
        plugins,
        dispatch,
        runtime,
        ..
    } = config;
    [
        (
            "server",
            "body_max_bytes",
            server.body_max_bytes as u64,
            1,
            64 * MIB,
        ),
        (
            "server",
            "header_max_bytes",
            server.header_max_bytes as u64,
            512,
            MIB,
        ),
        (
            "server",
            "header_timeout_ms",
            server.header_timeout_ms,
            1,
            3_600_000,
        ),
        (
            "server",
            "body_timeout_ms",
            server.body_timeout_ms,
            1,
            3_600_000,
        ),
        (
            "server",
            "connections_max",
            server.connections_max as u64,
            1,
            1_000_000,
        ),
        (
            "server",
            "shutdown_timeout_ms",
            server.shutdown_timeout_ms,
            0,
            3_600_000,
        ),
        (
            "database",
            "batch_max",
            database.batch_max as u64,
            1,
            100_000,
        ),
        (
            "database",
            "busy_timeout_ms",
            database.busy_timeout_ms,
            0,
            600_000,
        ),
        ("plugins", "debounce_ms", plugins.debounce_ms, 0, 60_000),
        (
            "plugins",
            "removal_grace_ms",
            plugins.removal_grace_ms,
            0,
            3_600_000,
        ),
        (
            "plugins",
            "rescan_interval_ms",
            plugins.rescan_interval_ms,
            10,
            3_600_000,
        ),
        (
            "plugins",
            "file_max_bytes",
            plugins.file_max_bytes,
            KIB,
            GIB,
        ),
        (
            "dispatch",
            "concurrency",
            dispatch.concurrency as u64,
            1,
            10_000,
        ),
        ("dispatch", "window", dispatch.window as u64, 1, 1_000_000),
        ("dispatch", "backlog_max", dispatch.backlog_max, 1, u64::MAX),
        (
            "dispatch",
            "queue_max",
            dispatch.queue_max as u64,
            1,
            1_000_000,
        ),
        (
            "runtime",
            "instances_max",
            u64::from(runtime.instances_max),
            1,
            10_000,
        ),
        (
            "runtime",
            "memory_max_bytes",
            runtime.memory_max_bytes,
            64 * KIB,
            4 * GIB,
        ),
        (
            "runtime",
            "table_elements_max",
            runtime.table_elements_max as u64,
            1,
            10_000_000,
        ),
        (
            "runtime",
            "stack_max_bytes",
            runtime.stack_max_bytes as u64,
            64 * KIB,
            8 * MIB,
        ),
        ("runtime", "tick_ms", runtime.tick_ms, 1, 1000),
    ]
}

/// Key, value, least, most.
fn plugin_ranges(plugin: &Plugin) -> [(&'static str, u64, u64, u64); 7] {
    [
        ("call_timeout_ms", plugin.call_timeout_ms, 1, 3_600_000),
        (
            "memory_max_bytes",
            plugin.memory_max_bytes,
            64 * KIB,
            4 * GIB,
        ),
        ("log_max_bytes", plugin.log_max_bytes as u64, 0, 16 * MIB),
        ("concurrency", plugin.concurrency as u64, 1, 10_000),
        ("attempts_max", u64::from(plugin.attempts_max), 1, 1000),
        ("backoff_base_ms", plugin.backoff_base_ms, 1, WEEK_MS),
        ("backoff_max_ms", plugin.backoff_max_ms, 1, WEEK_MS),
    ]
}

/// What a plugin's values may not be beside each other and the host's.
fn together(found: &mut Vec<Found>, config: &Config, name: &str, plugin: &Plugin) {
    let mut wrong =
        |key: &[&str], why: String| found.push((path(&[&["plugin", name], key].concat()), why));
    let host_memory = config.runtime.memory_max_bytes;
    if plugin.memory_max_bytes > host_memory {
        wrong(
            &["memory_max_bytes"],
            format!("more than runtime.memory_max_bytes, which is {host_memory}"),
        );
    }
    if plugin.backoff_base_ms > plugin.backoff_max_ms {
        wrong(
            &["backoff_base_ms"],
            format!(
                "more than backoff_max_ms, which is {}",
                plugin.backoff_max_ms
            ),
        );
    }
    if plugin.call_timeout_ms < config.runtime.tick_ms {
        wrong(
            &["call_timeout_ms"],
            format!(
                "less than runtime.tick_ms, which is {}",
                config.runtime.tick_ms
            ),
        );
    }
    for key in plugin
        .secrets
        .keys()
        .filter(|key| plugin.config.contains_key(*key))
    {
        wrong(
            &["secrets", key],
            "config has the same key, and the plugin could see only one".into(),
        );
    }
}
