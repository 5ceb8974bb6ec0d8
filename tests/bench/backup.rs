//! The cost of a backup: events per second during a backup, compared to those without one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hookyard::config::Database;

use crate::child::{HostProcess, guest};
use crate::figures::{Spread, print};
use crate::{load, retention};

const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;

/// In turn: without, and with one backup after the other.
pub fn run() {
    let stored = retention::stored();
    let (mut without, mut with, mut ratios) = (vec![], vec![], vec![]);
    let (mut times, mut logs) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let none = round(stored.path(), None);
        let seconds = Arc::default();
        let made = round(stored.path(), Some(Arc::clone(&seconds)));
        ratios.push(made.per_second / none.per_second);
        without.push(none.per_second);
        with.push(made.per_second);
        logs.push(made.log_mib);
        times.append(&mut seconds.lock().unwrap());
    }
    print(
        "backup: events/s while one backup after the other is made, against none",
        &[
            format!("ratio    {}", Spread::of(ratios)),
            format!("without  {} events/s", Spread::of(without)),
            format!("with     {} events/s", Spread::of(with)),
            format!("one took {} s", Spread::of(times)),
            format!("log      {} MiB in the end", Spread::of(logs)),
        ],
    );
}

struct Round {
    per_second: f64,
    log_mib: f64,
}

/// Events taken and done per second, and how long each backup took meanwhile.
fn round(stored: &Path, backups: Option<Arc<Mutex<Vec<f64>>>>) -> Round {
    let host = HostProcess::on(stored, "[log]\nlevel = \"error\"\n", &[("stats", &guest("stats"))]);
    load::closed(&host.webhooks, load::requests(0, WARM_UP, false), CONNECTIONS);
    host.wait_done(WARM_UP);
    let requests = load::requests(WARM_UP, EVENTS, false);
    let ended = Arc::new(AtomicBool::new(false));
    let making = backups.map(|seconds| {
        let (dir, ended) = (host.dir.path().to_owned(), Arc::clone(&ended));
        std::thread::spawn(move || make(&dir, &seconds, &ended))
    });
    let started = Instant::now();
    load::closed(&host.webhooks, requests, CONNECTIONS);
    host.wait_done(WARM_UP + EVENTS);
    let per_second = EVENTS as f64 / started.elapsed().as_secs_f64();
    ended.store(true, Ordering::Relaxed);
    let log = std::fs::metadata(host.dir.path().join("hookyard-data/hookyard.db-wal"));
    let log_mib = log.map_or(0.0, |log| log.len() as f64 / f64::from(1 << 20));
    if let Some(making) = making {
        making.join().unwrap();
    }
    host.kill();
    Round { per_second, log_mib }
}

fn make(dir: &Path, seconds: &Mutex<Vec<f64>>, ended: &AtomicBool) {
    let database = Database {
        url: format!("sqlite:{}", dir.join("hookyard-data/hookyard.db").display()),
        ..Database::default()
    };
    let to: PathBuf = dir.join("copy.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    while !ended.load(Ordering::Relaxed) {
        let began = Instant::now();
        runtime.block_on(hookyard::db::backup(&database, &to, true)).unwrap();
        seconds.lock().unwrap().push(began.elapsed().as_secs_f64());
    }
}
