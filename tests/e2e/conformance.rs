//! The behaviour that plugins can rely on in every language. One guest for each SDK, all with the same
//! behaviour, run side by side on the same events.

mod capabilities;
mod collections;
mod effects;
mod failures;
mod forms;
mod mail;
mod payloads;

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookyard::config::Config;
use hookyard::event::PluginName;
use hookyard::outbound::Outbound;
use hookyard::runtime::{CompileOptions, EmptyStores, Runtime};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{Event, HostDir, RunningHost, guest};

/// Each has a guest `conformance-LANGUAGE` in `tests/guests`.
const LANGUAGES: [&str; 5] = ["rust", "typescript", "python", "c", "go"];

/// Characters that are easily lost: escapes, an accent of its own, a joined emoji, right to left, beyond 16
/// bits, and the last of all.
const CHARACTERS: &str = "\" \\ / é e\u{301} 👩🏽‍⚕️ 🇬🇳 مرحبا \u{2028} ߒߞߏ 𝄞 \u{fffd} \u{10ffff}";

fn plugin(language: &str) -> String {
    format!("conformance-{language}")
}

/// All guests, each with these settings, and other sections.
fn host_dir(settings: &str, more: &str) -> HostDir {
    // Five interpreters on two processors: no test but those of timeouts is about their speed.
    let timeout = if settings.contains("call_timeout_ms") { "" } else { "call_timeout_ms = 60000" };
    let section = |language: &str| {
        format!(
            "[plugin.{}]\nbackoff_base_ms = 1\nattempts_max = 2\nemit = [\"conformance.*\"]\n{settings}\n{timeout}\n",
            plugin(language)
        )
    };
    let dir = HostDir::new(&(more.to_owned() + "\n" + &LANGUAGES.map(section).concat()));
    for language in LANGUAGES {
        dir.install(&plugin(language), &guest(&plugin(language)));
    }
    dir
}

/// Starts a host, which finds the guests compiled.
pub(crate) async fn start(dir: &HostDir) -> RunningHost<'_> {
    static CACHE: OnceCell<PathBuf> = OnceCell::const_new();
    let (home, data) = (CACHE.get_or_init(compiled).await, dir.path("hookyard-data"));
    fs::create_dir(&data).unwrap();
    fs::copy(home.join("cache-key"), data.join("cache-key")).unwrap();
    link_all(&home.join("cache"), &data.join("cache"));
    dir.start().await
}

/// Makes a directory with the files of another; symbolic links in their place would be refused.
fn link_all(from: &Path, to: &Path) {
    DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            link_all(&from, &to);
        } else if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// A directory with a cache of the guests, for all tests that follow: a Python interpreter takes seconds to compile, and on
/// a busy machine more than a test waits for anything.
async fn compiled() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).unwrap();
    // Other processes may run other tests of these.
    let lock = File::create(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    let (home, config) = (dir.join("home"), Config::default());
    let outbound = Outbound::new(&config.http, &config.email).unwrap();
    let compilation = CompileOptions { cache_home: Some(home.clone()), ..CompileOptions::default() };
    let runtime = Runtime::new(&config.runtime, compilation, Arc::new(EmptyStores), outbound).unwrap();
    for language in LANGUAGES {
        let name = PluginName::new(&plugin(language)).unwrap();
        let settings = hookyard::plugins::settings(&config, &name);
        let loaded = runtime.load(&name, guest(&plugin(language)), &settings).await;
        assert!(loaded.is_ok(), "{language}: {:?}", loaded.err());
    }
    home
}

/// An event with an action for all guests.
fn order(id: &str, payload: &Value) -> Event {
    Event::with_payload("conformance.order", id, payload)
}

/// Sends an event to all guests, and waits until their deliveries are finished: the event, and for each
/// language its delivery.
async fn deliver(host: &RunningHost<'_>, event: &Event) -> (Value, Vec<(&'static str, Value)>) {
    assert_eq!(host.send(event).await.status(), "accepted");
    let event = host.wait_finished(&event.id).await;
    let of = |language: &str| {
        let mut all = event["deliveries"].as_array().unwrap().iter();
        all.find(|delivery| delivery["plugin"] == plugin(language)).cloned().expect(language)
    };
    let deliveries = LANGUAGES.map(|language| (language, of(language))).into();
    (event, deliveries)
}

/// Likewise; all must be done at the first attempt.
async fn done(host: &RunningHost<'_>, event: &Event) -> (Value, Vec<(&'static str, Value)>) {
    let (event, deliveries) = deliver(host, event).await;
    for (language, delivery) in &deliveries {
        let first = &delivery["attempts"][0];
        assert_eq!(first["outcome"], "done", "{language}: {first}");
    }
    (event, deliveries)
}

/// The result that each language's guest stored under this key.
async fn results(dir: &HostDir, key: &str) -> Vec<(&'static str, String)> {
    let mut results = Vec::new();
    for language in LANGUAGES {
        let bucket = dir.bucket(&plugin(language), "conformance").await;
        results.push((language, bucket.get(key).cloned().unwrap_or_default()));
    }
    results
}

/// Likewise, as JSON.
async fn json_results(dir: &HostDir, key: &str) -> Vec<(&'static str, Value)> {
    let parsed = |(language, text): (&'static str, String)| {
        (language, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{language}: {error}: {text}")))
    };
    results(dir, key).await.into_iter().map(parsed).collect()
}

/// The log lines of an attempt.
fn logs(attempt: &Value) -> Vec<&str> {
    attempt["logs"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

/// An order without parameters.
fn plain(action: &str) -> Event {
    order(&format!("evt_{action}"), &json!({ "do": action }))
}
