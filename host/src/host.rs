//! The parts, wired.

mod stores;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, watch as channel};
use tokio::task::JoinHandle;

use crate::admin::Readiness;
use crate::config::{self, Config, Loaded, PrivateDir};
use crate::db::{self, Accept, Db, DbError, Pruning};
use crate::dispatch::{Acceptance, Dispatch};
use crate::event::Event;
use crate::outbound::{self, Outbound};
use crate::plugins::{Entry, OnLoad, Plugins, Stamp, Watch};
use crate::runtime::{CompileOptions, CompilerMode, MemoryBounds, Runtime};
use crate::{admin, ingress};

use stores::Stored;

/// How long the operators' side may take to answer what it has begun, at the end.
const ADMIN_GRACE: Duration = Duration::from_secs(1);
/// Connections that wait in the kernel's queue to be accepted.
const CONNECTIONS_WAITING: u32 = 1024;

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is taken or not this machine's.
    #[error("cannot listen on {address} ({key}): {error}")]
    Listen {
        /// The key in the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error("the data directory {}: {error}", dir.display())]
    DataDir {
        /// Which one.
        dir: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The database does not open.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The WebAssembly engine does not start.
    #[error(transparent)]
    Runtime(#[from] crate::runtime::RuntimeError),
    /// Nothing could leave the host.
    #[error(transparent)]
    Outbound(#[from] outbound::Unusable),
    /// The system has no threads for the guests.
    #[error("threads for guests: {0}")]
    Threads(std::io::Error),
    /// Nothing can be counted.
    #[error("metrics: {0}")]
    Metrics(String),
    /// A secret or the token cannot be had.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
}

/// A running host.
pub struct Host {
    webhooks: SocketAddr,
    admin: SocketAddr,
    data_dir: PrivateDir,
    shutdown_timeout: Duration,
    db: Db,
    dispatch: Dispatch,
    /// True ends the webhook endpoint and the operators' side.
    stop_webhooks: channel::Sender<bool>,
    stop_admin: channel::Sender<bool>,
    webhooks_task: JoinHandle<()>,
    admin_task: JoinHandle<()>,
    config_task: JoinHandle<()>,
    metrics_task: JoinHandle<()>,
    watch_task: JoinHandle<()>,
    pruning: Pruning,
    readiness: Readiness,
    /// Has the configuration read again.
    reload: Arc<Notify>,
}

impl Host {
    /// Starts everything: the operators' side, which says from then on how far it is; database, engine, plugins,
    /// dispatch; and when all plugins were looked at once, the webhook endpoint. Dropped before it is done, it
    /// leaves nothing behind but what is committed.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(loaded: Loaded) -> Result<Self, StartError> {
        Self::start_with(loaded, Vec::new()).await
    }

    /// As [`Host::start`], with plugins that no file stands for: native code, for benchmarks.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with(mut loaded: Loaded, fixed: Vec<Entry>) -> Result<Self, StartError> {
        loaded.default_source(true)?;
        let metrics = admin::metrics::install().map_err(StartError::Metrics)?;
        let config = Arc::new(loaded.config.clone());
        let data_dir = data_dir(&config)?;
        let token = config::kept_admin_token(&config)?;
        let limits = db::Limits {
            queue_max: config.dispatch.queue_max,
            backlog_max: config.dispatch.backlog_max,
            cache_max_bytes: config.store.cache_max_bytes,
            crashes_max: config.dispatch.crashes_max,
        };
        let current = channel::Sender::new(Arc::clone(&config));
        let (stop_webhooks, stop_admin) = (channel::Sender::new(false), channel::Sender::new(false));
        let serving = ingress::Limits::from(&config.server);
        let on_admin = bind("admin.listen", config.admin.listen)?;
        let on_webhooks = bind("server.listen", config.server.listen)?;
        let readiness = Readiness::starting();
        let admin = address(&on_admin, config.admin.listen);
        let hosts = admin::Hosts::new(admin.ip(), current.subscribe());
        let admin_router = admin::starting_router(readiness.clone(), metrics.clone(), hosts.clone());
        let on_admin = listen("admin.listen", on_admin, admin)?;
        let admin_task = tokio::spawn(ingress::serve_router(
            on_admin,
            Arc::clone(&admin_router),
            serving,
            Duration::from_millis(config.server.body_timeout_ms),
            stop_admin.subscribe(),
        ));

        readiness.set("starting: the database is opened, and its tables are brought up to date");
        let db = Db::open(&config.database, limits).await?;
        let watch_task = tokio::spawn(db.clone().watch(judgement(&config.database)));
        let outbound = Outbound::new(&config.http, &config.email)?;
        let stores = Arc::new(Stored(db.clone()));
        readiness.set("starting: the WebAssembly engine is made");
        let cache_home = Some(data_dir.path().to_owned());
        let compilation =
            CompileOptions { compiler: CompilerMode::ChildAhead, cache_home, count_fuel: false };
        let runtime = Runtime::new(&config.runtime, compilation, stores, outbound.clone())?;
        announce(runtime.memory_bounds());
        let on_load = loads(readiness.clone());
        let dir = config.plugins.dir.clone();
        let plugins = Plugins::start(dir, runtime, current.subscribe(), fixed, on_load).await;
        let dispatch = Dispatch::start(current.subscribe(), db.clone(), plugins.clone(), outbound.clone())
            .map_err(StartError::Threads)?;

        let pruning = db.start_pruning(current.subscribe());

        let webhooks = address(&on_webhooks, config.server.listen);
        let on_webhooks = listen("server.listen", on_webhooks, webhooks)?;
        let sources = Arc::new(ArcSwap::from_pointee(ingress::Sources::from_config(&config)));
        let accepts = Arc::new(Acceptance::new(db.clone(), plugins.clone()));
        let endpoint = ingress::Webhooks::new(Arc::clone(&sources), accepts).service();
        let webhooks_task =
            tokio::spawn(ingress::serve(on_webhooks, endpoint, serving, stop_webhooks.subscribe()));

        let (listing, retrying) = (plugins.clone(), plugins.clone());
        let metrics_task = tokio::spawn(admin::metrics::upkeep(metrics.clone()));
        let working = dispatch.clone();
        let admin_state = admin::AdminState {
            db: db.clone(),
            plugins: Arc::new(move || listing.list()),
            retry_plugin: Arc::new(move |plugin| retrying.retry(plugin)),
            readiness: readiness.clone(),
            fault: Arc::new(move || working.fault()),
            metrics,
            cache: admin::AnswerCache::default(),
        };
        let token = admin::Token::new(token.expose());
        admin_router.store(Arc::new(admin::router(admin_state, hosts, token)));
        readiness.set_ready();
        let reload = Arc::new(Notify::new());
        let follow = Follow {
            loaded,
            reload: Arc::clone(&reload),
            current,
            sources,
            outbound,
            plugins,
            dispatch: dispatch.clone(),
            db: db.clone(),
        };
        let host = Self {
            webhooks,
            admin,
            shutdown_timeout: Duration::from_millis(config.server.shutdown_timeout_ms),
            data_dir,
            db,
            dispatch,
            stop_webhooks,
            stop_admin,
            webhooks_task,
            admin_task,
            config_task: tokio::spawn(follow.run()),
            metrics_task,
            watch_task,
            pruning,
            readiness,
            reload,
        };
        host.tell_addresses()?;
        Ok(host)
    }

    /// Where webhooks are received.
    #[must_use]
    pub fn webhook_addr(&self) -> SocketAddr {
        self.webhooks
    }

    /// Where operators are answered.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// Has the configuration file read again, as after a change of it.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Takes no more events, lets requests and calls in flight end within
    /// `server.shutdown_timeout_ms`, commits what they came to, and closes.
    pub async fn shutdown(self) {
        self.readiness.set("stopping");
        self.stop_webhooks.send_replace(true);
        let deadline = tokio::time::Instant::now() + self.shutdown_timeout;
        if tokio::time::timeout_at(deadline, self.webhooks_task).await.is_err() {
            tracing::warn!("some senders were still being answered");
        }
        let left = self.dispatch.stop(deadline.saturating_duration_since(tokio::time::Instant::now())).await;
        if left > 0 {
            tracing::warn!(
                "{left} calls were still running at the deadline; they run again after the next start"
            );
        }
        self.config_task.abort();
        self.metrics_task.abort();
        self.watch_task.abort();
        drop(self.pruning);
        self.stop_admin.send_replace(true);
        let _ = tokio::time::timeout(ADMIN_GRACE, self.admin_task).await;
        if let Err(error) = self.db.close().await {
            tracing::error!("closing: {error}");
        }
        let _ = self.data_dir.remove(config::LISTENING);
    }

    /// Tells tools on this machine the addresses, which the configuration may leave to the kernel.
    fn tell_addresses(&self) -> Result<(), StartError> {
        let text = serde_json::json!({
            "webhooks": self.webhooks.to_string(),
            "admin": self.admin.to_string(),
            "pid": std::process::id(),
        });
        let written = self.data_dir.write(config::LISTENING, &[text.to_string().as_bytes()]);
        written.map_err(|error| StartError::DataDir { dir: self.data_dir.path().to_owned(), error })
    }
}

/// What follows a changed configuration file.
struct Follow {
    loaded: Loaded,
    reload: Arc<Notify>,
    current: channel::Sender<Arc<Config>>,
    sources: Arc<ArcSwap<ingress::Sources>>,
    outbound: Outbound,
    plugins: Plugins,
    dispatch: Dispatch,
    db: Db,
}

impl Follow {
    async fn run(mut self) {
        // As it was given: what it says of paths is read the same way as at the start.
        let Some(path) = self.loaded.path.clone() else {
            // Without a file there is nothing to follow; the channel must stay open all the same.
            loop {
                self.reload.notified().await;
                tracing::info!("there is no configuration file to read again");
            }
        };
        let mut watch = Watch::new();
        // Unknown: a change while the host started is one too.
        let mut before = None;
        loop {
            watch.set(&[], std::slice::from_ref(&path));
            let now = Stamp::of(&path);
            if now.is_some() && now != before {
                before = now;
                self.reload(&path).await;
            }
            let plugins = self.current.borrow().plugins.clone();
            let (quiet, interval) = (plugins.debounce_ms, plugins.rescan_interval_ms);
            tokio::select! {
                () = watch.changed(Duration::from_millis(quiet), Duration::from_millis(interval)) => {}
                () = self.reload.notified() => {
                    tracing::info!("asked to read the configuration again");
                    before = None;
                }
            }
        }
    }

    async fn reload(&mut self, path: &Path) {
        // On a thread of its own: a named pipe is waited for.
        let file = path.to_owned();
        let loaded = match tokio::task::spawn_blocking(move || Config::load(Some(&file))).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(error)) => {
                return tracing::error!("the changed configuration is refused, the old one holds: {error}");
            }
            Err(error) => return tracing::error!("the changed configuration could not be read: {error}"),
        };
        let old = self.current.borrow().clone();
        let changes = config::changes(&old, &loaded.config);
        for refusal in &changes.refused {
            tracing::error!("{refusal}");
        }
        if changes.live.is_empty() {
            return;
        }
        let config = config::apply_live(&old, &loaded.config);
        self.sources.store(Arc::new(ingress::Sources::from_config(&config)));
        self.outbound.configure(&config.http, &config.email);
        self.dispatch.limit(&config.dispatch, &config.effects);
        self.db.limit_backlog(config.dispatch.backlog_max);
        let mut swaps = self.plugins.swaps();
        self.current.send_replace(Arc::new(config));
        // It is said when it holds: plugins have their new settings with the next snapshot.
        let _published = swaps.changed().await;
        tracing::info!("configuration changed: {}", changes.live.join(", "));
    }
}

