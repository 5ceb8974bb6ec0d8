//! A million events that wait for a paused plugin: the memory of the host, the delay of senders, and the time
//! to finish them.

use std::time::Instant;

use crate::child::{HostProcess, guest};
use crate::figures::{Spread, print};
use crate::load;

const BACKLOG: u64 = 1_000_000;
/// Requests signed at a time.
const CHUNK: u64 = 50_000;
/// Events by which a speed is measured.
const SAMPLE: u64 = 100_000;
const CONNECTIONS: usize = 128;
const CONFIG: &str = "[dispatch]\nbacklog_max = 2000000\n";

/// The speed of ingestion with and without the backlog, and of draining it, on one host.
pub fn run() {
    let host = HostProcess::configured(CONFIG, &[("stats", &guest("stats"))]);
    let all = sample(&host, 0);
    host.wait_done(SAMPLE);
    let benchmark = throughput(&host, SAMPLE);

    host.ask("stats", "pause");
    let before = host.resident_mib();
    let without = sample(&host, 2 * SAMPLE);
    let mut sent = 3 * SAMPLE;
    while sent < 2 * SAMPLE + BACKLOG - SAMPLE {
        load::closed(&host.webhooks, load::requests(sent, CHUNK, true), CONNECTIONS);
        sent += CHUNK;
    }
    let with = sample(&host, sent);
    let grown = host.resident_mib() - before;

    let started = Instant::now();
    host.ask("stats", "resume");
    host.wait_done(sent + SAMPLE);
    let drained = BACKLOG as f64 / started.elapsed().as_secs_f64();
    host.kill();
    print(
        "backlog: a million events wait for a paused plugin, then it goes on",
        &[
            format!("memory     grew by {grown:.0} MiB   target: less than 200"),
            format!("ingestion  {:.2} of its speed without   target: at least 0.8", with / without),
            format!("           {with:.0} events/s, without {without:.0}, plugin running {all:.0}"),
            format!("drain      {:.2} of the benchmark's rate   target: at least 0.8", drained / benchmark),
            format!("           {drained:.0} events/s, benchmark {benchmark:.0}"),
        ],
    );
}

/// Events accepted per second.
fn sample(host: &HostProcess, from: u64) -> f64 {
    let requests = load::requests(from, SAMPLE, true);
    let started = Instant::now();
    load::closed(&host.webhooks, requests, CONNECTIONS);
    SAMPLE as f64 / started.elapsed().as_secs_f64()
}

/// Events sent and done per second.
fn throughput(host: &HostProcess, from: u64) -> f64 {
    let requests = load::requests(from, SAMPLE, true);
    let started = Instant::now();
    load::closed(&host.webhooks, requests, CONNECTIONS);
    host.wait_done(from + SAMPLE);
    SAMPLE as f64 / started.elapsed().as_secs_f64()
}

/// Backlogs that fit into memory, drained: the rate without senders.
pub fn drain() {
    let (mut drained, mut sent_and_done, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let host = HostProcess::configured(CONFIG, &[("stats", &guest("stats"))]);
        let benchmark = throughput(&host, 0);
        host.ask("stats", "pause");
        load::closed(&host.webhooks, load::requests(SAMPLE, SAMPLE, true), CONNECTIONS);
        let started = Instant::now();
        host.ask("stats", "resume");
        host.wait_done(2 * SAMPLE);
        let rate = SAMPLE as f64 / started.elapsed().as_secs_f64();
        host.kill();
        ratios.push(rate / benchmark);
        drained.push(rate);
        sent_and_done.push(benchmark);
    }
    print(
        "drain: events/s of what waited for a paused plugin, against events/s sent and done",
        &[
            format!("ratio          {}", Spread::of(ratios)),
            format!("drained        {} events/s", Spread::of(drained)),
            format!("sent and done  {} events/s", Spread::of(sent_and_done)),
        ],
    );
}
