//! The format and the values of `/metrics`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::{Event, HostDir, RunningHost, guest, wait_until};

/// Every metric that is described, and its kind.
const METRICS: [(&str, &str); 28] = [
    ("hookyard_build_info", "gauge"),
    ("hookyard_memory_bounds", "gauge"),
    ("hookyard_requests_total", "counter"),
    ("hookyard_unauthorized_total", "counter"),
    ("hookyard_attempts_total", "counter"),
    ("hookyard_attempt_seconds", "histogram"),
    ("hookyard_verify_seconds", "histogram"),
    ("hookyard_commit_seconds", "histogram"),
    ("hookyard_wait_seconds", "histogram"),
    ("hookyard_instantiate_seconds", "histogram"),
    ("hookyard_call_seconds", "histogram"),
    ("hookyard_finish_seconds", "histogram"),
    ("hookyard_accept_to_done_seconds", "histogram"),
    ("hookyard_backlog", "gauge"),
    ("hookyard_log_lines_dropped_total", "counter"),
    ("hookyard_pruned_events_total", "counter"),
    ("hookyard_pruned_keys_total", "counter"),
    ("hookyard_database_bytes", "gauge"),
    ("hookyard_search_index_lag_events", "gauge"),
    ("hookyard_search_index_lag_seconds", "gauge"),
    ("hookyard_switches_off", "gauge"),
    ("hookyard_dead_letters", "gauge"),
    ("hookyard_oldest_dead_letter_seconds", "gauge"),
    ("hookyard_swaps_total", "counter"),
    ("hookyard_refusals_total", "counter"),
    ("hookyard_plugins", "gauge"),
    ("hookyard_plugin_paused", "gauge"),
    ("hookyard_plugin_load_seconds", "histogram"),
];

/// A scrape: kinds by family, and values by name and labels.
#[derive(Debug, Default)]
struct Scrape {
    kinds: BTreeMap<String, String>,
    helps: BTreeMap<String, String>,
    values: BTreeMap<String, f64>,
}

impl Scrape {
    async fn of(host: &RunningHost<'_>) -> Self {
        let response = host.admin_get("/metrics", None).await;
        assert!(
            response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4")
        );
        let mut scrape = Self::default();
        for line in response.text().await.unwrap().lines().filter(|line| !line.is_empty()) {
            scrape.line(line);
        }
        scrape
    }

    /// Reads a line as Prometheus does, which drops the whole page for one that is wrong.
    fn line(&mut self, line: &str) {
        let (name, rest) = match line.strip_prefix("# ") {
            Some(comment) => {
                let mut words = comment.splitn(3, ' ');
                let (kind, name, text) = (words.next(), words.next().unwrap(), words.next().unwrap());
                let twice = match kind {
                    Some("HELP") => self.helps.insert(name.into(), text.into()),
                    Some("TYPE") => self.kinds.insert(name.into(), text.into()),
                    _ => panic!("{line}"),
                };
                return assert_eq!(twice, None, "{line}");
            }
            None => line.split_at(line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"))),
        };
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{line}");
        let (labels, value) = rest.rsplit_once(' ').unwrap();
        assert!(labels.is_empty() || labels.starts_with('{') && labels.ends_with("\"}"), "{line}");
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let known =
            self.kinds.contains_key(name) || self.kinds.get(family).is_some_and(|kind| kind == "histogram");
        assert!(known, "its type comes first: {line}");
        let twice = self.values.insert(format!("{name}{labels}"), value.parse().unwrap());
        assert_eq!(twice, None, "{line}");
    }

    fn value(&self, sample: &str) -> f64 {
        *self.values.get(sample).unwrap_or_else(|| panic!("{sample} is not among {:#?}", self.values))
    }

    /// The samples of a metric family.
    fn of_family(&self, name: &str) -> impl Iterator<Item = (&String, &f64)> {
        self.values.iter().filter(move |(sample, _)| {
            sample.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['{', '_']))
        })
    }
}

/// A host with one of everything that is counted.
async fn busy(dir: &HostDir) -> RunningHost<'_> {
    dir.install("actor", &guest("actor"));
    dir.install("bad", b"not wasm");
    let host = dir.start().await;
    for (id, act) in [("a", "well"), ("b", "reject"), ("c", "retry-until 2"), ("d", "trap")] {
        host.send(&Event::with_payload("shop.opened", id, &json!({ "act": act }))).await;
        host.wait_finished(id).await;
    }
    host.send(&Event::with_payload("shop.opened", "a", &json!({ "act": "well" }))).await;
    host.send(&Event::with_payload("shop.opened", "a", &json!({ "act": "other" }))).await;
    host.send(&Event::with_payload("shop.opened", "e", &json!({ "act": "retry-after 3600000" }))).await;
    host.wait_event("e", "it waits", |event| event["state"] == "waiting").await;
    host.post("moncreneau", "{}", &[]).await;
    host
}

