//! The sections of the configuration: every key with its type, default, range and documentation.

mod alert;
mod execution;
mod listening;
mod operation;
mod outbound;
mod plugin;
mod storage;
mod telemetry;

pub use alert::{Alert, Condition};
pub use execution::{Dispatch, Plugins, Runtime, Verifiers};
pub use listening::{Admin, Server};
pub use operation::{Dev, Log};
pub use outbound::{Effects, Email, Http};
pub use plugin::Plugin;
pub use storage::{Database, Retention, Revisions, Search, Store};
pub use telemetry::{Protocol, Telemetry};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const HOUR_MS: u64 = 3_600_000;
const WEEK_MS: u64 = 7 * 24 * HOUR_MS;
/// The largest integer in the database.
const INTEGER_MAX: u64 = i64::MAX.unsigned_abs();

// Why a running host keeps the value that it began with.
const ADDRESS: &str = "the address is bound when the host starts";
const CONNECTIONS: &str = "connections that are open began with it";
const DATA: &str = "the host keeps its data there while it runs";
const WRITER: &str = "the writer began with it";
const QUEUES: &str = "the queues began with it";
const CRASHES: &str = "crashes are counted when the host starts";
const START: &str = "it is made when the host starts";
const WATCH: &str = "the watch of the directory began with it";
const WAIT: &str = "the host waits when it starts";
const ENGINE: &str = "the engine and its memory pool are made when the host starts";
const LOGGING: &str = "the log is set up when the host starts";
const EXPORTER: &str = "the exporter is made when the host starts";
const BUILD: &str = "the build began with it";
