//! The cost of a language: the same handler of the conformance suite in each, relative to Rust.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use hookyard::config::Config;
use hookyard::delivery::{Delivery, DeliveryId, ReadySince};
use hookyard::event::{Digest, Event, PluginName};
use hookyard::outbound::Outbound;
use hookyard::plugins::settings;
use hookyard::runtime::{
    AttemptReport, Call, CompileOptions, EmptyStores, PluginSettings, Revision, Runtime,
};

use crate::child::{HostProcess, distinct, guest};
use crate::figures::{Spread, print};
use crate::load;

const ROUNDS: usize = 5;
const LANGUAGES: [&str; 5] = ["rust", "c", "go", "typescript", "python"];
const PAYLOAD: &str = include_str!("../../wit/moncreneau-events-1.0.0/samples/appointment.created.json");

/// Events of one round over the whole path, and those before it that make the instances.
const EVENTS: u64 = 20_000;
const WARM_UP: u64 = 2_000;
const CONNECTIONS: usize = 128;

/// One language's figures.
struct Figures {
    kib: f64,
    compile_ms: f64,
    cached_ms: f64,
    fresh_us: Spread,
    reused_us: Spread,
}

/// All languages, each round through all of them.
pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let all = runtime.block_on(measure());
    let rust = &all[0];
    let lines: Vec<String> = LANGUAGES
        .iter()
        .zip(&all)
        .map(|(language, figures)| {
            let Figures { kib, compile_ms, cached_ms, fresh_us, reused_us } = figures;
            format!(
                "{language:<10}  {kib:>6.0} KiB  compile {compile_ms:>5.0} ms  cached {cached_ms:>5.2} ms  \
                 fresh {:>5.0} µs ({:.1}x)  call {:>5.1} µs ({:.1}x)  instance {:>5.0} µs",
                fresh_us.median,
                fresh_us.median / rust.fresh_us.median,
                reused_us.median,
                reused_us.median / rust.reused_us.median,
                fresh_us.median - reused_us.median,
            )
        })
        .collect();
    print(
        "languages: size; compiling; loading from the cache; an attempt in a fresh instance; one in a reused \
         instance; the difference, which is instantiating and dropping it",
        &lines,
    );
}

/// Events over the whole path, handled in reused instances.
pub fn run_events() {
    let measured = LANGUAGES.map(|language| (language, Vec::new()));
    let mut measured = measured.to_vec();
    for _ in 0..3 {
        for (language, rates) in &mut measured {
            rates.push(events_per_second(language));
        }
    }
    let line =
        |(language, rates): (&str, Vec<f64>)| format!("{language:<10}  {} events/s", Spread::of(rates));
    let lines: Vec<String> = measured.into_iter().map(line).collect();
    print("languages: events/s until all are done, `instances = \"reused\"`, target 10,000", &lines);
}

fn events_per_second(language: &str) -> f64 {
    let name = format!("conformance-{language}");
    let config = format!("[plugin.{name}]\ninstances = \"reused\"\n");
    let host = HostProcess::configured(&config, &[(&name, &guest(&name))]);
    let rate = load::events_per_second(&host, (WARM_UP, EVENTS), CONNECTIONS, false);
    host.stop();
    rate
}

async fn measure() -> Vec<Figures> {
    let config = Config::default();
    let dir = tempfile::tempdir().unwrap();
    let compilation =
        CompileOptions { cache_home: Some(dir.path().join("home")), ..CompileOptions::default() };
    let outbound = Outbound::new(&config.http, &config.email).unwrap();
    let runtime = Runtime::new(&config.runtime, compilation, Arc::new(EmptyStores), outbound).unwrap();
    let mut all = Vec::new();
    for language in LANGUAGES {
        let name = PluginName::new(&format!("conformance-{language}")).unwrap();
        let component = guest(name.as_str());
        let fresh = settings(&config, &name);
        let reused = PluginSettings { reuse_max: Some(1_000_000), ..fresh.clone() };
        let (mut compile, mut cached) = (Vec::new(), Vec::new());
        let mut revision = None;
        for mark in 0..ROUNDS.min(3) {
            for (times, from_cache) in [(&mut compile, false), (&mut cached, true)] {
                let loaded = runtime.load(&name, distinct(&component, mark), &fresh).await;
                let loaded = loaded.unwrap_or_else(|refusal| panic!("{refusal}"));
                assert_eq!(loaded.from_cache, from_cache);
                times.push(loaded.took.as_secs_f64() * 1e3);
                revision = Some(loaded.revision);
            }
        }
        let revision = revision.unwrap();
        let delivery = delivery(&name);
        let (mut fresh_us, mut reused_us) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            fresh_us.push(round(&revision, &delivery, &fresh).await);
            reused_us.push(round(&revision, &delivery, &reused).await);
        }
        all.push(Figures {
            kib: component.len() as f64 / 1024.0,
            compile_ms: Spread::of(compile).median,
            cached_ms: Spread::of(cached).median,
            fresh_us: Spread::of(fresh_us),
            reused_us: Spread::of(reused_us),
        });
    }
    all
}

/// µs an attempt.
async fn round(revision: &Revision, delivery: &Delivery, settings: &PluginSettings) -> f64 {
    let once = async || {
        let call = Call { delivery, package: Some("moncreneau:events"), settings, trace: None };
        let AttemptReport { attempt, work, .. } = revision.attempt(call).await;
        assert!(attempt.failure.is_none(), "{attempt:?}");
        black_box(work);
    };
    once().await;
    // So many that a round takes a while in the slowest language, and not for ever.
    let started = Instant::now();
    let mut calls = 0_u32;
    while started.elapsed().as_millis() < 500 {
        once().await;
        calls += 1;
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn delivery(plugin: &PluginName) -> Delivery {
    let whole: serde_json::Value = serde_json::from_str(PAYLOAD).unwrap();
    let payload = whole["data"]["object"].to_string();
    let event = Event {
        metadata: None,
        source: PluginName::new("moncreneau").unwrap(),
        id: "evt_abc123".into(),
        event_type: "appointment.created".into(),
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
    let (event, plugin) = (Arc::new(event), plugin.clone());
    let ready = ReadySince::Due(0);
    Delivery { id, event, plugin, attempts: 0, failures: 0, since: 0, order: None, revision: None, ready }
}