const CONFIG: &str = "[plugin.actor]\nattempts_max = 2\nbackoff_base_ms = 1\ninstances = \"reused\"\nbackoff_max_ms = 3600000\n";

#[tokio::test]
async fn exactly_the_described_metrics_are_recorded() {
    let dir = HostDir::new(CONFIG);
    let host = busy(&dir).await;
    let scrape = Scrape::of(&host).await;
    for (name, kind) in METRICS {
        assert_eq!(scrape.kinds.get(name).map(String::as_str), Some(kind), "{name}: {:#?}", scrape.kinds);
        assert!(scrape.helps.get(name).is_some_and(|help| help.len() > 8), "{name} is described");
        assert!(scrape.of_family(name).count() > 0, "{name} is recorded");
    }
    for name in scrape.kinds.keys().filter(|name| name.starts_with("hookyard_")) {
        assert!(METRICS.iter().any(|(known, _)| known == name), "{name} is known here");
    }
}

#[tokio::test]
async fn metrics_count_events_attempts_and_effects() {
    let dir = HostDir::new(CONFIG);
    let host = busy(&dir).await;
    let scrape = wait_until("the last attempt is counted", async || {
        let scrape = Scrape::of(&host).await;
        let attempts: f64 = scrape.of_family("hookyard_attempts_total").map(|(_, value)| value).sum();
        (attempts >= 7.0).then_some(scrape)
    })
    .await;
    for (sample, expected) in [
        ("hookyard_requests_total{source=\"moncreneau\",status=\"accepted\"}", 5.0),
        ("hookyard_requests_total{source=\"moncreneau\",status=\"duplicate\"}", 1.0),
        ("hookyard_requests_total{source=\"moncreneau\",status=\"conflict\"}", 1.0),
        ("hookyard_requests_total{source=\"moncreneau\",status=\"unauthorized\"}", 1.0),
        ("hookyard_requests_total{source=\"moncreneau\",status=\"overloaded\"}", 0.0),
        ("hookyard_unauthorized_total{source=\"moncreneau\",reason=\"missing\"}", 1.0),
        ("hookyard_unauthorized_total{source=\"moncreneau\",reason=\"mismatch\"}", 0.0),
        ("hookyard_attempts_total{plugin=\"actor\",outcome=\"done\"}", 2.0),
        ("hookyard_attempts_total{plugin=\"actor\",outcome=\"rejected\"}", 1.0),
        ("hookyard_attempts_total{plugin=\"actor\",outcome=\"retry\"}", 4.0),
        ("hookyard_attempt_seconds_count{plugin=\"actor\"}", 7.0),
        ("hookyard_backlog", 1.0),
        ("hookyard_dead_letters{what=\"delivery\"}", 2.0),
        ("hookyard_dead_letters{what=\"effect\"}", 0.0),
        ("hookyard_pruned_events_total{why=\"age\"}", 0.0),
        ("hookyard_pruned_events_total{why=\"size\"}", 0.0),
        ("hookyard_plugins{state=\"running\"}", 1.0),
        ("hookyard_plugins{state=\"refused\"}", 1.0),
        ("hookyard_plugin_paused{plugin=\"actor\"}", 0.0),
        ("hookyard_swaps_total{plugin=\"actor\"}", 1.0),
        ("hookyard_refusals_total{plugin=\"bad\"}", 1.0),
        ("hookyard_plugin_load_seconds_count{from=\"compile\"}", 1.0),
    ] {
        assert!((scrape.value(sample) - expected).abs() < 0.5, "{sample}: {:#?}", scrape.values);
    }
}

#[tokio::test]
async fn histogram_buckets_are_cumulative() {
    let dir = HostDir::new(CONFIG);
    let host = busy(&dir).await;
    let scrape = Scrape::of(&host).await;
    let labels = "plugin=\"actor\"";
    let mut buckets: Vec<(f64, f64)> = scrape
        .of_family("hookyard_attempt_seconds_bucket")
        .map(|(sample, value)| {
            let bound = sample.split("le=\"").nth(1).unwrap().split('"').next().unwrap();
            (bound.parse().unwrap(), *value)
        })
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(buckets.len() > 5 && buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{buckets:?}");
    let (bound, all) = buckets.last().unwrap();
    let count = scrape.value(&format!("hookyard_attempt_seconds_count{{{labels}}}"));
    assert!(bound.is_infinite() && (all - count).abs() < 0.5, "{buckets:?}");
    assert!(scrape.value(&format!("hookyard_attempt_seconds_sum{{{labels}}}")) > 0.0);
}
