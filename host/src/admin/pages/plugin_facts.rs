//! How near a plugin comes to its limits, and what it asks for against what it is granted.

use super::language::Language;
use super::ui::{bytes, duration, short_duration};
use super::words::PluginWords;
use crate::admin::api::{KeptRevision, Plugin, PluginGrants, PluginLimits, RecentUse};
use crate::revision::{is_capability, without_version};

/// The interface by which a plugin queues requests, emails and events.
const OUTBOX: &str = "hookyard:plugin/outbox";
/// The interfaces by which it sends requests and reads values.
const HTTP: &str = "wasi:http/outgoing-handler";
const CONFIG: &str = "wasi:config/";
/// All of these take grants.
const GRANTED: [&str; 3] = [HTTP, OUTBOX, CONFIG];
/// From this share of a limit on, in hundredths, a meter warns.
const NEAR: u64 = 80;

/// A number against its limit.
pub(super) struct Meter {
    pub(super) name: &'static str,
    /// Nothing if there were no attempts.
    pub(super) p99: Option<String>,
    pub(super) most: Option<String>,
    pub(super) limit: String,
    /// The share of the limit that 99 of 100 used, in hundredths, at most 100.
    pub(super) share_p99: u64,
    /// The share of the limit that was used at most.
    pub(super) share_most: u64,
    pub(super) tone: &'static str,
    pub(super) label: String,
}

/// What a plugin's latest attempts used of its limits.
pub(super) fn meters(
    limits: &PluginLimits,
    recent: &RecentUse,
    language: Language,
    w: PluginWords,
) -> [Meter; 2] {
    let meter = |name, used: [Option<u64>; 2], limit: u64, format: &dyn Fn(u64) -> String, shown: String| {
        let [p99, most] = used;
        let share =
            |used: Option<u64>| used.map_or(0, |used| (used.saturating_mul(100) / limit.max(1)).min(100));
        let tone = match share(most) {
            100 => "dead",
            NEAR.. => "waiting",
            _ => "done",
        };
        Meter {
            name,
            p99: p99.map(format),
            most: most.map(|most| w.most(format(most))),
            limit: w.limit(shown),
            share_p99: if p99.is_some() { share(p99).max(1) } else { 0 },
            share_most: if most.is_some() { share(most).max(1) } else { 0 },
            tone,
            label: w.meter(language.percent(share(most))),
        }
    };
    let time = |us| short_duration(language, us);
    let size = |size| bytes(language, size);
    let mut time = meter(
        w.time(),
        [recent.duration_us_p99, recent.duration_us_max],
        limits.call_timeout_ms.saturating_mul(1000),
        &time,
        duration(language, limits.call_timeout_ms),
    );
    let mut memory = meter(
        w.memory(),
        [recent.memory_bytes_p99, recent.memory_bytes_max],
        limits.memory_max_bytes,
        &size,
        size(limits.memory_max_bytes),
    );
    time.p99 = time.p99.map(|value| w.p99(value));
    memory.p99 = memory.p99.map(|value| w.p99_memory(value));
    [time, memory]
}

/// A capability: what the file asks for, and what the configuration grants.
pub(super) struct Grant {
    pub(super) name: &'static str,
    /// The interfaces by which the file asks.
    pub(super) asks: Vec<String>,
    pub(super) granted: Vec<String>,
    /// Said instead of a list.
    pub(super) granted_word: Option<&'static str>,
    /// What does not fit.
    pub(super) remark: Option<&'static str>,
    pub(super) is_bad: bool,
}

