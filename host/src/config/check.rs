//! What types cannot say: ranges, and values that contradict each other. Pure.

use super::locate::path;
use super::{Config, Plugin, Retention};
use crate::effect::EMITTED_PREFIX;

/// A key's path, and what is wrong with its value.
pub(super) type Found = (Vec<String>, String);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const HOUR_MS: u64 = 3_600_000;
/// Providers send again for some days, and by hand for some weeks.
const KEYS_DAYS_MIN: u64 = 30;
const WEEK_MS: u64 = 7 * 24 * HOUR_MS;
const YEAR_MS: u64 = 366 * 24 * HOUR_MS;

/// Everything wrong with this configuration.
pub(super) fn all(config: &Config) -> Vec<Found> {
    let mut found = Vec::new();
    ranges(&mut found, config);
    for (name, plugin) in &config.plugin {
        plugin_ranges(&mut found, name.as_str(), plugin);
        together(&mut found, config, name.as_str(), plugin);
    }
    for (name, source) in &config.sources {
        if source.secrets.is_empty() {
            let why = "without a secret nothing could be verified: name at least one";
            found.push((path(&["sources", name.as_str(), "secrets"]), why.into()));
        }
    }
    for name in config.sources.keys().filter(|name| name.as_str().starts_with(EMITTED_PREFIX)) {
        let why = format!("`{EMITTED_PREFIX}…` are the sources of events that plugins emit");
        found.push((path(&["sources", name.as_str()]), why));
    }
    if config.effects.backoff_base_ms > config.effects.backoff_max_ms {
        let why = format!("more than backoff_max_ms, which is {}", config.effects.backoff_max_ms);
        found.push((path(&["effects", "backoff_base_ms"]), why));
    }
    if config.email.smtp.is_some() && config.email.from.is_none() {
        found.push((path(&["email", "from"]), "emails need a sender where email.smtp is set".into()));
    }
    if config.server.listen == config.admin.listen && config.server.listen.port() != 0 {
        found.push((
            path(&["admin", "listen"]),
            "the webhook endpoint already listens there (server.listen)".into(),
        ));
    }
    let age_max_days = config.retention.keys_days.saturating_sub(1);
    for (name, source) in &config.sources {
        if source.created_age_max_days.is_some_and(|days| days > age_max_days) {
            let why = format!("must be at most {age_max_days}, a day less than retention.keys_days");
            found.push((path(&["sources", name.as_str(), "created_age_max_days"]), why));
        }
    }
    let body_max_bytes = config.server.body_max_bytes;
    if config.server.bodies_max_bytes / 2 < body_max_bytes {
        let why = format!("must be at least twice server.body_max_bytes, which is {body_max_bytes}");
        found.push((path(&["server", "bodies_max_bytes"]), why));
    }
    let (at_once, instances) = (config.dispatch.concurrency, config.runtime.instances_max);
    if at_once as u64 > u64::from(instances) {
        let why = format!("every attempt needs an instance, and runtime.instances_max is {instances}");
        found.push((path(&["dispatch", "concurrency"]), why));
    }
    if let Some(why) = keys_wrong(&config.retention) {
        found.push((path(&["retention", "keys_days"]), why));
    }
    if config.retention.size_max_bytes.is_some_and(|most| most < MIB) {
        found.push((path(&["retention", "size_max_bytes"]), format!("must be at least {MIB}")));
    }
    if config.plugins.debounce_ms > config.plugins.rescan_interval_ms {
        let why = "must not be longer than plugins.rescan_interval_ms";
        found.push((path(&["plugins", "debounce_ms"]), why.into()));
    }
    found
}

/// A duplicate of an event that is kept must be known as one, and so must a late one.
fn keys_wrong(retention: &Retention) -> Option<String> {
    let Retention { events_days, keys_days, .. } = *retention;
    (keys_days < KEYS_DAYS_MIN || keys_days <= events_days).then(|| {
        format!(
            "must be at least {KEYS_DAYS_MIN}, and more than retention.events_days, which is {events_days}: \
             an id must be known longer than its event is kept"
        )
    })
}

/// Rows of `section.key: least to most`.
macro_rules! ranges {
    ($found:ident, $prefix:expr, $in:expr; $($($part:ident).+: $least:expr, $most:expr;)*) => {
        $(
            let value = u64::try_from($in.$($part).+).unwrap_or(u64::MAX);
            let key: &[&str] = &[$(stringify!($part)),+];
            if !($least..=$most).contains(&value) {
                let whole: Vec<&str> = $prefix.iter().copied().chain(key.iter().copied()).collect();
                $found.push((path(&whole), format!("must be {} to {}", $least, $most)));
            }
        )*
    };
}

