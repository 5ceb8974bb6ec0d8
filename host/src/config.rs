//! The configuration: typed, validated, and the only reader of files and environment.
//!
//! Every key, its unit and its default stand in `host/config.default.toml`, which is embedded. What
//! leaves this room is complete: references are read, paths are resolved, values are in range. It
//! may not open sockets or the database, and it never prints a secret.

mod changes;
mod check;
mod defaults;
mod environment;
mod files;
mod formats;
mod kept;
mod load;
mod locate;
mod private_dir;
mod source;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::event::{PluginName, SourceName};

pub use changes::{Changes, Refusal, apply_live, changes};
#[cfg(debug_assertions)]
pub(crate) use environment::kill_at;
pub use environment::{SECRET_VARIABLE, read_secret, search_path, signing_secret, user_cache_dir};
pub use kept::{
    ADMIN_TOKEN, LISTENING, WEBHOOK_SECRET, admin_token, kept_admin_token, kept_cache_key, listening,
};
pub use load::{ConfigError, DEFAULT_FILE, DEFAULT_TEXT, LOG_VARIABLE, Loaded, Problem, log_level};
pub use private_dir::{PrivateDir, PrivateEntry};
pub use source::{Encoding, Scheme, SignatureHeader, Source};
pub use values::{EVENT_TYPE_MAX_BYTES, Instances, Pointer, Secret};

/// All of `hookyard.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The public side: webhooks.
    pub server: Server,
    /// The operators' side.
    pub admin: Admin,
    /// Where events are kept.
    pub database: Database,
    /// How long events are kept.
    pub retention: Retention,
    /// Where plugins come from, and what every plugin may use.
    pub plugins: Plugins,
    /// How much runs at once.
    pub dispatch: Dispatch,
    /// The WebAssembly engine.
    pub runtime: Runtime,
    /// Plugins' stores.
    pub store: Store,
    /// What handlers ask for.
    pub effects: Effects,
    /// Requests that leave the host.
    pub http: Http,
    /// Emails that leave the host.
    pub email: Email,
    /// What the host writes about itself.
    pub log: Log,
    /// `hookyard dev`.
    pub dev: Dev,
    /// Who may send.
    pub sources: BTreeMap<SourceName, Source>,
    /// What operators say of single plugins.
    pub plugin: BTreeMap<PluginName, Plugin>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address of the webhook endpoint.
    pub listen: SocketAddr,
    /// Largest body taken.
    pub body_max_bytes: usize,
    /// Largest request head taken.
    pub header_max_bytes: usize,
    /// Time a sender has for its request head.
    pub header_timeout_ms: u64,
    /// Time between two requests of a connection.
    pub idle_timeout_ms: u64,
    /// Time a sender has for its body.
    pub body_timeout_ms: u64,
    /// What all bodies that are being received may hold in memory.
    pub bodies_max_bytes: usize,
    /// Time in which a peer takes its answer.
    pub write_timeout_ms: u64,
    /// Connections open at once.
    pub connections_max: usize,
    /// Connections of one peer address; 0 = no limit of their own.
    pub connections_per_peer_max: usize,
    /// Requests that one connection may make.
    pub requests_per_connection_max: u32,
    /// On SIGTERM, time that calls in flight have to end.
    pub shutdown_timeout_ms: u64,
    /// Where the host keeps what it made once; `None` = the directory of the database file.
    pub data_dir: Option<PathBuf>,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Address of the operators' API.
    pub listen: SocketAddr,
    /// Names that it answers to beside `localhost` and its address, in lower case.
    #[serde(deserialize_with = "formats::hosts")]
    pub hosts: Vec<String>,
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH`, the path resolved.
    #[serde(deserialize_with = "formats::database_url")]
    pub url: String,
    /// Most operations that share one transaction.
    pub batch_max: usize,
    /// How long to wait for a lock held by another process.
    pub busy_timeout_ms: u64,
    /// Size of the log beside the database from which on it is told who keeps it from being emptied.
    pub log_warn_bytes: u64,
    /// How many of the newest ids are found in memory and not by the index.
    pub recent_ids_max: usize,
    /// How many open deliveries that have an order are found in memory and not by an index, 40 bytes each.
    pub open_orders_max: usize,
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Events that nothing is left to do with go so many days after they were received.
    pub events_days: u64,
    /// What the database has in use above which the oldest of them go earlier; `None` = no limit.
    pub size_max_bytes: Option<u64>,
    /// Ids stay known for so many days, and longer than their events.
    pub keys_days: u64,
}

/// `[plugins]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugins {
    /// The directory of `NAME.wasm` files.
    pub dir: PathBuf,
    /// Quiet time after a change before the file is read.
    pub debounce_ms: u64,
    /// How long a file may be missing (an editor that unlinks and creates) before its plugin goes.
    pub removal_grace_ms: u64,
    /// The directory is looked at this often even when no change was notified.
    pub rescan_interval_ms: u64,
    /// Largest `.wasm` file taken.
    pub file_max_bytes: u64,
}

