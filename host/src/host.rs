//! The parts, wired.

mod accepting;
mod alerts;
mod data_dir;
mod observed;
mod operators;
mod records;
mod sockets;
mod source_test;
mod stores;
mod verifiers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch as channel};
use tokio::task::JoinHandle;

use crate::admin::{LogLevel, Readiness};
use crate::config::{self, Config, ConfigState, Loaded, PrivateDir};
use crate::db::{self, Db, DbError, Following, Pruning};
use crate::dispatch::{Acceptance, Dispatch};
use crate::outbound::{self, Outbound};
use crate::plugins::{PluginSetup, Plugins, RunningEntry, Stamp, Watch};
use crate::runtime::{CompileOptions, CompilerMode, MemoryBounds, Runtime};
use crate::telemetry::Telemetry;
use crate::verifiers::Verifiers;
use crate::{admin, ingress};

use data_dir::{first_token, make_data_dir};
use observed::Observations;
use operators::OperatorParts;
use records::StoredRevisions;
use sockets::{AdminSide, bind, listen, local_address};
use stores::Stored;

/// Where the data directory has the copies of the verifiers that run.
const KEPT_VERIFIERS: &str = "kept-verifiers";

/// Time for the admin side to finish open answers at the end, and to write what it has in memory.
const ADMIN_GRACE: Duration = Duration::from_secs(1);

/// The reason why the host did not start.
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
    /// The outbound clients could not be set up.
    #[error(transparent)]
    Outbound(#[from] outbound::InvalidEmailConfig),
    /// The system has no threads for the guests or the verifiers.
    #[error("threads for guests: {0}")]
    Threads(std::io::Error),
    /// The exporter of spans and metrics could not be made.
    #[error("telemetry: {0}")]
    Telemetry(std::io::Error),
    /// The metrics recorder could not be set up.
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
    telemetry: Telemetry,
    telemetry_task: JoinHandle<()>,
    watch_task: JoinHandle<()>,
    access: admin::Access,
    access_task: JoinHandle<()>,
    alerts_task: JoinHandle<()>,
    pruning: Pruning,
    indexing: Following,
    readiness: Readiness,
    /// Requests a new read of the configuration.
    reload: Arc<Notify>,
}