/// What a plugin asks for, against what it is granted.
pub(super) fn grants(plugin: &Plugin, grants: &PluginGrants, w: PluginWords) -> Vec<Grant> {
    let names: Vec<_> = plugin.imports.iter().map(|import| without_version(import)).collect();
    let of = |wanted: &[&str]| {
        let found = names.iter().filter(|name| wanted.iter().any(|wanted| name.starts_with(wanted)));
        found.map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    let grant = |name, asks: Vec<String>, granted: &[String], must_be_granted: bool| {
        let is_bad = must_be_granted && !asks.is_empty() && granted.is_empty();
        let is_surplus = asks.is_empty() && !granted.is_empty();
        Grant {
            name,
            remark: if is_bad { Some(w.not_granted()) } else { is_surplus.then(|| w.not_asked()) },
            granted_word: granted.is_empty().then(|| w.nothing()),
            granted: granted.to_vec(),
            asks,
            is_bad,
        }
    };
    let handled = |name, granted: &Option<Vec<String>>| Grant {
        name,
        asks: plugin.handles.iter().map(|handler| without_version(handler).to_owned()).collect(),
        granted: granted.clone().unwrap_or_default(),
        granted_word: granted.is_none().then(|| w.all_handled()),
        remark: None,
        is_bad: false,
    };
    // A plugin that queues effects need not use each kind of them.
    let is_http = !of(&[HTTP]).is_empty();
    let mut all = vec![
        handled(w.grant_events(), &grants.events),
        grant(w.grant_http(), of(&[HTTP, OUTBOX]), &grants.http, is_http),
        grant(w.grant_email(), of(&[OUTBOX]), &grants.email, false),
        grant(w.grant_emit(), of(&[OUTBOX]), &grants.emit, false),
        grant(w.grant_config(), of(&[CONFIG]), &grants.config, false),
        grant(w.grant_secrets(), of(&[CONFIG]), &grants.secrets, false),
    ];
    all.push(Grant { remark: None, ..grant(w.grant_redact(), Vec::new(), &grants.redact, false) });
    all.retain(|grant| !grant.asks.is_empty() || !grant.granted.is_empty());
    all
}

/// What a plugin imports that needs no grant.
pub(super) fn free(plugin: &Plugin) -> Vec<String> {
    let names = plugin.imports.iter().map(|import| without_version(import));
    let free =
        names.filter(|name| is_capability(name) && !GRANTED.iter().any(|granted| name.starts_with(granted)));
    free.map(str::to_owned).collect()
}

/// Origins that the file of a revision names and that are not granted. Texts in a file are a hint only.
pub(super) fn missing_origins(revision: Option<&KeptRevision>, grants: &PluginGrants) -> Vec<String> {
    let origins = revision.map_or(&[][..], |revision| &revision.origins);
    origins.iter().filter(|origin| !grants.http.contains(origin)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: PluginWords = PluginWords(Language::English);

    fn limits() -> PluginLimits {
        PluginLimits {
            call_timeout_ms: 2000,
            memory_max_bytes: 1000,
            host_memory_max_bytes: 1,
            concurrency: 1,
            attempts_max: 8,
            age_max_ms: 1,
        }
    }

    #[test]
    fn a_meter_tells_the_share_of_the_limit_and_warns_when_it_is_near() {
        let used = |time, memory| RecentUse {
            attempts: 1,
            duration_us_p99: Some(time / 2),
            duration_us_max: Some(time),
            memory_bytes_max: Some(memory),
            ..RecentUse::default()
        };
        let [time, memory] = meters(&limits(), &used(1_600_000, 5000), Language::English, W);
        assert_eq!((time.share_p99, time.share_most, time.tone), (40, 80, "waiting"));
        assert_eq!((memory.share_p99, memory.share_most, memory.tone), (0, 100, "dead"));
        assert_eq!(time.p99.as_deref(), Some("99 of 100 within 800 ms"));
        let [time, _] = meters(&limits(), &RecentUse::default(), Language::English, W);
        assert_eq!(
            (time.p99, time.share_most, time.tone, time.limit.as_str()),
            (None, 0, "done", "limit 2 s")
        );
    }

    #[test]
    fn what_is_asked_for_and_not_granted_is_named() {
        let plugin: Plugin = serde_json::from_value(serde_json::json!({
            "name": "sms", "state": "running", "revision": null, "size_bytes": 0, "since": 0, "handles": ["*"],
            "imports": ["wasi:http/outgoing-handler@0.2.12", "wasi:clocks/wall-clock@0.2.12", "hookyard:plugin/types@0.1.0"],
            "refusal": null, "paused_at": null, "breaker_until": null, "origin": null, "pinned": false,
            "waiting": null, "version": 0,
        }))
        .unwrap();
        let granted = PluginGrants {
            events: None,
            http: Vec::new(),
            email: vec!["*".into()],
            emit: Vec::new(),
            config: Vec::new(),
            secrets: Vec::new(),
            redact: Vec::new(),
        };
        let found = grants(&plugin, &granted, W);
        let found: Vec<_> = found.iter().map(|of| (of.name, of.asks.len(), of.remark)).collect();
        assert_eq!(
            found,
            [
                ("Events", 1, None),
                ("HTTP requests", 1, Some("asked for, not granted")),
                ("Emails", 0, Some("granted, not asked for")),
            ]
        );
        assert_eq!(free(&plugin), ["wasi:clocks/wall-clock"]);
    }
}
