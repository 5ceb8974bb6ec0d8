//! The time from a changed file to the first event that the new code has handled.

use std::fs;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::config::Config;
use hookyard::event::{Digest, PluginName};
use hookyard::outbound::Outbound;
use hookyard::plugins::settings;
use hookyard::runtime::{CompileOptions, CompilerMode, EmptyStores, Runtime};

use crate::child::{HostProcess, distinct, plugin};
use crate::figures::{Spread, print};
use crate::http;

const SWAPS: usize = 15;

/// Swaps to revisions never seen, while events come one after the other.
pub fn run() {
    let desk = plugin("appointment-desk");
    let host = HostProcess::start("plugin", &[("desk", &desk)]);
    let mut sender = Sender::to(&host);
    let times: Vec<f64> = (0..SWAPS).map(|swap| one(&host, &mut sender, &distinct(&desk, swap))).collect();
    let beside_python = swaps_beside_python(&host, &mut sender, &desk);
    host.stop();
    let (cached, compiled) = loads(&desk);
    print(
        &format!("swap: a plugin of {} KB, renamed over the one that runs", desk.len() / 1000),
        &[
            format!(
                "change to first event on it  {} ms   target: under 300, the debounce included",
                Spread::of(times)
            ),
            format!(
                "the same while a Python plugin is compiled  {} ms   target: under 300",
                Spread::of(beside_python)
            ),
            format!("load of a known digest       {} ms   target: under 5", Spread::of(cached)),
            format!("load with compilation        {} ms", Spread::of(compiled)),
        ],
    );
}

struct Sender {
    stream: TcpStream,
    token: String,
    sent: u64,
}

impl Sender {
    fn to(host: &HostProcess) -> Self {
        let token = fs::read_to_string(host.dir.path().join("hookyard-data/admin-token")).unwrap();
        Self { stream: TcpStream::connect(&host.webhooks).unwrap(), token: token.trim().into(), sent: 0 }
    }

    /// Sends an event, waits until it is done, and returns the revision that handled it.
    fn handled_by(&mut self, host: &HostProcess) -> String {
        self.sent += 1;
        let id = format!("evt_swap{}", self.sent);
        assert!(http::ask(&mut self.stream, &http::request(&id)).starts_with("HTTP/1.1 202"));
        loop {
            let event = http::json(&host.admin, &format!("/api/v1/events/moncreneau/{id}"), &self.token);
            if event["state"] == "done" {
                return event["deliveries"][0]["attempts"][0]["revision"].as_str().unwrap().to_owned();
            }
        }
    }
}

fn one(host: &HostProcess, sender: &mut Sender, bytes: &[u8]) -> f64 {
    let (beside, place) = (host.dir.path().join("new.part"), host.dir.path().join("plugins/desk.wasm"));
    let digest = Digest::of(bytes).to_string();
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, place).unwrap();
    let changed = Instant::now();
    while sender.handled_by(host) != digest {
        assert!(changed.elapsed() < Duration::from_secs(30), "the swap did not happen");
    }
    changed.elapsed().as_secs_f64() * 1000.0
}

/// Swaps while another plugin, of 18 MB, is compiled.
fn swaps_beside_python(host: &HostProcess, sender: &mut Sender, desk: &[u8]) -> Vec<f64> {
    fs::write(host.dir.path().join("plugins/python.wasm"), plugin("archive-file")).unwrap();
    let is_loading = |token: &str| {
        let plugins = http::json(&host.admin, "/api/v1/plugins", token);
        let mut plugins = plugins["items"].as_array().unwrap().iter();
        plugins.any(|plugin| plugin["name"] == "python" && plugin["state"] == "loading")
    };
    let began = Instant::now();
    while !is_loading(&sender.token) {
        assert!(began.elapsed() < Duration::from_secs(30), "the Python plugin is not loaded");
    }
    let mut times = Vec::new();
    while times.len() < SWAPS && is_loading(&sender.token) {
        times.push(one(host, sender, &distinct(desk, SWAPS + times.len())));
    }
    times
}

/// Loads the same files twice in this process: compiled, then from the cache. Milliseconds.
fn loads(component: &[u8]) -> (Vec<f64>, Vec<f64>) {
    let cache = tempfile::tempdir().unwrap();
    let config = Config::default();
    let async_runtime = tokio::runtime::Runtime::new().unwrap();
    async_runtime.block_on(async {
        let outbound = Outbound::new(&config.http, &config.email).unwrap();
        let cache_home = Some(cache.path().join("home"));
        let compilation =
            CompileOptions { compiler: CompilerMode::ChildAhead, cache_home, count_fuel: false };
        let runtime = Runtime::new(&config.runtime, compilation, Arc::new(EmptyStores), outbound).unwrap();
        let (mut cached, mut compiled) = (Vec::new(), Vec::new());
        let settings = settings(&config, &PluginName::new("desk").unwrap());
        for swap in 0..2 * SWAPS {
            let (name, bytes) = (PluginName::new("desk").unwrap(), distinct(component, swap % SWAPS));
            let loaded =
                runtime.load(&name, bytes, &settings).await.unwrap_or_else(|refusal| panic!("{refusal}"));
            let times = if loaded.from_cache { &mut cached } else { &mut compiled };
            times.push(loaded.took.as_secs_f64() * 1000.0);
        }
        (cached, compiled)
    })
}
