//! The wasmtime engine, of which a host has one, and all that its revisions share: linker, cache, compiler, pool.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::Linker;

use super::cache::CodeCache;
use super::capabilities;
use super::compile::{Compiler, CompilerMode};
use super::compile_locks::CompileLocks;
use super::engine_config::{MemoryBounds, engine_config, replay_places};
use super::pool::InstancePool;
use super::state::InstanceState;
use super::stores::PluginStores;
use crate::config;
use crate::outbound::Outbound;

/// The engine could not be created.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start: {0}")]
pub struct RuntimeError(String);

/// Loads plugins and runs their calls. See the module.
#[derive(Clone)]
pub struct Runtime(pub(super) Arc<Inner>, PoolKind);

/// The places that instances take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PoolKind {
    /// Those of `runtime.instances_max`.
    Shared,
    /// Those beside them, for revisions that replays chose.
    Replays,
}

pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) bounds: MemoryBounds,
    pub(super) linker: Linker<InstanceState>,
    pub(super) cache: Option<Arc<CodeCache>>,
    pub(super) compile: Compiler,
    pub(super) compile_locks: CompileLocks,
    pub(super) records_compiler_failures: bool,
    pool: InstancePool,
    replay_pool: InstancePool,
    pub(super) limits: config::Runtime,
    pub(super) stores: Arc<dyn PluginStores>,
    pub(super) outbound: Outbound,
}

/// The compiler of a runtime, and its store of machine code.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// The place where the compiler runs.
    pub compiler: CompilerMode,
    /// The directory below which machine code is kept, in `cache`. `None` = each start compiles each file again.
    pub cache_home: Option<PathBuf>,
    /// Whether the instructions of each call are counted, which makes calls a little slower.
    pub count_fuel: bool,
}

impl Runtime {
    /// Creates the engine and starts its epoch clock. Calls read plugins' stores from `stores`, and send requests
    /// through `outbound`.
    ///
    /// # Errors
    /// [`RuntimeError`] when the pool does not fit this machine, or others may write to the cache directory.
    pub fn new(
        limits: &config::Runtime,
        compilation: CompileOptions,
        stores: Arc<dyn PluginStores>,
        outbound: Outbound,
    ) -> Result<Self, RuntimeError> {
        let CompileOptions { compiler, cache_home, count_fuel } = compilation;
        let fail = |error: wasmtime::Error| RuntimeError(format!("{error:#}"));
        let (engine, bounds) = engine(limits, count_fuel).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        capabilities::add_to_linker(&mut linker).map_err(fail)?;
        let open = |home: PathBuf| CodeCache::open(&home, &engine, limits).map(Arc::new);
        let cache = cache_home.map(open).transpose().map_err(RuntimeError)?;
        let compile = Compiler::new(compiler, &engine, limits, bounds, count_fuel).map_err(RuntimeError)?;
        start_epoch_clock(&engine, Duration::from_millis(limits.tick_ms)).map_err(RuntimeError)?;
        let pool = InstancePool::new(limits.instances_max);
        let replay_pool = InstancePool::new(replay_places(limits));
        let limits = limits.clone();
        let records_compiler_failures = compiler == CompilerMode::ChildAhead;
        let inner = Inner {
            engine,
            bounds,
            linker,
            cache,
            compile,
            compile_locks: CompileLocks::default(),
            records_compiler_failures,
            pool,
            replay_pool,
            limits,
            stores,
            outbound,
        };
        Ok(Self(Arc::new(inner), PoolKind::Shared))
    }

    /// The same runtime with places apart from the others, so that neither waits for the other's instances.
    #[must_use]
    pub fn for_replays(&self) -> Self {
        Self(Arc::clone(&self.0), PoolKind::Replays)
    }

    /// The runtime for a component whose instances take this many places. One that takes more than there are for replays
    /// shares the places of all others.
    pub(super) fn for_places(&self, places: u32) -> Self {
        let kind = if places > self.0.replay_pool.size() { PoolKind::Shared } else { self.1 };
        Self(Arc::clone(&self.0), kind)
    }

    /// The places for instances.
    pub(super) fn pool(&self) -> &InstancePool {
        match self.1 {
            PoolKind::Shared => &self.0.pool,
            PoolKind::Replays => &self.0.replay_pool,
        }
    }

    /// The protection of guests' memories. It depends on the address space of this process.
    #[must_use]
    pub fn memory_bounds(&self) -> MemoryBounds {
        self.0.bounds
    }

    /// Starts a compiler ahead of the next changed file, where [`CompilerMode::ChildAhead`] says so.
    pub fn start_compiler_ahead(&self) {
        self.0.compile.start_ahead();
    }
}

/// Creates an engine with guard pages, or with checks where the address space is too small for them.
fn engine(limits: &config::Runtime, counts_fuel: bool) -> wasmtime::Result<(Engine, MemoryBounds)> {
    let make = |bounds| {
        let mut config = engine_config(limits, bounds);
        Ok((Engine::new(config.consume_fuel(counts_fuel))?, bounds))
    };
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
    match MemoryBounds::for_address_space(limit, limits) {
        // Containers, the kernel and the processor have limits that cannot be queried.
        MemoryBounds::GuardPages => make(MemoryBounds::GuardPages).or_else(|_| make(MemoryBounds::Checks)),
        MemoryBounds::Checks => make(MemoryBounds::Checks),
    }
}

/// Starts the thread that increments the engine's epoch at each tick. It ends with the engine.
fn start_epoch_clock(engine: &Engine, tick: Duration) -> Result<(), String> {
    let engine = engine.weak();
    let run = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(tick);
        }
    };
    let thread = std::thread::Builder::new().name("epoch".into()).spawn(run);
    thread.map(drop).map_err(|error| format!("no thread for the epoch clock: {error}"))
}
