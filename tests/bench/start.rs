//! Start with many plugins whose compiled code is in the cache.

use std::fs;
use std::time::{Duration, Instant};

use crate::child::{directory, distinct, guest, listening, spawn};
use crate::figures::{Spread, print};
use crate::http;

const PLUGINS: usize = 500;
const ROUNDS: usize = 5;

/// From the start of the process until the host accepts events, and until its plugins are loaded.
pub fn run() {
    let stats = guest("stats");
    let (many, one) = (directory(&[]), directory(&[("p0", &stats)]));
    for number in 0..PLUGINS {
        fs::write(many.path().join(format!("plugins/p{number}.wasm")), distinct(&stats, number)).unwrap();
    }
    let first = Start::of(many.path());
    Start::of(one.path());
    let (mut accepts, mut loaded, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (all, alone) = (Start::of(many.path()), Start::of(one.path()));
        accepts.push(all.accepts);
        loaded.push(all.loaded);
        ratios.push(all.loaded / alone.loaded);
    }
    print(
        &format!("start: with {PLUGINS} plugins in the cache"),
        &[
            format!("until it accepts events  {} s", Spread::of(accepts)),
            format!("until all are loaded     {} s   target: under 2", Spread::of(loaded)),
            format!("to that with one         {}", Spread::of(ratios)),
            format!("with an empty cache      {:.1} s, and {:.1} s", first.accepts, first.loaded),
        ],
    );
}

/// Seconds since the process was started.
struct Start {
    accepts: f64,
    loaded: f64,
}

impl Start {
    fn of(dir: &std::path::Path) -> Self {
        let _ = fs::remove_file(dir.join("hookyard-data/listening.json"));
        let began = Instant::now();
        let mut process = spawn("plugin", dir);
        let (_, admin) = listening(dir);
        let accepts = began.elapsed().as_secs_f64();
        while !http::json(&admin, "/readyz", "")["loading"].is_null() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let loaded = began.elapsed().as_secs_f64();
        drop(process.stdin.take());
        assert!(process.wait().unwrap().success());
        Self { accepts, loaded }
    }
}
