//! Start with the example plugins when nothing is compiled, as after an update of the engine.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::child::{directory, listening, spawn};
use crate::figures::{Spread, print};
use crate::http;

const ROUNDS: usize = 3;
/// Events that are sent before the kill, and again after it.
const EVENTS: usize = 20;
/// The configuration of `make run`, for the example plugins.
const CONFIG: &str = include_str!("../../hookyard.toml");

/// From the start of the process until the first 202, and until all that was accepted is done, with a kill in between.
pub fn run() {
    let (mut first, mut again, mut loaded, mut plugins) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let dir = directory(&[]);
        plugins = install_examples(dir.path());
        let mut host = Cold::start(dir.path(), "a");
        first.push(host.accepted);
        // Killed while most plugins are being compiled.
        while http::done(&host.admin) < 1.0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        host.process.kill().unwrap();
        host.process.wait().unwrap();
        let host = Cold::start(dir.path(), "b");
        again.push(host.accepted);
        loaded.push(host.until_loaded());
        host.until_done(2 * EVENTS);
        host.stop();
    }
    print(
        &format!("cold: start with {plugins} example plugins and an empty cache"),
        &[
            format!("until the first 202      {} s   target: under 1", Spread::of(first)),
            format!("the same after a kill    {} s   target: under 1", Spread::of(again)),
            format!("until all are loaded     {} s", Spread::of(loaded)),
            format!("deliveries of {} events  all done", 2 * EVENTS),
        ],
    );
}

/// Copies the example plugins, and their configuration.
fn install_examples(dir: &Path) -> usize {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins");
    let files = fs::read_dir(examples).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    for file in &files {
        fs::copy(file, dir.join("plugins").join(file.file_name().unwrap())).unwrap();
    }
    let sections = &CONFIG[CONFIG.find("[email]").unwrap()..CONFIG.find("[dev]").unwrap_or(CONFIG.len())];
    let mut config = fs::File::options().append(true).open(dir.join("hookyard.toml")).unwrap();
    config.write_all(sections.as_bytes()).unwrap();
    files.len()
}

/// A host that was started.
struct Cold {
    process: Child,
    began: Instant,
    admin: String,
    token: String,
    /// Seconds until the first 202.
    accepted: f64,
}

impl Cold {
    /// Starts a host and sends it events whose ids begin so.
    fn start(dir: &Path, ids: &str) -> Self {
        let _ = fs::remove_file(dir.join("hookyard-data/listening.json"));
        let began = Instant::now();
        let process = spawn("plugin", dir);
        let (webhooks, admin) = listening(dir);
        let mut stream = TcpStream::connect(webhooks).unwrap();
        let mut accepted = 0.0;
        for event in 0..EVENTS {
            let answer = http::ask(&mut stream, &http::request(&format!("{ids}{event}")));
            assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
            if event == 0 {
                accepted = began.elapsed().as_secs_f64();
            }
        }
        let token = fs::read_to_string(dir.join("hookyard-data/admin-token")).unwrap();
        Self { process, began, admin, token: token.trim().into(), accepted }
    }

    fn until_loaded(&self) -> f64 {
        while !http::json(&self.admin, "/readyz", "")["loading"].is_null() {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.began.elapsed().as_secs_f64()
    }

    /// Waits until each of so many events is done.
    fn until_done(&self, events: usize) {
        let limit = Instant::now() + Duration::from_secs(30);
        loop {
            let page = http::json(&self.admin, "/api/v1/events?limit=500&state=done", &self.token);
            let done = page["items"].as_array().unwrap().len();
            if done == events {
                return;
            }
            assert!(Instant::now() < limit, "of {events} events {done} are done");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}
