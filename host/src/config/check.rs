//! Checks beyond types: ranges, and values that contradict each other. Pure.

use std::collections::BTreeSet;

use url::Url;

use super::locate::{Found, path};
use super::section::Section as _;
use super::values::{Pointer, Secret};
use super::{Condition, Config, Plugin, Retention, source_check};
use crate::effect::EMITTED_PREFIX;
use crate::event::Name;

/// Providers send again for some days, and by hand for some weeks.
const KEYS_DAYS_MIN: u64 = 30;

/// Everything wrong with this configuration.
pub(super) fn all(config: &Config) -> Vec<Found> {
    let ranges = config.out_of_range().into_iter();
    let mut found: Vec<Found> = ranges.map(|(section, key, why)| (path(&[section, key]), why)).collect();
    for (name, plugin) in &config.plugin {
        let ranges = plugin.out_of_range().into_iter();
        found.extend(ranges.map(|(key, why)| (path(&["plugin", name.as_str(), key]), why)));
        together(&mut found, config, name.as_str(), plugin);
    }
    found.extend(source_check::terms(config));
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
    let keys_max = config.admin.idempotency_keys_max;
    if config.admin.idempotency_keys_per_token_max > keys_max {
        let why = format!(
            "more than admin.idempotency_keys_max, which is {keys_max}: the host would forget requests of a token before it \
             refuses further ones"
        );
        found.push((path(&["admin", "idempotency_keys_per_token_max"]), why));
    }
    if let Some(why) = keys_wrong(&config.retention) {
        found.push((path(&["retention", "keys_days"]), why));
    }
    if config.plugins.debounce_ms > config.plugins.rescan_interval_ms {
        let why = "must not be longer than plugins.rescan_interval_ms";
        found.push((path(&["plugins", "debounce_ms"]), why.into()));
    }
    alerts(&mut found, config);
    found
}

/// Checks what `[[alerts]]` say.
fn alerts(found: &mut Vec<Found>, config: &Config) {
    let mut names = BTreeSet::new();
    for (index, alert) in config.alerts.iter().enumerate() {
        let index = index.to_string();
        let mut wrong = |key: &str, why: String| found.push((path(&["alerts", &index, key]), why));
        for (key, why) in alert.out_of_range() {
            wrong(key, why);
        }
        if let Err(error) = Name::new(&alert.name) {
            wrong(
                "name",
                if alert.name.is_empty() { "an alert needs a name".into() } else { error.to_string() },
            );
        } else if !names.insert(&alert.name) {
            wrong("name", format!("another alert has the name `{}`", alert.name));
        }
        if alert.on.is_empty() {
            wrong("on", "name at least one condition, such as `dead-letter`".into());
        }
        match (alert.email.is_empty(), &alert.webhook) {
            (true, None) => wrong("email", "an alert needs a receiver: set `email` or `webhook`".into()),
            (false, Some(_)) => wrong("email", "set either `email` or `webhook`, or make two alerts".into()),
            (false, None) if config.email.smtp.is_none() => {
                wrong("email", "emails need a mail server: set `smtp` and `from` in [email]".into());
            }
            _ => {}
        }
        if alert.webhook.is_some() != alert.webhook_secret.is_some() {
            wrong("webhook_secret", "`webhook` and its key `webhook_secret` belong together".into());
        }
        for (condition, key, is_set) in [
            (Condition::Backlog, "backlog_max", alert.backlog_max.is_some()),
            (Condition::SourceSilent, "silent_after_ms", alert.silent_after_ms.is_some()),
        ] {
            if alert.on.contains(&condition) && !is_set {
                wrong(key, format!("`{}` needs this limit", condition.as_str()));
            } else if is_set && !alert.on.contains(&condition) {
                wrong(key, format!("it has no effect without `{}` in `on`", condition.as_str()));
            }
        }
    }
}

/// Checks the receivers of alerts and the keys of webhooks, once references are read. No message repeats a value.
pub(super) fn receivers(config: &Config) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, plugin) in &config.plugin {
        for (origin, secret) in &plugin.webhook_keys {
            if let Err(why) = secret.webhook_key() {
                found.push((path(&["plugin", name.as_str(), "webhook_keys", origin]), why.into()));
            }
        }
    }
    for (index, alert) in config.alerts.iter().enumerate() {
        let index = index.to_string();
        let mut wrong = |key: &str, why: &str| found.push((path(&["alerts", &index, key]), why.to_owned()));
        let url = alert.webhook.as_ref().map(|webhook| Url::parse(webhook.expose()));
        match url {
            Some(Ok(url)) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
                wrong("webhook", "it is no `https://` or `http://` URL");
            }
            Some(Ok(url)) if !url.username().is_empty() || url.password().is_some() => {
                wrong("webhook", "a user or password is not sent: the signature proves the sender");
            }
            Some(Err(_)) => wrong("webhook", "it is no URL: write `https://host/path`"),
            Some(Ok(_)) | None => {}
        }
        if let Some(Err(why)) = alert.webhook_secret.as_ref().map(Secret::webhook_key) {
            wrong("webhook_secret", why);
        }
    }
    found
}

/// The ids of kept events, and of late ones, must be known, so that duplicates are recognised.
fn keys_wrong(retention: &Retention) -> Option<String> {
    let Retention { events_days, keys_days, .. } = *retention;
    (keys_days < KEYS_DAYS_MIN || keys_days <= events_days).then(|| {
        format!(
            "must be at least {KEYS_DAYS_MIN}, and more than retention.events_days, which is {events_days}: \
             an id must be known longer than its event is kept"
        )
    })
}

/// Checks a plugin's values against each other and against the host's.
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
    for pointer in &plugin.redact {
        if let Some(why) = redact_wrong(config, pointer) {
            wrong(&["redact"], why);
        }
    }
    for origin in plugin.http_credentials.iter().filter(|origin| !plugin.http.contains(origin)) {
        wrong(&["http_credentials"], format!("`{origin}` is not in `http`, so nothing is sent there"));
    }
    let receivers = plugin.webhook_keys.keys().map(|origin| ("webhook_keys", origin));
    for (key, origin) in receivers.chain(plugin.cloudevents.iter().map(|origin| ("cloudevents", origin))) {
        if !plugin.http.contains(origin) {
            wrong(&[key], format!("`{origin}` is not in `http`, so nothing is sent there"));
        }
    }
    for key in plugin.secrets.keys().filter(|key| plugin.config.contains_key(*key)) {
        wrong(&["secrets", key], "config has the same key, and the plugin could see only one".into());
    }
}

/// Every handler gets an event's id, type and time in its context, so that these cannot be redacted.
fn redact_wrong(config: &Config, pointer: &Pointer) -> Option<String> {
    config.sources.iter().find_map(|(name, source)| {
        let given = [("id", &source.id), ("type", &source.event_type), ("time", &source.created)];
        let mut given = given.iter().flat_map(|(what, places)| places.pointers().map(move |at| (what, at)));
        let (what, at) = given.find(|(_, at)| at.is_within(pointer))?;
        Some(format!(
            "`{pointer}` has the {what} of events of `{name}` (`{at}`), which every handler gets in its context: \
             name the fields beside it"
        ))
    })
}
