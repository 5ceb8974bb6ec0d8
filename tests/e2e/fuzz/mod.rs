//! Random guests and random payloads against the real binary. The host neither ends nor grows, every attempt
//! ends, and every outcome is one of a known set.
//!
//! `HOOKYARD_FUZZ_SECONDS` is the duration of each test, 10 by default. `HOOKYARD_FUZZ_SEED` repeats the
//! cases of a run, which prints its seed. `hostile/README.md` describes long runs.

mod components;
mod guests;
mod payloads;
mod types;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use crate::support::RunningHost;

/// How much larger the host may become while a test goes on: what allocators and pools keep.
const GROWTH_MAX_BYTES: u64 = 512 << 20;

/// A run: its randomness and its end.
struct Run {
    rng: StdRng,
    seed: u64,
    started: Instant,
    time: Duration,
}

impl Run {
    fn begin() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let seed = number("HOOKYARD_FUZZ_SEED").unwrap_or_else(|| rand::rng().next_u64());
        let time = Duration::from_secs(number("HOOKYARD_FUZZ_SECONDS").unwrap_or(10));
        println!("HOOKYARD_FUZZ_SEED={seed}");
        Self { rng: StdRng::seed_from_u64(seed), seed, started: Instant::now(), time }
    }

    fn goes_on(&self) -> bool {
        self.started.elapsed() < self.time
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// True once in so many times.
    fn once_in(&mut self, times: u32) -> bool {
        self.rng.random_ratio(1, times)
    }
}

/// The resident memory of the host.
fn resident_bytes(host: &RunningHost<'_>) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid()));
    let status = status.unwrap_or_else(|error| panic!("the host has ended: {error}"));
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 =
        line.unwrap_or_else(|| panic!("the host has ended")).trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

/// Fails if the host has grown beyond its limit or has ended.
fn check_size(host: &RunningHost<'_>, before: u64, run: &Run) {
    let now = resident_bytes(host);
    assert!(
        now <= before + GROWTH_MAX_BYTES,
        "the host grew from {before} to {now} bytes in {:?}, seed {}",
        run.started.elapsed(),
        run.seed
    );
}
