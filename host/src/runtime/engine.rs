//! One engine for the life of the process: pooled instances, epoch deadlines, bounded everything.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::cache::Cache;
use super::capabilities;
use super::compile::{Compile, Compiler};
use super::engine_config::{MemoryBounds, TABLES_PER_PLACE, engine_config};
use super::guest::Guest;
use super::instances::Pool;
use super::stores::Stores;
use crate::config;
use crate::outbound::Outbound;

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start: {0}")]
pub struct RuntimeError(String);

/// The engine, what it links, and the pool that makes attempts wait instead of fail when it is full.
#[derive(Clone)]
pub struct Runtime(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) bounds: MemoryBounds,
    pub(super) linker: Linker<Guest>,
    pub(super) cache: Option<Cache>,
    pub(super) compile: Compile,
    pub(super) remembers_deaths: bool,
    pub(super) pool: Pool,
    pub(super) limits: config::Runtime,
    pub(super) stores: Arc<dyn Stores>,
    pub(super) outbound: Outbound,
}

/// How a runtime compiles and what it keeps of that.
#[derive(Debug, Clone, Default)]
pub struct Compilation {
    /// Where it compiles.
    pub compiler: Compiler,
    /// The directory below which machine code is kept between runs, in `cache`. Without it each file is
    /// compiled again.
    pub cache_home: Option<PathBuf>,
    /// Counts the instructions of every call, which costs a little of each.
    pub count_fuel: bool,
}

impl Runtime {
    /// Makes the engine and starts its clock. `stores` is what plugins' stores have in them; what guests
    /// send leaves through `outbound`.
    ///
    /// # Errors
    /// [`RuntimeError`] when the pool does not fit this machine or the cache directory is not the
    /// host's alone.
    pub fn new(
        limits: &config::Runtime,
        compilation: Compilation,
        stores: Arc<dyn Stores>,
        outbound: Outbound,
    ) -> Result<Self, RuntimeError> {
        let Compilation { compiler, cache_home, count_fuel } = compilation;
        let fail = |error: wasmtime::Error| RuntimeError(format!("{error:#}"));
        let (engine, bounds) = engine(limits, count_fuel).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        capabilities::add_to_linker(&mut linker).map_err(fail)?;
        let open = |home: PathBuf| Cache::open(&home, &engine, limits);
        let cache = cache_home.map(open).transpose().map_err(RuntimeError)?;
        let compile = Compile::new(compiler, &engine, limits, bounds, count_fuel).map_err(RuntimeError)?;
        start_clock(&engine, Duration::from_millis(limits.tick_ms)).map_err(RuntimeError)?;
        let pool = Pool::new(limits.instances_max);
        let limits = limits.clone();
        let remembers_deaths = compiler == Compiler::ChildAhead;
        let inner = Inner {
            engine,
            bounds,
            linker,
            cache,
            compile,
            remembers_deaths,
            pool,
            limits,
            stores,
            outbound,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// How guests are kept inside their memories: by what this process has address space for.
    #[must_use]
    pub fn memory_bounds(&self) -> MemoryBounds {
        self.0.bounds
    }

    /// Starts a compiler ahead of the next changed file, where [`Compiler::ChildAhead`] says so.
    pub fn start_compiler_ahead(&self) {
        self.0.compile.start_ahead();
    }
}

/// Places that one instance of a component takes, so that the memories and tables it needs are
/// there once it has them.
pub(super) fn places(component: &Component) -> u32 {
    let needs = component.resources_required();
    let memories = needs.as_ref().map_or(1, |needs| needs.num_memories);
    let tables = needs.as_ref().map_or(1, |needs| needs.num_tables);
    memories.max(tables.div_ceil(TABLES_PER_PLACE)).max(1)
}

/// An engine with guard pages, or with checks where this process has no address space for those.
fn engine(limits: &config::Runtime, counts_fuel: bool) -> wasmtime::Result<(Engine, MemoryBounds)> {
    let make = |bounds| {
        let mut config = engine_config(limits, bounds);
        Ok((Engine::new(config.consume_fuel(counts_fuel))?, bounds))
    };
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current;
    match MemoryBounds::fitting(limit, limits) {
        // Not every limit can be asked for: what a container, the kernel or the processor allows.
        MemoryBounds::GuardPages => make(MemoryBounds::GuardPages).or_else(|_| make(MemoryBounds::Checks)),
        MemoryBounds::Checks => make(MemoryBounds::Checks),
    }
}

/// One thread moves the epoch of the engine; it ends with the engine.
fn start_clock(engine: &Engine, tick: Duration) -> Result<(), String> {
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
