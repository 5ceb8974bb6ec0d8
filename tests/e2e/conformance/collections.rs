//! Go's garbage collector between events: with the usual bindings a collection that began while the host handed over a
//! value was a trap (wasmtime issue 14318).

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::config::Config;
use hookyard::delivery::{Delivery, DeliveryId, ReadySince};
use hookyard::event::{Digest, Event, PluginName};
use hookyard::outbound::Outbound;
use hookyard::plugins::settings;
use hookyard::runtime::{Call, CompileOptions, EmptyStores, PluginSettings, Revision, Runtime};
use serde_json::{Value, json};

use super::{compiled, plugin};
use crate::support::guest;

/// Events in each mode. `HOOKYARD_GO_EVENTS=100000` runs for minutes.
const EVENTS: usize = 300;
/// Most linear memory of an instance, however many events it served. Go begins with 4 MiB and collects at 4 MiB of
/// garbage; the largest event takes 2 MiB.
const MEMORY_MAX_BYTES: u64 = 32 * 1024 * 1024;

fn delivery(name: &PluginName, payload: &Value) -> Delivery {
    let payload = payload.to_string();
    let event = Event {
        metadata: None,
        source: PluginName::new("moncreneau").unwrap(),
        id: "evt_1".into(),
        event_type: "conformance.order".into(),
        created: "2026-01-21T14:30:00Z".into(),
        received_at: 1,
        payload: 0..payload.len(),
        ordering_key: None,
        digest: Digest::of(payload.as_bytes()),
        body: payload.into(),
        origin: None,
        trace: None,
    };
    let id = DeliveryId { event: 1, number: 1 };
    let (event, plugin) = (Arc::new(event), name.clone());
    let ready = ReadySince::Due(0);
    Delivery { id, event, plugin, attempts: 0, failures: 0, since: 0, order: None, revision: None, ready }
}

/// Runs events of several sizes, and returns the collections that the last instance had.
async fn run(revision: &Revision, name: &PluginName, settings: &PluginSettings, mode: &str) -> u64 {
    let events = std::env::var("HOOKYARD_GO_EVENTS").map_or(EVENTS, |count| count.parse().unwrap());
    let orders = [
        json!({ "do": "store" }),
        json!({ "do": "large", "text": "a letter ".repeat(2_000) }),
        json!({ "do": "config" }),
        json!({ "do": "large", "text": "a long letter ".repeat(60_000) }),
        json!({ "do": "collections" }),
    ];
    let deliveries = orders.map(|order| delivery(name, &order));
    let (mut peak_bytes, mut collections, started) = (0, 0, Instant::now());
    for at in 0..events {
        let delivery = &deliveries[at % deliveries.len()];
        let report = revision.attempt(Call { delivery, package: None, settings, trace: None }).await;
        assert!(report.attempt.failure.is_none(), "event {at}, {mode}: {:?}", report.attempt);
        peak_bytes = report.attempt.peak_memory_bytes.max(peak_bytes);
        assert!(peak_bytes <= MEMORY_MAX_BYTES, "event {at}, {mode}: {peak_bytes} bytes");
        if let [line] = &report.attempt.logs[..] {
            collections = line.trim_start_matches("INFO ").parse().unwrap();
        }
    }
    println!(
        "{mode}: {events} events in {:.1} s, at most {} KiB of memory, {collections} collections in the last instance",
        started.elapsed().as_secs_f64(),
        peak_bytes / 1024
    );
    collections
}

#[tokio::test]
async fn a_collection_is_no_trap_and_memory_is_bounded_in_fresh_and_reused_instances() {
    let (config, name) = (Config::default(), PluginName::new(&plugin("go")).unwrap());
    let outbound = Outbound::new(&config.http, &config.email).unwrap();
    let compilation = CompileOptions { cache_home: Some(compiled().await), ..CompileOptions::default() };
    let runtime = Runtime::new(&config.runtime, compilation, Arc::new(EmptyStores), outbound).unwrap();
    let fresh = PluginSettings { call_timeout: Duration::from_mins(1), ..settings(&config, &name) };
    let reused = PluginSettings { reuse_max: Some(u32::MAX), ..fresh.clone() };
    let revision = runtime.load(&name, guest(name.as_str()), &fresh).await.unwrap().revision;
    run(&revision, &name, &fresh, "fresh").await;
    let collections = run(&revision, &name, &reused, "reused").await;
    assert!(collections > 10, "{collections}");
}
