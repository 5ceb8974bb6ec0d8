//! Start with many plugins whose compiled code is in the cache.

use std::fs;
use std::time::Instant;

use crate::child::{directory, distinct, guest, listening, spawn};
use crate::figures::{Spread, print};

const PLUGINS: usize = 500;
const ROUNDS: usize = 5;

/// From the start of the process until it listens.
pub fn run() {
    let stats = guest("stats");
    let (many, one) = (directory(&[]), directory(&[("p0", &stats)]));
    for number in 0..PLUGINS {
        fs::write(many.path().join(format!("plugins/p{number}.wasm")), distinct(&stats, number)).unwrap();
    }
    let first = started(many.path());
    started(one.path());
    let (mut with_many, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (all, alone) = (started(many.path()), started(one.path()));
        with_many.push(all);
        ratios.push(all / alone);
    }
    print(
        &format!("start: until it listens, with {PLUGINS} plugins in the cache"),
        &[
            format!("time                {} s   target: under 2", Spread::of(with_many)),
            format!("to that with one    {}", Spread::of(ratios)),
            format!("with an empty cache {first:.1} s"),
        ],
    );
}

fn started(dir: &std::path::Path) -> f64 {
    let _ = fs::remove_file(dir.join("hookyard-data/listening.json"));
    let began = Instant::now();
    let mut process = spawn("plugin", dir);
    listening(dir);
    let took = began.elapsed().as_secs_f64();
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
    took
}
