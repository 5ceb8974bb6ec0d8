//! Random payloads for handlers of random types. Each is decoded or rejected, within its limits of time and
//! memory.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::types::Types;
use super::{Run, check_size, resident_bytes};
use crate::support::{Event, HostDir};

/// Payloads of one type, sent at once.
const PAYLOADS: usize = 48;
/// Longest time of one attempt on a busy machine: decoding is a matter of milliseconds.
const ATTEMPT_MAX_MS: u64 = 20_000;

#[tokio::test]
async fn random_payloads_are_decoded_or_rejected() {
    let mut run = Run::begin();
    let dir = HostDir::new(
        "package = \"fuzz:events\"\nordering_key = \"/none\"\n[plugins]\ndebounce_ms = 5\n\
         [plugin.random]\ncall_timeout_ms = 60_000\nattempts_max = 1\nbreaker_failures_percent = 0\n",
    );
    let host = dir.start().await;
    let before = resident_bytes(&host);
    let (mut types, mut payloads) = (0, 0);
    let mut ends = BTreeMap::<String, u32>::new();
    while run.goes_on() {
        let ty = Types::default().record(&mut run);
        let handler = ty.handler();
        dir.install("random", &handler);
        host.wait_revision("random", &handler).await;
        types += 1;
        let mut sends = JoinSet::new();
        for _ in 0..PAYLOADS {
            let mut payload = String::new();
            ty.json(&mut run, &mut payload);
            let id = format!("evt_{payloads}");
            payloads += 1;
            let body = format!(
                "{{\"id\":\"{id}\",\"type\":\"kind\",\"created\":\"2026-01-21T14:30:00Z\",\"data\":{{\"object\":{payload}}}}}"
            );
            let (event, sender) = (Event { id: id.clone(), body }, host.sender());
            sends.spawn(async move { (id, sender.try_send(&event).await) });
        }
        while let Some(sent) = sends.join_next().await {
            let (id, answer) = sent.unwrap();
            let answer = answer.unwrap_or_else(|error| panic!("{id}: {error:?}, seed {}", run.seed));
            if answer.code != 202 {
                assert_eq!(answer.code, 400, "{id}: {answer:?}, seed {}", run.seed);
                *ends.entry("no JSON".into()).or_default() += 1;
                continue;
            }
            let event = host.wait_finished(&id).await;
            let attempt = &event["deliveries"][0]["attempts"][0];
            let took = attempt["duration_us"].as_u64().unwrap() / 1000;
            assert!(took <= ATTEMPT_MAX_MS, "{id} took {took} ms, seed {}", run.seed);
            let end = attempt["cause"].as_str().or(attempt["outcome"].as_str()).unwrap();
            assert!(matches!(end, "done" | "payload"), "{id}: {attempt}, seed {}", run.seed);
            *ends.entry(end.to_owned()).or_default() += 1;
        }
        check_size(&host, before, &run);
    }
    assert_eq!(host.admin_get("/readyz", None).await.status(), 200);
    println!(
        "{types} types, {payloads} payloads: {ends:?}; {} bytes more in memory",
        resident_bytes(&host).saturating_sub(before)
    );
}