impl Host {
    /// Starts everything: the operators' side, which reports the progress; database, engine, plugins,
    /// dispatch; and the webhook endpoint, once the plugins' handlers are known. Plugins may still be loading
    /// then. If it is dropped before it returns, only committed data remains.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(loaded: Loaded) -> Result<Self, StartError> {
        Self::start_with(loaded, Vec::new(), LogLevel::default()).await
    }

    /// As [`Host::start`], with plugins without files: native code, for benchmarks. Operators may change the level of
    /// this log.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with(
        mut loaded: Loaded,
        fixed: Vec<RunningEntry>,
        log_level: LogLevel,
    ) -> Result<Self, StartError> {
        loaded.default_source(&loaded.config.data_dir(), true)?;
        let metrics = admin::metrics::install().map_err(StartError::Metrics)?;
        let config = Arc::new(loaded.config.clone());
        let (data_dir, first_token) = (make_data_dir(&config)?, first_token(&config)?);
        let current = channel::Sender::new(Arc::clone(&config));
        let on_webhooks = bind("server.listen", config.server.listen)?;
        let admin_side = AdminSide::serve(&current, &metrics)?;
        let readiness = admin_side.readiness.clone();

        readiness.set("starting: the database is opened, and its tables are brought up to date");
        let db = Db::open(&config.database, db_limits(&config)).await?;
        let watch_task = tokio::spawn(db.clone().watch(watch_limits(&config.database)));
        let indexing = db.start_indexing(current.subscribe()).await;
        let outbound = Outbound::new(&config.http, &config.email)?;
        readiness.set("starting: the WebAssembly engine is made");
        let runtime = start_runtime(&config, &data_dir, &db, &outbound)?;
        readiness.set("starting: the host finds out which events the plugins handle");
        let telemetry = Telemetry::start(&config.telemetry).map_err(StartError::Telemetry)?;
        let observations = Observations::start(db.clone());
        observations.config(&loaded, None);
        let records = Arc::new(StoredRevisions::new(db.clone(), observations.clone(), current.subscribe()));
        let choices = db.plugin_choices().await?;
        let setup = PluginSetup { runtime, config: current.subscribe(), fixed, records, choices };
        let (plugins, verifiers) = start_guests(setup, &data_dir).await?;
        let parts = (db.clone(), plugins.clone(), outbound.clone());
        let dispatch = start_dispatch(&current, parts, &telemetry)?;
        let pruning = db.start_pruning(current.subscribe());
        let access =
            admin::Access::open(db.clone(), first_token, current.subscribe(), ingress::peer_address).await?;

        let webhooks = local_address(&on_webhooks, config.server.listen);
        let on_webhooks = listen("server.listen", on_webhooks, webhooks)?;
        let sources = prepare_sources(&config, &verifiers);
        let acceptance = Arc::new(Acceptance::new(db.clone(), plugins.clone()));
        let endpoint =
            ingress::Webhooks::new(Arc::clone(&sources), Arc::clone(&acceptance), telemetry.clone()).router();
        let (stop_webhooks, reload) = (channel::Sender::new(false), Arc::new(Notify::new()));
        let serving = (ingress::Limits::from(&config.server), stop_webhooks.subscribe());
        let webhooks_task = tokio::spawn(ingress::serve(on_webhooks, endpoint, serving.0, serving.1));

        let alerts = alerts::set_up(current.subscribe(), (&db, &plugins, &outbound), &sources);
        let (config_state, hour) = (Arc::new(ArcSwap::default()), admin::RecentHour::new(metrics.clone()));
        let metrics_task = tokio::spawn(admin::metrics::upkeep(metrics.clone(), hour.clone(), db.clone()));
        let admin_state = operators::state(OperatorParts {
            db: &db,
            plugins: &plugins,
            verifiers: &verifiers,
            dispatch: &dispatch,
            acceptance,
            outbound: &outbound,
            alerts: &alerts,
            access: &access,
            config: current.subscribe(),
            config_state: Arc::clone(&config_state),
            sources: Arc::clone(&sources),
            metrics,
            log_level,
            hour,
            side: &admin_side,
        });
        let telemetry_task = tokio::spawn(admin::metrics::export(admin_state.clone(), telemetry.clone()));
        admin_side.router.store(Arc::new(admin::router(admin_state, admin_side.hosts)));
        readiness.set_ready();
        let follow = Follow {
            loaded,
            reload: Arc::clone(&reload),
            current,
            state: config_state,
            sources,
            outbound,
            plugins,
            dispatch: dispatch.clone(),
            db: db.clone(),
            observations,
        };
        let host = Self {
            webhooks,
            admin: admin_side.address,
            shutdown_timeout: Duration::from_millis(config.server.shutdown_timeout_ms),
            data_dir,
            db,
            dispatch,
            stop_webhooks,
            stop_admin: admin_side.stop,
            webhooks_task,
            admin_task: admin_side.task,
            config_task: tokio::spawn(follow.run()),
            metrics_task,
            telemetry,
            telemetry_task,
            watch_task,
            access_task: tokio::spawn(access.clone().run()),
            access,
            alerts_task: tokio::spawn(alerts.run()),
            pruning,
            indexing,
            readiness,
            reload,
        };
        host.publish_addresses()?;
        Ok(host)
    }

    /// The address of the webhook endpoint.
    #[must_use]
    pub fn webhook_addr(&self) -> SocketAddr {
        self.webhooks
    }

    /// The address of the admin side.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// Requests a new read of the configuration file, as after a change of it.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Takes no more events, lets requests and calls in flight end within
    /// `server.shutdown_timeout_ms`, commits their results, and closes.
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
        self.telemetry_task.abort();
        self.watch_task.abort();
        self.alerts_task.abort();
        drop(self.pruning);
        self.indexing.stop().await;
        self.stop_admin.send_replace(true);
        let _ = tokio::time::timeout(ADMIN_GRACE, self.admin_task).await;
        self.access_task.abort();
        if tokio::time::timeout(ADMIN_GRACE, self.access.flush()).await.is_err() {
            tracing::warn!("the last uses of tokens and failed authentications were not written");
        }
        if let Err(error) = self.db.close().await {
            tracing::error!("closing: {error}");
        }
        // The commits of the last attempts are spans too.
        self.telemetry.stop().await;
        let _ = self.data_dir.remove(config::LISTENING);
    }

    /// Writes the addresses, which the configuration may leave to the kernel, for tools on this machine.
    fn publish_addresses(&self) -> Result<(), StartError> {
        let text = serde_json::json!({
            "webhooks": self.webhooks.to_string(),
            "admin": self.admin.to_string(),
            "pid": std::process::id(),
        });
        let written = self.data_dir.write(config::LISTENING, &[text.to_string().as_bytes()]);
        written.map_err(|error| StartError::DataDir { dir: self.data_dir.path().to_owned(), error })
    }
}

/// Applies changes of the configuration file.
struct Follow {
    loaded: Loaded,
    reload: Arc<Notify>,
    current: channel::Sender<Arc<Config>>,
    /// How the last read ended.
    state: Arc<ArcSwap<ConfigState>>,
    sources: Arc<ArcSwap<ingress::Sources>>,
    outbound: Outbound,
    plugins: Plugins,
    dispatch: Dispatch,
    db: Db,
    observations: Observations,
}

impl Follow {
    async fn run(mut self) {
        // The path as given, so that paths in the file resolve as at the start.
        let Some(path) = self.loaded.followed.clone() else {
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
            let plugins = self.current.borrow().plugins.clone();
            let (quiet, interval) = (plugins.debounce_ms, plugins.rescan_interval_ms);
            tokio::select! {
                () = watch.changed(Duration::from_millis(quiet), Duration::from_millis(interval)) => {}
                () = self.reload.notified() => {
                    if Stamp::of(&path).is_some() {
                        tracing::info!("SIGHUP received: the configuration is read again");
                    } else {
                        tracing::info!("SIGHUP received: there is no {} to read", path.display());
                    }
                    before = None;
                }
            }
        }
    }