impl ingress::EventAcceptor for Acceptance {
    async fn accept(&self, event: Event) -> Result<Accept, DbError> {
        Self::accept(self, event).await
    }

    fn ids_known_since(&self, now: u64, keys_days: u64) -> u64 {
        Self::ids_known_since(self, now, keys_days)
    }
}

/// Makes the data directory, and refuses one that others may write, or where they may write the database.
fn data_dir(config: &Config) -> Result<PrivateDir, StartError> {
    let open = |dir: &Path| {
        PrivateDir::make(dir).map_err(|error| StartError::DataDir { dir: dir.to_owned(), error })
    };
    let dir = open(&config.data_dir())?;
    if let Some(beside) = config.database.path().parent().filter(|dir| !dir.as_os_str().is_empty()) {
        open(beside)?;
    }
    for exposed in dir.exposed_ancestors() {
        tracing::warn!(
            "others than the host's user may exchange directories in {}, which the data directory is in: \
             `chmod go-w` it, or set server.data_dir",
            exposed.display()
        );
    }
    Ok(dir)
}

/// Says how guests are kept inside their memories.
fn announce(bounds: MemoryBounds) {
    let kind = bounds.as_str();
    metrics::gauge!("hookyard_memory_bounds", "kind" => kind).set(1.0);
    match bounds {
        MemoryBounds::GuardPages => {
            tracing::info!(
                memory_bounds = kind,
                "guests' memory has guard pages; Spectre mitigations are on"
            );
        }
        MemoryBounds::Checks => tracing::info!(
            memory_bounds = kind,
            "guests' memory is checked in compiled code, for the address space of this process is limited \
             (ulimit -v, vm.overcommit_memory): attempts are slower; Spectre mitigations are on"
        ),
    }
}

