//! Random guests. Each is refused, or all its attempts end in time.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::components::{Generator, mutated};
use super::{Run, check_size, resident_bytes};
use crate::support::{CoreGuest, Event, HostDir, RunningHost, World, example};

/// Guests that are loaded at once.
const GUESTS: usize = 12;
/// Events that each of them gets.
const EVENTS: usize = 4;
/// The longest time of one call, and the host's additional time on a busy machine.
const CALL_TIMEOUT_MS: u64 = 50;
const SLACK_MS: u64 = 20_000;

const WORLD: &str = "export fuzz:events/random@1.0.0;";
const PACKAGE: &str = "package fuzz:events@1.0.0 {
    interface random {
        use hookyard:plugin/types@0.1.0.{context, failure};
        record payload { text: string, number: s64, numbers: list<u32>, maybe: option<f64> }
        handle: func(ctx: context, payload: payload) -> result<_, failure>;
    }
}";

fn host_dir() -> HostDir {
    let sections: Vec<String> = (0..GUESTS)
        .map(|n| {
            format!(
                "[plugin.guest-{n}]\nattempts_max = 1\ncall_timeout_ms = {CALL_TIMEOUT_MS}\n\
                 memory_max_bytes = 16777216\nhttp = [\"http://127.0.0.1:9\"]\nemail = [\"*\"]\n"
            )
        })
        .collect();
    HostDir::new(&format!(
        "package = \"fuzz:events\"\n[plugins]\ndebounce_ms = 5\nremoval_grace_ms = 10\n\
         [effects]\nattempts_max = 1\ndepth_max = 1\n{}",
        sections.concat()
    ))
}

/// Loads these files as plugins; which are running then, the others are refused.
async fn load(host: &RunningHost<'_>, files: &[Vec<u8>]) -> usize {
    for (n, bytes) in files.iter().enumerate() {
        host.dir().install(&format!("guest-{n}"), bytes);
    }
    let mut running = 0;
    for (n, bytes) in files.iter().enumerate() {
        let digest = hookyard::event::Digest::of(bytes);
        let (revision, short) = (digest.to_string(), digest.short());
        let loaded = |plugin: &Value| {
            plugin["refusal"].as_str().is_some_and(|text| text.contains(&short))
                || plugin["revision"] == revision.as_str()
        };
        let plugin = host.wait_plugin(&format!("guest-{n}"), "it is loaded or refused", loaded).await;
        running += usize::from(plugin["refusal"].is_null());
    }
    running
}

#[tokio::test]
async fn random_guests_affect_only_themselves() {
    let mut run = Run::begin();
    let (world, mut generator) = (World::new(WORLD, PACKAGE), Generator::start());
    let (dir, whole) = (host_dir(), [example("event-log"), CoreGuest::default().module()]);
    let host = dir.start().await;
    let before = resident_bytes(&host);
    let (mut guests, mut events) = (0, 0);
    let mut ends = BTreeMap::<String, u32>::new();
    while run.goes_on() {
        let files: Vec<Vec<u8>> = (0..GUESTS)
            .map(|n| if n < 2 { mutated(&mut run, &whole[n]) } else { generator.guest(&mut run, &world) })
            .collect();
        guests += files.len();
        let running = load(&host, &files).await;
        *ends.entry("refused".into()).or_default() += u32::try_from(files.len() - running).unwrap();
        for _ in 0..EVENTS {
            let id = format!("evt_{events}");
            events += 1;
            let text: String = (0..run.bytes(40)[0]).map(|_| '\u{fd}').collect();
            let payload = json!({ "text": text, "number": events, "numbers": run.bytes(16), "maybe": 0.5 });
            let answer = host.send(&Event::with_payload("random", &id, &payload)).await;
            assert_eq!(answer.status(), "accepted", "{answer:?}");
            let event = host.wait_finished(&id).await;
            for delivery in event["deliveries"].as_array().unwrap() {
                let attempt = &delivery["attempts"][0];
                let took = attempt["duration_us"].as_u64().unwrap_or_default() / 1000;
                assert!(
                    took <= CALL_TIMEOUT_MS + SLACK_MS,
                    "an attempt took {took} ms: {attempt}, seed {}",
                    run.seed
                );
                let end = attempt["cause"].as_str().or(attempt["outcome"].as_str()).unwrap_or("held");
                *ends.entry(end.to_owned()).or_default() += 1;
            }
        }
        check_size(&host, before, &run);
    }
    assert_eq!(host.admin_get("/readyz", None).await.status(), 200);
    println!(
        "{guests} guests, {events} events: {ends:?}; {} bytes more in memory",
        resident_bytes(&host).saturating_sub(before)
    );
}