    async fn reload(&mut self, path: &Path) {
        // Reads on a thread of its own, because opening a named pipe may wait.
        let file = path.to_owned();
        let old = self.current.borrow().clone();
        let data_dir = old.data_dir();
        let secret = data_dir.join(config::WEBHOOK_SECRET);
        let load = move || {
            let mut loaded = Config::load(Some(&file))?;
            let own_source = loaded.default_source(&data_dir, true)?;
            Ok::<_, config::ConfigError>((loaded, own_source))
        };
        let (loaded, own_source) = match tokio::task::spawn_blocking(load).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                self.state
                    .rcu(|state| ConfigState { error: Some(error.to_string()), ..state.as_ref().clone() });
                return tracing::error!(
                    "the changed configuration is rejected and the previous one stays: {error}"
                );
            }
            Err(error) => return tracing::error!("the changed configuration could not be read: {error}"),
        };
        if let Some((source, _)) = own_source {
            tracing::info!(
                "{} names no source: the host takes events of its own source `{source}`, whose secret is in {}",
                path.display(),
                secret.display()
            );
        }
        let changes = config::changes(&old, &loaded.config);
        for refusal in &changes.refused {
            tracing::error!("{refusal}");
        }
        self.state.store(Arc::new(ConfigState { error: None, refused: changes.refused.clone() }));
        self.observations.config(&loaded, Some(&changes));
        if changes.live.is_empty() {
            return;
        }
        let config = config::apply_live(&old, &loaded.config);
        self.sources.store(Arc::new(self.sources.load().from_changed(&config)));
        self.outbound.configure(&config.http, &config.email);
        self.dispatch.limit(&config.dispatch, &config.effects);
        self.db.limit_backlog(config.dispatch.backlog_max);
        let mut swaps = self.plugins.swaps();
        self.current.send_replace(Arc::new(config));
        // The log reports it once it applies: plugins have their new settings with the next
        // snapshot.
        let _published = swaps.changed().await;
        tracing::info!("configuration changed: {}", changes.live.join(", "));
    }
}

/// Logs how guests are kept inside their memories.
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

/// The limits on the database's memory and waiting work.
fn db_limits(config: &Config) -> db::Limits {
    db::Limits {
        queue_max: config.dispatch.queue_max,
        backlog_max: config.dispatch.backlog_max,
        cache_max_bytes: config.store.cache_max_bytes,
        crashes_max: config.dispatch.crashes_max,
    }
}

/// Starts the task that runs what is stored.
fn start_dispatch(
    config: &channel::Sender<Arc<Config>>,
    (db, plugins, outbound): (Db, Plugins, Outbound),
    telemetry: &Telemetry,
) -> Result<Dispatch, StartError> {
    let started = Dispatch::start(config.subscribe(), db, plugins, outbound, telemetry.clone());
    started.map_err(StartError::Threads)
}

/// Starts loading plugins and verifiers. Returns when the plugins' handlers and the verifiers are known, or after
/// `plugins.start_wait_ms`.
async fn start_guests(setup: PluginSetup, data_dir: &PrivateDir) -> Result<(Plugins, Verifiers), StartError> {
    let longest = Duration::from_millis(setup.config.borrow().plugins.start_wait_ms);
    let kept = data_dir
        .subdir(KEPT_VERIFIERS)
        .map_err(|error| StartError::DataDir { dir: data_dir.path().join(KEPT_VERIFIERS), error })?;
    let verifiers = Verifiers::start(setup.runtime.clone(), setup.config.clone(), kept);
    let verifiers = verifiers.map_err(StartError::Threads)?;
    let (plugins, ()) = tokio::join!(Plugins::start(setup), verifiers.wait_ready(longest));
    Ok((plugins, verifiers))
}

/// The sources of a configuration, which call these verifiers.
fn prepare_sources(config: &Config, verifiers: &Verifiers) -> Arc<ArcSwap<ingress::Sources>> {
    Arc::new(ArcSwap::from_pointee(ingress::Sources::from_config(config, Arc::new(verifiers.clone()))))
}

/// Starts the WebAssembly engine.
fn start_runtime(
    config: &Config,
    data_dir: &PrivateDir,
    db: &Db,
    outbound: &Outbound,
) -> Result<Runtime, StartError> {
    let cache_home = Some(data_dir.path().to_owned());
    let compilation = CompileOptions { compiler: CompilerMode::ChildAhead, cache_home, count_fuel: false };
    let stores = Arc::new(Stored(db.clone()));
    let runtime = Runtime::new(&config.runtime, compilation, stores, outbound.clone())?;
    announce(runtime.memory_bounds());
    Ok(runtime)
}

/// The limits for the database's health while the host runs.
fn watch_limits(database: &config::Database) -> db::WatchLimits {
    db::WatchLimits {
        log_warn_bytes: database.log_warn_bytes,
        busy_timeout: Duration::from_millis(database.busy_timeout_ms),
    }
}
