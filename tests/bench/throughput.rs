//! Events per second over the whole path, and the time from request to done at half of that rate.

use std::fs;

use crate::child::{HostProcess, guest};
use crate::figures::{Spread, percentile, print};
use crate::load;
use crate::native::End;

const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 5;
/// A group commit lives of company: each connection has one event under way at a time.
const CONNECTIONS: usize = 128;

/// The figures of one round.
struct Round {
    per_second: f64,
    memory_mib: f64,
    database_bytes_per_event: f64,
}

/// The plugin against native code, in turn.
pub fn run() {
    for random in [false, true] {
        let (mut with_plugin, mut floor, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut reused, mut reused_ratios) = (Vec::new(), Vec::new());
        let (mut memory, mut bytes) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (plugin, native) = (round("plugin", random), round("native", random));
            let kept = round("reused", random);
            ratios.push(plugin.per_second / native.per_second);
            reused.push(kept.per_second);
            reused_ratios.push(kept.per_second / native.per_second);
            with_plugin.push(plugin.per_second);
            floor.push(native.per_second);
            memory.push(plugin.memory_mib);
            bytes.push(plugin.database_bytes_per_event);
        }
        let ids = if random { "random ids" } else { "ids in the order of time" };
        print(
            &format!("throughput: events/s until all are done, plugin `stats` against native code, {ids}"),
            &[
                format!("ratio        {}   target: at least 0.8", Spread::of(ratios)),
                format!("with plugin  {} events/s", Spread::of(with_plugin)),
                format!("reused       {} events/s, ratio {}", Spread::of(reused), Spread::of(reused_ratios)),
                format!("floor        {} events/s   target: at least 15,000", Spread::of(floor)),
                format!("host memory  {} MiB resident", Spread::of(memory)),
                format!("database     {} bytes per event", Spread::of(bytes)),
            ],
        );
    }
}

fn round(runner: &str, random: bool) -> Round {
    let stats = guest("stats");
    let plugins: &[(&str, &[u8])] = if runner == "native" { &[] } else { &[("stats", &stats)] };
    let host = HostProcess::start(runner, plugins);
    let per_second = load::events_per_second(&host, (WARM_UP, EVENTS), CONNECTIONS, random);
    let memory_mib = host.resident_mib();
    let dir = host.stop();
    let size = fs::metadata(dir.path().join("hookyard-data/hookyard.db")).unwrap().len();
    Round { per_second, memory_mib, database_bytes_per_event: size as f64 / (WARM_UP + EVENTS) as f64 }
}

/// From the time a request was due to be sent until its attempt ended, at half of the highest rate.
pub fn latency() {
    let highest = Spread::of((0..3).map(|_| round("plugin", false).per_second).collect()).median;
    let rate = highest / 2.0;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let host = HostProcess::start("stamped", &[]);
        load::closed(&host.webhooks, load::requests(1 << 32, WARM_UP, false), CONNECTIONS);
        let began = load::open(&host.webhooks, load::requests(0, EVENTS / 2, false), CONNECTIONS, rate);
        host.wait_done(WARM_UP + EVENTS / 2);
        let dir = host.stop();
        let ends: Vec<End> =
            serde_json::from_slice(&fs::read(dir.path().join("ends.json")).unwrap()).unwrap();
        let due = |n: u64| began as f64 + n as f64 / rate * 1e6;
        let mut took: Vec<f64> = ends
            .iter()
            .filter(|end| end.number < EVENTS)
            .map(|end| (end.at_us as f64 - due(end.number)) / 1000.0)
            .collect();
        took.sort_by(f64::total_cmp);
        p50.push(percentile(&took, 0.5));
        p99.push(percentile(&took, 0.99));
    }
    print(
        &format!("latency: from due to be sent until handled, at {rate:.0} events/s (half of {highest:.0})"),
        &[format!("p50  {} ms", Spread::of(p50)), format!("p99  {} ms", Spread::of(p99))],
    );
}
