//! The cost of stored events: speed with ten thousand, a million and five million of them, and their size.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::child::{HostProcess, directory};
use crate::figures::{Spread, print};
use crate::load;

/// Events stored before a round.
const SIZES: [(u64, &str); 3] = [(10_000, "10 thousand"), (1_000_000, "1 million"), (5_000_000, "5 million")];
const EVENTS: u64 = 25_000;
const WARM_UP: u64 = 5_000;
const ROUNDS: u64 = 5;
const CONNECTIONS: usize = 128;
/// The number of the first event that is sent, far from those that were stored before.
const FIRST: u64 = 1 << 40;

/// The figures of all rounds of one size.
#[derive(Default)]
struct Figures {
    per_second: Vec<f64>,
    ratios: Vec<f64>,
    cpu_us: Vec<f64>,
    written_kb: Vec<f64>,
    start_ms: Vec<f64>,
    bytes_per_event: f64,
}

/// Sends events to hosts with different numbers of stored ones, in turn. Ids are random: those in the order
/// of time all have their place at the end.
pub fn run() {
    let began = Instant::now();
    let mut stored = prepared();
    let took = began.elapsed().as_secs();
    let mut figures = [(); SIZES.len()].map(|()| Figures::default());
    for (figures, (dir, (events, _))) in figures.iter_mut().zip(stored.iter().zip(SIZES)) {
        figures.bytes_per_event = fs::metadata(database(dir.path())).unwrap().len() as f64 / events as f64;
    }
    let mut first = FIRST;
    for _ in 0..ROUNDS {
        let mut smallest = None;
        for figures in &mut figures {
            let dir = stored.pop_front().unwrap();
            if smallest.is_none() {
                // It would not stay small.
                figures.measure(copy(&dir), first);
                stored.push_back(dir);
            } else {
                stored.push_back(figures.measure(dir, first));
            }
            first += WARM_UP + EVENTS;
            let per_second = figures.per_second.last().copied().unwrap();
            figures.ratios.push(per_second / *smallest.get_or_insert(per_second));
        }
    }
    let mut lines: Vec<_> =
        figures.into_iter().zip(SIZES).map(|(figures, (_, name))| figures.line(name)).collect();
    lines.push(format!("target: ratios at least 0.8; making the databases took {took} s"));
    print("growth: events/s until all are done, with random ids and so many events stored before", &lines);
}

impl Figures {
    /// A round with a host in this directory, which it gives back.
    fn measure(&mut self, dir: TempDir, first: u64) -> TempDir {
        let warm_up = load::requests(first, WARM_UP, true);
        let requests = load::requests(first + WARM_UP, EVENTS, true);
        let began = Instant::now();
        let host = HostProcess::in_directory("native", dir);
        self.start_ms.push(began.elapsed().as_secs_f64() * 1000.0);
        load::closed(&host.webhooks, warm_up, CONNECTIONS);
        host.wait_done(WARM_UP);
        let (began, cpu, written) = (Instant::now(), cpu_us(host.pid()), written_bytes(host.pid()));
        load::closed(&host.webhooks, requests, CONNECTIONS);
        host.wait_done(WARM_UP + EVENTS);
        self.per_second.push(EVENTS as f64 / began.elapsed().as_secs_f64());
        self.cpu_us.push((cpu_us(host.pid()) - cpu) / EVENTS as f64);
        self.written_kb.push((written_bytes(host.pid()) - written) / 1000.0 / EVENTS as f64);
        host.stop()
    }

    fn line(self, name: &str) -> String {
        format!(
            "{name:11}  {} events/s, ratio {}, {} µs of processors and {} KB written for each, \
             start {} ms, {:.0} bytes stored for each",
            Spread::of(self.per_second),
            Spread::of(self.ratios),
            Spread::of(self.cpu_us),
            Spread::of(self.written_kb),
            Spread::of(self.start_ms),
            self.bytes_per_event
        )
    }
}

/// Time that a process had processors for, its threads together.
fn cpu_us(pid: u32) -> f64 {
    /// Of `/proc`, everywhere.
    const TICK_US: f64 = 10_000.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() * TICK_US
}

/// The bytes that a process wrote to disk.
fn written_bytes(pid: u32) -> f64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}

fn database(dir: &Path) -> PathBuf {
    dir.join("hookyard-data/hookyard.db")
}

fn copy(from: &TempDir) -> TempDir {
    let to = directory(&[]);
    fs::create_dir(to.path().join("hookyard-data")).unwrap();
    fs::copy(database(from.path()), database(to.path())).unwrap();
    to
}

/// A directory for each size: the events of the first were sent; the others have copies of them under ids of
/// their own.
fn prepared() -> VecDeque<TempDir> {
    let [(sent, _), (more, _), (most, _)] = SIZES;
    let host = HostProcess::in_directory("native", directory(&[]));
    load::closed(&host.webhooks, load::requests(0, sent, true), CONNECTIONS);
    host.wait_done(sent);
    let first = host.stop();
    let second = copy(&first);
    multiply(&database(second.path()), sent, more);
    let third = copy(&second);
    multiply(&database(third.path()), more, most);
    // The first start puts their ids into the index.
    let [second, third] = [second, third].map(|dir| HostProcess::in_directory("native", dir).stop());
    VecDeque::from([first, second, third])
}

/// Appends copies of the first events until there are `to`. Some at a time of each table, so that they are
/// as mixed in the file as those that were sent.
fn multiply(path: &Path, from: u64, to: u64) {
    let (step, _) = SIZES[0];
    let (mut begin, mut copy) = (String::new(), String::from("BEGIN;"));
    for (table, seq, has_id) in [
        ("event", "seq", true),
        ("idempotency_key", "event_seq", true),
        ("delivery", "event_seq", false),
        ("attempt", "event_seq", false),
    ] {
        let id = format!(", id = printf('evt_%08x%08x', {seq} * 2654435761 % 4294967296, {seq})");
        let id = if has_id { id.as_str() } else { "" };
        let _ = write!(
            begin,
            "CREATE TEMP TABLE {table}_copy AS SELECT * FROM main.{table} WHERE {seq} <= {step};
            UPDATE {table}_copy SET {seq} = {seq} + {from} - {step};"
        );
        let _ = write!(
            copy,
            "UPDATE {table}_copy SET {seq} = {seq} + {step} {id};
            INSERT INTO main.{table} SELECT * FROM {table}_copy;"
        );
    }
    copy += "COMMIT";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Nothing is lost if this is cut off: it begins anew in the next run.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .synchronous(SqliteSynchronous::Off)
            .pragma("cache_size", "-2000000")
            .pragma("temp_store", "memory")
            .disable_statement_logging();
        let mut file = options.connect().await.unwrap();
        sqlx::raw_sql("PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF")
            .execute(&mut file)
            .await
            .unwrap();
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut file).await.unwrap();
        for _ in 0..(to - from) / step {
            sqlx::raw_sql(AssertSqlSafe(copy.clone())).execute(&mut file).await.unwrap();
        }
        file.close().await.unwrap();
    });
}
