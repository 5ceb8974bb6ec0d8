//! Events per second of this build and of another commit's, in turn.

use std::env;
use std::path::PathBuf;

use crate::child::HostProcess;
use crate::figures::{Spread, print};
use crate::load;

const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 7;
const CONNECTIONS: usize = 128;

/// The environment variable with the path of the other benchmark program (`target/release/deps/bench-…`).
const OTHER: &str = "HOOKYARD_BENCH_OTHER";

/// Native code as the handler, so that what is compared is the way of an event through the host.
pub fn run() {
    let Some(other) = env::var_os(OTHER).map(PathBuf::from) else {
        println!("builds: {OTHER} names no other benchmark program\n");
        return;
    };
    let this = env::current_exe().unwrap();
    let (mut own, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let [before, now] = [&other, &this].map(|program| {
            let host = HostProcess::of(program, "native");
            let per_second = load::events_per_second(&host, (WARM_UP, EVENTS), CONNECTIONS, true);
            host.kill();
            per_second
        });
        ratios.push(now / before);
        others.push(before);
        own.push(now);
    }
    print(
        "builds: events/s of Moncreneau's until all are done, native code as the handler, this build against another",
        &[
            format!("ratio       {}   target: at least 0.98", Spread::of(ratios)),
            format!("this build  {} events/s", Spread::of(own)),
            format!("the other   {} events/s", Spread::of(others)),
        ],
    );
}
