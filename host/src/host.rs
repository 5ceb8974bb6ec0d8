//! The parts, wired.

mod stores;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use crate::config::{self, Config, Loaded, PrivateDir};
use crate::db::{self, Accept, Db, DbError, Keeping};
use crate::dispatch::Dispatch;
use crate::event::Event;
use crate::outbound::{self, Outbound};
use crate::plugins::{Entry, Plugins, Stamp, Watch};
use crate::runtime::{Compilation, Compiler, MemoryBounds, Runtime};
use crate::{admin, ingress};

use stores::Stored;

/// How long the operators' side may take to answer what it has begun, at the end.
const ADMIN_GRACE: Duration = Duration::from_secs(1);

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
    keeping: Keeping,
}

impl Host {
    /// Starts everything: engine, database, plugins, dispatch, and when all plugins were looked at
    /// once, the two addresses.
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
        };
        let db = Db::open(&config.database, limits).await?;
        let outbound = Outbound::new(&config.http, &config.email)?;
        let stores = Arc::new(Stored(db.clone()));
        let cache_home = Some(data_dir.path().to_owned());
        let compilation = Compilation { compiler: Compiler::ChildAhead, cache_home, count_fuel: false };
        let runtime = Runtime::new(&config.runtime, compilation, stores, outbound.clone())?;
        announce(runtime.memory_bounds());
        let on_webhooks = listen("server.listen", config.server.listen).await?;
        let on_admin = listen("admin.listen", config.admin.listen).await?;

        let current = channel::Sender::new(Arc::clone(&config));
        let plugins = Plugins::start(config.plugins.dir.clone(), runtime, current.subscribe(), fixed).await;
        let dispatch = Dispatch::start(current.subscribe(), db.clone(), plugins.clone(), outbound.clone())
            .map_err(StartError::Threads)?;

        let keeping = db.keep(current.subscribe());

        let (stop_webhooks, stop_admin) = (channel::Sender::new(false), channel::Sender::new(false));
        let webhooks = address(&on_webhooks, config.server.listen);
        let sources = Arc::new(ArcSwap::from_pointee(ingress::Sources::of(&config)));
        let accepts = Arc::new(Accepting { db: db.clone(), plugins: plugins.clone() });
        let endpoint = ingress::Webhooks::new(Arc::clone(&sources), accepts).service();
        let limits = ingress::Limits::from(&config.server);
        let body_timeout = Duration::from_millis(config.server.body_timeout_ms);
        let webhooks_task =
            tokio::spawn(ingress::serve(on_webhooks, endpoint, limits, stop_webhooks.subscribe()));

        let admin = address(&on_admin, config.admin.listen);
        let (listing, retrying) = (plugins.clone(), plugins.clone());
        let metrics_task = tokio::spawn(admin::metrics::upkeep(metrics.clone()));
        let parts = admin::Parts {
            db: db.clone(),
            plugins: Arc::new(move || listing.list()),
            retry_plugin: Arc::new(move |plugin| retrying.retry(plugin)),
            loaded: Arc::new(true.into()),
            token: admin::Token::new(token.expose()),
            metrics,
        };
        let router = admin::router(parts);
        let admin_task = tokio::spawn(ingress::serve_router(
            on_admin,
            router,
            limits,
            body_timeout,
            stop_admin.subscribe(),
        ));
        let follow = Follow {
            loaded,
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
            keeping,
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

    /// Takes no more events, lets requests and calls in flight end within
    /// `server.shutdown_timeout_ms`, commits what they came to, and closes.
    pub async fn shutdown(self) {
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
        drop(self.keeping);
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
            return std::future::pending().await;
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
            let plugins = &self.current.borrow().plugins.clone();
            let (quiet, interval) = (plugins.debounce_ms, plugins.rescan_interval_ms);
            watch.changed(Duration::from_millis(quiet), Duration::from_millis(interval)).await;
        }
    }

    async fn reload(&mut self, path: &Path) {
        let loaded = match Config::load(Some(path)) {
            Ok(loaded) => loaded,
            Err(error) => {
                return tracing::error!("the changed configuration is refused, the old one holds: {error}");
            }
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
        self.sources.store(Arc::new(ingress::Sources::of(&config)));
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

/// Routes an event by the snapshot of now, and commits it.
struct Accepting {
    db: Db,
    plugins: Plugins,
}

impl ingress::Accepts for Accepting {
    async fn accept(&self, event: Event) -> Result<Accept, DbError> {
        let plugins = self.plugins.snapshot().route(&event.source, &event.event_type);
        self.db.accept(event, plugins).await
    }

    fn ids_known_since(&self, now: u64, keys_days: u64) -> u64 {
        self.db.ids_known_since(now, keys_days)
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

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { key, address, error })
}

/// The address that the kernel gave, where the configuration asked for port 0.
fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}
