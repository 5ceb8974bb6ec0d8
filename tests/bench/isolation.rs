//! The effect of two bad plugins on a good one. One never returns from a call, and one fails every call. All
//! three get every event.

use std::fs;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::child::{HostProcess, distinct, guest};
use crate::figures::{Spread, percentile, print};
use crate::native::End;
use crate::{http, load};

const RATE: f64 = 2000.0;
const EVENTS: u64 = 40_000;
/// Events before the measurement, after which the host knows the bad plugins.
const FIRST: u64 = 10_000;
const WARM_UP: u64 = 5_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;

/// One round: p99 from receipt to done of all events and of those after the first, in milliseconds.
struct Durations {
    all: f64,
    later: f64,
    median: f64,
}

/// The good one alone, then beside the bad ones, in turn.
pub fn run() {
    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut later, mut medians) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (one, three) = (round(false), round(true));
        ratios.push(three.all / one.all);
        later.push(three.later / one.later);
        medians.push(three.median / one.median);
        alone.push(one.all);
        beside.push(three.all);
    }
    print(
        &format!(
            "isolation: p99 from receipt to handled at {RATE} events/s, beside one that hangs and one that fails"
        ),
        &[
            format!("ratio   {}   target: at most 1.5", Spread::of(ratios)),
            format!("        {} once both are known (after {} s)", Spread::of(later), FIRST as f64 / RATE),
            format!("        {} of the medians", Spread::of(medians)),
            format!("alone   {} ms", Spread::of(alone)),
            format!("beside  {} ms", Spread::of(beside)),
        ],
    );
}

fn round(bad: bool) -> Durations {
    let actor = guest("actor");
    let (hang, fail) = (distinct(&actor, 1), distinct(&actor, 2));
    let host = HostProcess::with("stamped", &config(false), &[("hang", &hang), ("fail", &fail)]);
    load::closed(&host.webhooks, load::requests(1 << 32, WARM_UP, false), CONNECTIONS);
    if bad {
        let file = host.dir.path().join("hookyard.toml");
        let text = fs::read_to_string(&file).unwrap().replace(&config(false), &config(true));
        fs::write(file, text).unwrap();
        wait_taken(&host);
    }
    load::open(&host.webhooks, load::requests(0, EVENTS, false), CONNECTIONS, RATE);
    // The bad ones' never are.
    std::thread::sleep(Duration::from_secs(1));
    let dir = host.stop();
    let ends: Vec<End> = serde_json::from_slice(&fs::read(dir.path().join("ends.json")).unwrap()).unwrap();
    let took = |from: u64| {
        let measured = ends.iter().filter(|end| (from..EVENTS).contains(&end.number));
        let mut took: Vec<f64> =
            measured.map(|end| (end.at_us as f64 / 1000.0) - end.received_at as f64).collect();
        assert_eq!(took.len() as u64, EVENTS - from, "all are handled");
        took.sort_by(f64::total_cmp);
        took
    };
    let (all, later) = (took(0), took(FIRST));
    Durations { all: percentile(&all, 0.99), later: percentile(&later, 0.99), median: percentile(&all, 0.5) }
}

fn config(bad: bool) -> String {
    let events = if bad { "[\"*\"]" } else { "[]" };
    format!(
        "[plugin.hang]\nevents = {events}\nconfig = {{ act = \"loop\" }}\n\
         [plugin.fail]\nevents = {events}\nconfig = {{ act = \"retry\" }}\n"
    )
}

/// Waits until an event goes to all three.
fn wait_taken(host: &HostProcess) {
    let mut stream = TcpStream::connect(&host.webhooks).unwrap();
    let began = Instant::now();
    for n in 0.. {
        let answer = http::ask(&mut stream, &http::request(&format!("evt_{:016x}", (1_u64 << 40) + n)));
        if answer.contains("\"deliveries\":3") {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the configuration was not taken");
        std::thread::sleep(Duration::from_millis(10));
    }
}