/// `[dispatch]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dispatch {
    /// Attempts running at once in this host.
    pub concurrency: usize,
    /// Deliveries waiting in memory for one plugin; the rest wait in the database.
    pub window: usize,
    /// Open deliveries in the database above which senders get 429.
    pub backlog_max: u64,
    /// Writes waiting for their commit above which senders get 429.
    pub queue_max: usize,
    /// Deaths of the host process during attempts at one delivery or effect after which it is dead.
    pub crashes_max: u32,
    /// Time that attempts may run alone because the next crash makes a dead letter, all of one process
    /// together.
    pub alone_max_ms: u64,
}

/// `[runtime]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Runtime {
    /// Linear memories, and so roughly instances, that may be in use at once.
    pub instances_max: u32,
    /// The largest linear memory that any plugin's `memory_max_bytes` may allow.
    pub memory_max_bytes: u64,
    /// Table elements, all tables of an instance added up.
    pub table_elements_max: usize,
    /// WebAssembly stack of one call.
    pub stack_max_bytes: usize,
    /// Resolution of call deadlines.
    pub tick_ms: u64,
    /// What the payload types of one plugin may take in the host's memory.
    pub payload_types_max_bytes: usize,
    /// Files compiled at once, and as many again of those that take long.
    pub compile_concurrency: usize,
    /// Time after which loading a file leaves its place to others.
    pub compile_quick_ms: u64,
    /// Longest time for compiling one file.
    pub compile_timeout_ms: u64,
    /// Memory of the process that compiles one file.
    pub compile_memory_max_bytes: u64,
    /// Largest machine code made of one file.
    pub code_max_bytes: u64,
    /// Machine code kept on disk, all files added up.
    pub cache_max_bytes: u64,
    /// Random bytes that a plugin may ask for at once.
    pub random_max_bytes: u64,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Longest key, and longest bucket name.
    pub key_max_bytes: usize,
    /// Largest value.
    pub value_max_bytes: usize,
    /// Keys of one plugin.
    pub keys_max: u64,
    /// All that one plugin keeps: keys, values, and 64 bytes for each entry.
    pub size_max_bytes: u64,
    /// All values that one call writes.
    pub call_max_bytes: usize,
    /// What is kept in memory of all stores, to be read without the database.
    pub cache_max_bytes: u64,
    /// How often a call runs again at once because another changed what it had read.
    pub reruns_max: u32,
}

/// `[effects]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Effects {
    /// Effects that one call may ask for.
    pub per_call_max: usize,
    /// One effect, with all that belongs to it.
    pub size_max_bytes: usize,
    /// How many events may cause each other.
    pub depth_max: u32,
    /// Events that one received event may lead to, all together.
    pub per_root_max: u64,
    /// Effects of one plugin that may wait.
    pub waiting_max: u64,
    /// Bytes of one plugin's effects that may wait.
    pub waiting_max_bytes: u64,
    /// Effects performed at once in this host.
    pub concurrency: usize,
    /// Effects of one plugin performed at once.
    pub plugin_concurrency: usize,
    /// Effects waiting in memory for one plugin.
    pub window: usize,
    /// Tries before an effect is dead.
    pub tries_max: u32,
    /// Longest wait before the second try; doubles with each.
    pub backoff_base_ms: u64,
    /// Longest wait before any try.
    pub backoff_max_ms: u64,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Time for a connection.
    pub connect_timeout_ms: u64,
    /// Time for a request and its whole answer.
    pub timeout_ms: u64,
    /// Largest answer taken.
    pub answer_max_bytes: usize,
    /// Largest request body that a handler may send at once.
    pub request_max_bytes: usize,
    /// Redirects followed.
    pub redirects_max: usize,
}

