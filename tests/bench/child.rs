//! A host in a process of its own: this program again, in another role.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookyard::Host;
use hookyard::config::Config;
use hookyard::event::PluginName;
use hookyard::outbound::Outbound;
use hookyard::plugins::settings;
use hookyard::runtime::{CompileOptions, EmptyStores, Runner, Runtime};

use crate::http;
use crate::native::{Native, TimestampedRunner, entry};

/// The first argument of such a process.
pub const ROLE: &str = "host";
/// The secret that requests are signed with.
pub const SECRET: &str = "whsec_bench";

/// A running host, and its directory.
pub struct HostProcess {
    pub dir: tempfile::TempDir,
    pub webhooks: String,
    pub admin: String,
    process: Child,
}

impl HostProcess {
    /// Starts one that runs `plugin` (wasm from `dir/plugins`), `reused` (the same in instances that are
    /// kept), `native`, or `stamped`.
    pub fn start(runner: &str, plugins: &[(&str, &[u8])]) -> Self {
        let reused = "[plugin.stats]\ninstances = \"reused\"\n";
        Self::with(runner, if runner == "reused" { reused } else { "" }, plugins)
    }

    /// Starts one that runs wasm, with more lines of configuration.
    pub fn configured(config: &str, plugins: &[(&str, &[u8])]) -> Self {
        Self::with("plugin", config, plugins)
    }

    /// As [`HostProcess::configured`], on a copy of the database of the host that was in `stored`.
    pub fn on(stored: &Path, config: &str, plugins: &[(&str, &[u8])]) -> Self {
        let dir = directory(plugins);
        let data = |dir: &Path| dir.join("hookyard-data");
        fs::create_dir(data(dir.path())).unwrap();
        fs::copy(data(stored).join("hookyard.db"), data(dir.path()).join("hookyard.db")).unwrap();
        Self::start_in(dir, "plugin", config)
    }

    /// Starts one with more lines of configuration.
    pub fn with(runner: &str, config: &str, plugins: &[(&str, &[u8])]) -> Self {
        Self::start_in(directory(plugins), runner, config)
    }

    fn start_in(dir: tempfile::TempDir, runner: &str, config: &str) -> Self {
        let file = fs::File::options().append(true).open(dir.path().join("hookyard.toml"));
        file.unwrap().write_all(config.as_bytes()).unwrap();
        Self::in_directory(runner, dir)
    }

    /// Starts one where there may have been one before.
    pub fn in_directory(runner: &str, dir: tempfile::TempDir) -> Self {
        let _ = fs::remove_file(dir.path().join("hookyard-data/listening.json"));
        let process = spawn(runner, dir.path());
        let (webhooks, admin) = listening(dir.path());
        Self { dir, webhooks, admin, process }
    }

    /// Starts one of a benchmark program that was built from another commit.
    pub fn of(program: &Path, runner: &str) -> Self {
        let dir = directory(&[]);
        let process = spawn_program(program, runner, dir.path());
        let (webhooks, admin) = listening(dir.path());
        Self { dir, webhooks, admin, process }
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Pauses a plugin, or lets it go on.
    pub fn ask(&self, plugin: &str, verb: &str) {
        let token = fs::read_to_string(self.dir.path().join("hookyard-data/admin-token")).unwrap();
        let answer = http::post(&self.admin, &format!("/api/v1/plugins/{plugin}/{verb}"), token.trim());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Its resident memory, in MiB.
    pub fn resident_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// Waits until so many attempts are done.
    pub fn wait_done(&self, events: u64) {
        while http::done(&self.admin) < events as f64 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Lets it end as SIGTERM would.
    pub fn stop(mut self) -> tempfile::TempDir {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
        self.dir
    }
}

/// A directory with a configuration and these plugins.
pub fn directory(plugins: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("plugins")).unwrap();
    for (name, bytes) in plugins {
        fs::write(dir.path().join(format!("plugins/{name}.wasm")), bytes).unwrap();
    }
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [sources.moncreneau]\nscheme = \"moncreneau\"\nsecrets = [\"{SECRET}\"]\n"
    );
    fs::write(dir.path().join("hookyard.toml"), text).unwrap();
    dir
}

pub fn spawn(runner: &str, dir: &Path) -> Child {
    spawn_program(&std::env::current_exe().unwrap(), runner, dir)
}

fn spawn_program(program: &Path, runner: &str, dir: &Path) -> Child {
    let mut command = Command::new(program);
    command.args([ROLE, runner]).arg(dir).stdin(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until the host in this directory listens.
pub fn listening(dir: &Path) -> (String, String) {
    let file = dir.join("hookyard-data/listening.json");
    let end = Instant::now() + Duration::from_mins(2);
    loop {
        if let Ok(text) = fs::read(&file) {
            let told: serde_json::Value = serde_json::from_slice(&text).unwrap();
            let address = |name: &str| told[name].as_str().unwrap().to_owned();
            return (address("webhooks"), address("admin"));
        }
        assert!(Instant::now() < end, "the host did not start");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// One of the example plugins.
pub fn plugin(name: &str) -> Vec<u8> {
    built("plugins", name)
}

/// One of the guests in `tests/guests`.
pub fn guest(name: &str) -> Vec<u8> {
    built("guests", name)
}

fn built(dir: &str, name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../target/{dir}/{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; `make bench` builds it", path.display()))
}

/// The same component with another digest: a custom section at its end
/// (component-model/design/mvp/Binary.md).
pub fn distinct(component: &[u8], mark: usize) -> Vec<u8> {
    let mark = format!("\u{4}mark{mark:08}");
    let length = u8::try_from(mark.len()).unwrap();
    [component, &[0, length], mark.as_bytes()].concat()
}

/// The other process: serves until its standard input ends.
pub fn run(runner: &str, dir: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let loaded = Config::load(Some(&dir.join("hookyard.toml"))).unwrap();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let fixed = match runner {
            "native" => vec![entry(Arc::new(Native))],
            "stamped" => {
                vec![entry(Arc::new(TimestampedRunner {
                    inner: stats(&loaded.config).await,
                    ends: Arc::clone(&ends),
                }))]
            }
            _ => Vec::new(),
        };
        let host = Host::start_with(loaded, fixed, hookyard::admin::LogLevel::default()).await.unwrap();
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
        host.shutdown().await;
        let ends = std::mem::take(&mut *ends.lock().unwrap());
        fs::write(dir.join("ends.json"), serde_json::to_vec(&ends).unwrap()).unwrap();
    });
}

async fn stats(config: &Config) -> Arc<dyn Runner> {
    let name = PluginName::new("stats").unwrap();
    let outbound = Outbound::new(&config.http, &config.email).unwrap();
    let runtime =
        Runtime::new(&config.runtime, CompileOptions::default(), Arc::new(EmptyStores), outbound).unwrap();
    let loaded = runtime.load(&name, guest("stats"), &settings(config, &name)).await;
    loaded.unwrap_or_else(|refusal| panic!("{refusal}")).revision
}