/// How the database is judged while the host runs.
fn judgement(database: &config::Database) -> db::Judgement {
    db::Judgement {
        log_warn_bytes: database.log_warn_bytes,
        busy_timeout: Duration::from_millis(database.busy_timeout_ms),
    }
}

/// Shows which plugin is loaded while the host starts.
fn loads(readiness: Readiness) -> OnLoad {
    Arc::new(move |plugin| {
        if readiness.reason().is_some_and(|reason| reason.starts_with("starting")) {
            readiness.set(format!("starting: plugin {plugin} is loaded"));
        }
    })
}

/// Takes an address. Nothing answers there before [`listen`], so that a load balancer or a sender goes elsewhere
/// until the host takes events; but whether the address can be had is known.
fn bind(key: &'static str, address: SocketAddr) -> Result<TcpSocket, StartError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart finds connections of the host before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().map_err(|error| StartError::Listen { key, address, error })
}

fn listen(key: &'static str, socket: TcpSocket, address: SocketAddr) -> Result<TcpListener, StartError> {
    socket.listen(CONNECTIONS_WAITING).map_err(|error| StartError::Listen { key, address, error })
}

/// The address that the kernel gave, where the configuration asked for port 0.
fn address(socket: &TcpSocket, asked: SocketAddr) -> SocketAddr {
    socket.local_addr().unwrap_or(asked)
}