/// `[email]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Email {
    /// The server: `smtp://` or `smtps://`, user and password, host, port.
    pub smtp: Option<Secret>,
    /// The sender.
    pub from: Option<String>,
    /// Time for handing over one email.
    pub timeout_ms: u64,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What to write: `error`, `warn`, `info`, `debug`, `trace`, or a tracing filter.
    #[serde(deserialize_with = "formats::filter")]
    pub level: String,
    /// From which level on plugins' own lines are repeated in the host's log (they are always kept
    /// with the attempt).
    #[serde(deserialize_with = "formats::plugin_level")]
    pub plugin_level: String,
    /// Lines that may wait for whoever reads standard error; more are dropped.
    pub buffer_max_bytes: usize,
}

/// `[dev]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dev {
    /// Directories whose changes start a build.
    pub watch: Vec<PathBuf>,
    /// The build, a shell command run in the config's directory.
    pub build: Option<String>,
}

/// `[plugin.NAME]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugin {
    /// Event types it gets, of those it handles; `None` = all that it handles.
    #[serde(deserialize_with = "formats::patterns")]
    pub events: Option<Vec<String>>,
    /// Origins it may reach over HTTP, lower case, `scheme://host[:port]`.
    #[serde(deserialize_with = "formats::origins")]
    pub http: Vec<String>,
    /// Of these, those that may get credentials when another one redirects there.
    #[serde(deserialize_with = "formats::origins")]
    pub http_credentials: Vec<String>,
    /// Recipients it may send email to: `*`, `*@domain` or an address, lower case.
    #[serde(deserialize_with = "formats::recipients")]
    pub email: Vec<String>,
    /// Types of the events it may emit: `invoice.created`, `invoice.*` or `*`.
    #[serde(deserialize_with = "formats::event_types")]
    pub emit: Vec<String>,
    /// What `wasi:config/store` gives it.
    #[serde(deserialize_with = "formats::scalars")]
    pub config: BTreeMap<String, String>,
    /// Likewise, but never printed.
    pub secrets: BTreeMap<String, Secret>,
    /// Longest time one call may take.
    pub call_timeout_ms: u64,
    /// Linear memory of an instance, all memories added up.
    pub memory_max_bytes: u64,
    /// What the host may hold in memory for an instance.
    pub host_memory_max_bytes: u64,
    /// Log text kept of one attempt.
    pub log_max_bytes: usize,
    /// Attempts running at once.
    pub concurrency: usize,
    /// Whether events with the same ordering key are handled one at a time, in order.
    pub ordered: bool,
    /// Failed attempts after which a delivery is a dead letter.
    pub attempts_max: u32,
    /// Time after which a failed attempt makes it one.
    pub age_max_ms: u64,
    /// Longest wait before the second attempt; doubles with each.
    pub backoff_base_ms: u64,
    /// Longest wait before any attempt.
    pub backoff_max_ms: u64,
    /// The plugin is paused when so many percent of its latest deliveries failed.
    pub breaker_failures_percent: usize,
    /// Which are the latest: so many.
    pub breaker_deliveries: usize,
    /// The first pause; doubles with each.
    pub breaker_pause_ms: u64,
    /// The longest pause.
    pub breaker_pause_max_ms: u64,
    /// How long an instance lives.
    pub instances: Instances,
    /// Calls that a reused instance is kept for.
    pub reuse_max: u32,
}

impl Config {
    /// What holds for a plugin: its own section, or the defaults where it has none.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Cow<'_, Plugin> {
        self.plugin
            .get(name)
            .map_or_else(|| Cow::Owned(Plugin::within(self.runtime.memory_max_bytes)), Cow::Borrowed)
    }

    /// Where the host keeps what it made once: secrets, and caches that only it may write.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        let beside = self.database.path().parent().filter(|dir| !dir.as_os_str().is_empty());
        let beside = || beside.unwrap_or(Path::new(".")).to_owned();
        self.server.data_dir.clone().unwrap_or_else(beside)
    }
}

impl Database {
    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(formats::sqlite_path(&self.url).unwrap_or(&self.url))
    }
}

impl Plugin {
    /// The defaults, in a host that allows a plugin no more memory than this.
    #[must_use]
    pub fn within(memory_max_bytes: u64) -> Self {
        let default = Self::default();
        Self { memory_max_bytes: default.memory_max_bytes.min(memory_max_bytes), ..default }
    }
}
