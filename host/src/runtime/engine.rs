//! One engine for the life of the process: pooled instances, epoch deadlines, bounded everything.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
};

use super::cache::Cache;
use super::capabilities;
use super::guest::Guest;
use super::instances::Pool;
use super::stores::Stores;
use crate::config;
use crate::outbound::Outbound;

/// Core instances, memories and tables that one component may have: what the largest language
/// runtimes need (JavaScript's has 38 core instances), with room.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
const MEMORIES_PER_COMPONENT: u32 = 8;
const TABLES_PER_COMPONENT: u32 = 64;
/// The pool has this many tables for each memory.
const TABLES_PER_SLOT: u32 = 8;
/// Bytes at the start of a linear memory that are cleared by writing zeros when an instance is
/// dropped. Cheaper than giving the pages back for guests with a small stack, which is first
/// (measured with a Rust handler: 45 µs an attempt with none, 29 µs with this).
const MEMORY_RESIDENT_BYTES: usize = 256 * 1024;
/// The same for tables and for the stacks of calls.
const TABLE_RESIDENT_BYTES: usize = 64 * 1024;
const STACK_RESIDENT_BYTES: usize = 64 * 1024;
/// Pages that are given back after all go back for so many instances at once: each call to the
/// kernel stops the other cores for a moment.
const DECOMMIT_BATCH: usize = 32;
/// What the host's own frames need on a guest's stack, beyond `stack_max_bytes`.
const HOST_STACK_BYTES: usize = 512 * 1024;

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start: {0}")]
pub struct RuntimeError(String);

/// The engine, what it links, and the pool that makes attempts wait instead of fail when it is full.
#[derive(Clone)]
pub struct Runtime(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) linker: Linker<Guest>,
    pub(super) cache: Option<Cache>,
    pub(super) pool: Pool,
    pub(super) limits: config::Runtime,
    pub(super) stores: Arc<dyn Stores>,
    pub(super) outbound: Outbound,
}

impl Runtime {
    /// Makes the engine and starts its clock. `cache_dir` keeps compiled plugins between runs;
    /// without it each is compiled again. `stores` is what plugins' stores have in them; what guests send
    /// leaves through `outbound`.
    ///
    /// # Errors
    /// [`RuntimeError`] when the pool does not fit this machine or the cache directory is not the
    /// host's alone.
    pub fn new(
        limits: &config::Runtime,
        cache_dir: Option<PathBuf>,
        stores: Arc<dyn Stores>,
        outbound: Outbound,
    ) -> Result<Self, RuntimeError> {
        Self::with(&engine_config(limits), limits, cache_dir, stores, outbound)
    }

    /// As [`Runtime::new`], counting the instructions of every call, which costs a little of each.
    ///
    /// # Errors
    /// As [`Runtime::new`].
    pub fn counting_fuel(
        limits: &config::Runtime,
        cache_dir: Option<PathBuf>,
        stores: Arc<dyn Stores>,
        outbound: Outbound,
    ) -> Result<Self, RuntimeError> {
        Self::with(engine_config(limits).consume_fuel(true), limits, cache_dir, stores, outbound)
    }

    fn with(
        config: &Config,
        limits: &config::Runtime,
        cache_dir: Option<PathBuf>,
        stores: Arc<dyn Stores>,
        outbound: Outbound,
    ) -> Result<Self, RuntimeError> {
        let fail = |error: wasmtime::Error| RuntimeError(format!("{error:#}"));
        let engine = Engine::new(config).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        capabilities::add_to_linker(&mut linker).map_err(fail)?;
        let cache = cache_dir.map(|dir| Cache::open(dir, &engine)).transpose().map_err(RuntimeError)?;
        start_clock(&engine, Duration::from_millis(limits.tick_ms)).map_err(RuntimeError)?;
        let pool = Pool::new(limits.instances_max);
        let limits = limits.clone();
        Ok(Self(Arc::new(Inner { engine, linker, cache, pool, limits, stores, outbound })))
    }
}

/// Permits that one instance of a component takes, so that the memories and tables it needs are
/// there once it has them.
pub(super) fn slots(component: &Component) -> u32 {
    let needs = component.resources_required();
    let memories = needs.as_ref().map_or(1, |needs| needs.num_memories);
    let tables = needs.as_ref().map_or(1, |needs| needs.num_tables);
    memories.max(tables.div_ceil(TABLES_PER_SLOT)).max(1)
}

/// The engine's configuration: what a benchmark has to give bare wasmtime to compare like with like.
#[must_use]
pub fn engine_config(limits: &config::Runtime) -> Config {
    let slots = limits.instances_max;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots * CORE_INSTANCES_PER_COMPONENT)
        .total_memories(slots)
        .total_tables(slots * TABLES_PER_SLOT)
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .max_memory_size(usize::try_from(limits.memory_max_bytes).unwrap_or(usize::MAX))
        .table_elements(limits.table_elements_max)
        .linear_memory_keep_resident(MEMORY_RESIDENT_BYTES)
        .table_keep_resident(TABLE_RESIDENT_BYTES)
        .async_stack_keep_resident(STACK_RESIDENT_BYTES)
        .decommit_batch_size(DECOMMIT_BATCH)
        // Scanning the page map would reset memory faster, but can miss a page that was swapped
        // out (bytecodealliance/wasmtime#14357), and the next plugin would read it.
        .pagemap_scan(Enabled::No);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        // Checked in the guest's code, memory needs no guard pages. With them, every attempt whose
        // guest grows its memory would pay two calls of mprotect, which stop the other threads
        // (measured: 13 µs an attempt with them, 6.4 µs without); and every slot would reserve 4 GiB.
        .signals_based_traps(false)
        .memory_guard_size(0)
        .memory_reservation(limits.memory_max_bytes)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_max_bytes)
        .async_stack_size(limits.stack_max_bytes + HOST_STACK_BYTES)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        // A handler is one call that returns; concurrent calls into an instance are not offered.
        .concurrency_support(false);
    config
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