fn ranges(found: &mut Vec<Found>, config: &Config) {
    ranges! { found, [""; 0], config;
        server.body_max_bytes: 1, 64 * MIB;
        server.header_max_bytes: 512, MIB;
        server.header_timeout_ms: 1, HOUR_MS;
        server.idle_timeout_ms: 1, HOUR_MS;
        server.body_timeout_ms: 1, HOUR_MS;
        server.bodies_max_bytes: 1, 64 * GIB;
        server.write_timeout_ms: 1, HOUR_MS;
        server.connections_max: 1, 1_000_000;
        server.connections_per_peer_max: 0, 1_000_000;
        server.requests_per_connection_max: 1, u64::from(u32::MAX);
        server.shutdown_timeout_ms: 0, HOUR_MS;
        database.batch_max: 1, 100_000;
        database.busy_timeout_ms: 0, HOUR_MS;
        database.log_warn_bytes: KIB, i64::MAX.unsigned_abs();
        database.recent_ids_max: 1, 100_000_000;
        database.open_orders_max: 1, 100_000_000;
        retention.events_days: 1, 36_500;
        retention.keys_days: 1, 36_501;
        plugins.debounce_ms: 0, 60_000;
        plugins.removal_grace_ms: 0, HOUR_MS;
        plugins.rescan_interval_ms: 10, HOUR_MS;
        plugins.file_max_bytes: KIB, GIB;
        dispatch.concurrency: 1, 10_000;
        dispatch.window: 1, 1_000_000;
        dispatch.backlog_max: 1, i64::MAX.unsigned_abs();
        dispatch.queue_max: 1, 1_000_000;
        dispatch.crashes_max: 1, 1000;
        dispatch.alone_max_ms: 0, HOUR_MS;
        runtime.instances_max: 1, 10_000;
        runtime.memory_max_bytes: 64 * KIB, 4 * GIB;
        runtime.table_elements_max: 1, 10_000_000;
        runtime.stack_max_bytes: 64 * KIB, 8 * MIB;
        runtime.tick_ms: 1, 1000;
        runtime.payload_types_max_bytes: KIB, 256 * MIB;
        runtime.compile_concurrency: 1, 64;
        runtime.compile_quick_ms: 1, HOUR_MS;
        runtime.compile_timeout_ms: 1, HOUR_MS;
        runtime.compile_memory_max_bytes: 64 * MIB, 64 * GIB;
        runtime.code_max_bytes: MIB, 2 * GIB;
        runtime.cache_max_bytes: MIB, 1024 * GIB;
        runtime.random_max_bytes: 256, 64 * MIB;
        store.key_max_bytes: 1, 64 * KIB;
        store.value_max_bytes: 1, 64 * MIB;
        store.keys_max: 1, 1_000_000_000;
        store.size_max_bytes: 1, 1024 * GIB;
        store.call_max_bytes: 1, 256 * MIB;
        store.cache_max_bytes: MIB, 64 * GIB;
        store.reruns_max: 1, 10_000;
        effects.per_call_max: 0, 10_000;
        effects.size_max_bytes: 1, 64 * MIB;
        effects.depth_max: 0, 1000;
        effects.per_root_max: 0, 1_000_000_000;
        effects.waiting_max: 1, 1_000_000_000;
        effects.waiting_max_bytes: 1, 1024 * GIB;
        effects.concurrency: 1, 10_000;
        effects.plugin_concurrency: 1, 10_000;
        effects.window: 1, 1_000_000;
        effects.tries_max: 1, 1000;
        effects.backoff_base_ms: 1, WEEK_MS;
        effects.backoff_max_ms: 1, WEEK_MS;
        http.connect_timeout_ms: 1, HOUR_MS;
        http.timeout_ms: 1, HOUR_MS;
        http.answer_max_bytes: 1, 64 * MIB;
        http.request_max_bytes: 1, 64 * MIB;
        http.redirects_max: 0, 20;
        email.timeout_ms: 1, HOUR_MS;
        log.buffer_max_bytes: 64 * KIB, GIB;
    }
}

fn plugin_ranges(found: &mut Vec<Found>, name: &str, plugin: &Plugin) {
    ranges! { found, ["plugin", name], plugin;
        call_timeout_ms: 1, HOUR_MS;
        memory_max_bytes: 64 * KIB, 4 * GIB;
        host_memory_max_bytes: MIB, 4 * GIB;
        log_max_bytes: 0, 16 * MIB;
        concurrency: 1, 10_000;
        attempts_max: 1, 1000;
        age_max_ms: 1, YEAR_MS;
        reuse_max: 1, 1_000_000_000;
        backoff_base_ms: 1, WEEK_MS;
        backoff_max_ms: 1, WEEK_MS;
        breaker_failures_percent: 0, 100;
        breaker_deliveries: 1, 1000;
        breaker_pause_ms: 1, WEEK_MS;
        breaker_pause_max_ms: 1, WEEK_MS;
    }
}

/// What a plugin's values may not be beside each other and the host's.
fn together(found: &mut Vec<Found>, config: &Config, name: &str, plugin: &Plugin) {
    let mut wrong = |key: &[&str], why: String| found.push((path(&[&["plugin", name], key].concat()), why));
    let host_memory = config.runtime.memory_max_bytes;
    if plugin.memory_max_bytes > host_memory {
        wrong(&["memory_max_bytes"], format!("more than runtime.memory_max_bytes, which is {host_memory}"));
    }
    if plugin.backoff_base_ms > plugin.backoff_max_ms {
        wrong(&["backoff_base_ms"], format!("more than backoff_max_ms, which is {}", plugin.backoff_max_ms));
    }
    let longest = plugin.breaker_pause_max_ms;
    if plugin.breaker_pause_ms > longest {
        wrong(&["breaker_pause_ms"], format!("more than breaker_pause_max_ms, which is {longest}"));
    }
    if plugin.call_timeout_ms < config.runtime.tick_ms {
        wrong(
            &["call_timeout_ms"],
            format!("less than runtime.tick_ms, which is {}", config.runtime.tick_ms),
        );
    }
    for origin in plugin.http_credentials.iter().filter(|origin| !plugin.http.contains(origin)) {
        wrong(&["http_credentials"], format!("`{origin}` is not in `http`, so nothing is sent there"));
    }
    for key in plugin.secrets.keys().filter(|key| plugin.config.contains_key(*key)) {
        wrong(&["secrets", key], "config has the same key, and the plugin could see only one".into());
    }
}
