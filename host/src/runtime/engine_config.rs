//! The engine's configuration: settings that change compiled code, and the pool for instances.

use serde::{Deserialize, Serialize};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::config;

/// Most core instances of one component. JavaScript's language runtime, the largest, has 38.
pub(super) const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
/// Most linear memories of one component.
pub(super) const MEMORIES_PER_COMPONENT: u32 = 8;
/// Most tables of one component.
pub(super) const TABLES_PER_COMPONENT: u32 = 64;
/// Tables in the pool for each place.
pub(super) const TABLES_PER_PLACE: u32 = 8;
/// Memories in the pool for each place: a linear memory, and the heap of an instance that uses garbage
/// collection or exceptions. wasmtime has no way to ask which components do.
const MEMORIES_PER_PLACE: u32 = 2;

/// Most places beside `runtime.instances_max`, for revisions that replays chose: as many as the largest instance takes.
const REPLAY_PLACES_MAX: u32 = 8;
/// Most places beside `runtime.instances_max` for verifiers, of which each call takes one.
const VERIFIER_PLACES_MAX: u32 = 32;

/// Bytes of address space of one memory with guard pages: all that a 32-bit index reaches.
const GUARDED_RESERVATION_BYTES: u64 = 4 << 30;
/// Bytes after it, for the constant offset that an instruction adds to its index. wasmtime's default.
const GUARDED_REGION_BYTES: u64 = 32 << 20;
/// Bytes of address space that a memory without guard pages has at first. When it has to move to grow, it
/// gets as much beyond its size.
const CHECKED_RESERVATION_BYTES: u64 = 4 << 20;
/// Bytes after a memory without guard pages. If an instruction's constant offset is smaller, checking
/// the index alone suffices.
const CHECKED_REGION_BYTES: u64 = 64 << 10;

/// Bytes at the start of a linear memory that are written again when an instance is dropped. Returning the
/// pages to the kernel costs a fault for each page that the next instance uses. Measured with a Rust handler, whose
/// memory is 128 KiB: 45 µs an attempt with none, 29 µs with this. With a TypeScript handler, whose memory is
/// 1.9 MiB: 371 µs with 256 KiB, 216 µs with this. An attempt in Python uses some pages in each part of 12 MiB, and
/// takes 1.04 times as long with this, 1.09 times with 2 MiB.
const MEMORY_RESIDENT_BYTES: usize = 1536 * 1024;
/// The same limit for tables and for the stacks of calls.
const TABLE_RESIDENT_BYTES: usize = 64 * 1024;
const STACK_RESIDENT_BYTES: usize = 64 * 1024;
/// Pages are returned to the kernel for this many instances at once: each system call briefly stops the
/// other cores.
const DECOMMIT_BATCH: usize = 32;
/// Bytes that the host's own frames need on a guest's stack, beyond `stack_max_bytes`.
const HOST_STACK_BYTES: usize = 512 * 1024;

/// The protection by which compiled code keeps a guest's accesses inside its linear memory. Code for one does
/// not run with the other. Both have wasmtime's Spectre mitigations: an access after a mispredicted branch
/// stays in the guest's own address space, or is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemoryBounds {
    /// Each memory has address space for every index, and the part that the guest may not access is
    /// protected. Memories come from a pool that is mapped once.
    GuardPages,
    /// Compiled code compares each index to the size of its memory. A memory takes only the address space
    /// that it needs, and is mapped for each instance. It is for a process whose address space is limited.
    Checks,
}

impl MemoryBounds {
    /// The name that operators see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GuardPages => "guard-pages",
            Self::Checks => "checks",
        }
    }

    /// The way that fits an address space; `None` = no limit. Half of a limit is left to everything else: threads,
    /// the database, compiled code.
    pub(super) fn for_address_space(address_space_bytes: Option<u64>, limits: &config::Runtime) -> Self {
        let places = all_places(limits);
        let memories = u64::from(places) * u64::from(MEMORIES_PER_PLACE);
        let pool_bytes = memories * (GUARDED_RESERVATION_BYTES + GUARDED_REGION_BYTES);
        match address_space_bytes {
            Some(limit) if limit / 2 < pool_bytes => Self::Checks,
            _ => Self::GuardPages,
        }
    }
}

/// The number of places for revisions that replays chose.
#[must_use]
pub fn replay_places(limits: &config::Runtime) -> u32 {
    limits.instances_max.div_ceil(8).min(REPLAY_PLACES_MAX)
}

/// The number of places for verifiers: so many may be called at once.
#[must_use]
pub fn verifier_places(limits: &config::Runtime) -> u32 {
    limits.instances_max.div_ceil(8).min(VERIFIER_PLACES_MAX)
}

/// All places of the pool.
fn all_places(limits: &config::Runtime) -> u32 {
    limits.instances_max + replay_places(limits) + verifier_places(limits)
}

/// The settings that change compiled code. Code of an engine with this configuration runs in an engine with
/// [`engine_config`] of the same arguments.
#[must_use]
pub fn compiler_config(limits: &config::Runtime, bounds: MemoryBounds) -> Config {
    let mut config = Config::new();
    match bounds {
        MemoryBounds::GuardPages => config
            .memory_reservation(GUARDED_RESERVATION_BYTES)
            .memory_guard_size(GUARDED_REGION_BYTES)
            .memory_may_move(false),
        MemoryBounds::Checks => config
            .memory_reservation(CHECKED_RESERVATION_BYTES)
            .memory_reservation_for_growth(CHECKED_RESERVATION_BYTES)
            .memory_guard_size(CHECKED_REGION_BYTES),
    };
    config
        // Without them wasmtime switches its Spectre mitigations off.
        .signals_based_traps(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_max_bytes)
        .async_stack_size(limits.stack_max_bytes + HOST_STACK_BYTES)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        // A handler is one call that returns; concurrent calls into an instance are not offered.
        .concurrency_support(false);
    config
}

/// The engine's configuration. Public, so that a benchmark can give bare wasmtime the same.
#[must_use]
pub fn engine_config(limits: &config::Runtime, bounds: MemoryBounds) -> Config {
    let mut config = compiler_config(limits, bounds);
    config.allocation_strategy(match bounds {
        MemoryBounds::GuardPages => InstanceAllocationStrategy::Pooling(pooling_config(limits)),
        MemoryBounds::Checks => InstanceAllocationStrategy::OnDemand,
    });
    config
}

fn pooling_config(limits: &config::Runtime) -> PoolingAllocationConfig {
    let places = all_places(limits);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_core_instances(places * CORE_INSTANCES_PER_COMPONENT)
        .total_memories(places * MEMORIES_PER_PLACE)
        .total_gc_heaps(places)
        .total_tables(places * TABLES_PER_PLACE)
        .total_stacks(places)
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
        // Scanning the page map would reset memory faster. But it misses a page that is not present when it is
        // scanned, and the next plugin would read it: one that was swapped out
        // (bytecodealliance/wasmtime#14357), or that the kernel moves at that moment, as it does without swap
        // too. Locked pages are moved as well. See "Page-map scanning" in tests/bench/README.md.
        .pagemap_scan(Enabled::No);
    pool
}

#[cfg(test)]
mod tests {
    use wasmtime::Engine;

    use super::*;

    #[test]
    fn guard_pages_need_twice_the_address_space_of_the_pool() {
        let limits = |instances_max| config::Runtime { instances_max, ..config::Config::default().runtime };
        for (instances_max, address_space_bytes, expected) in [
            (256, None, MemoryBounds::GuardPages),
            (256, Some(u64::MAX), MemoryBounds::GuardPages),
            (256, Some(3 << 30), MemoryBounds::Checks),
            (256, Some(1 << 40), MemoryBounds::Checks),
            (256, Some(5 << 40), MemoryBounds::GuardPages),
            (1, Some(48 << 30), MemoryBounds::Checks),
            (1, Some(49 << 30), MemoryBounds::GuardPages),
        ] {
            let bounds = MemoryBounds::for_address_space(address_space_bytes, &limits(instances_max));
            assert_eq!(bounds, expected, "{instances_max} {address_space_bytes:?}");
        }
    }

    /// wasmtime switches its Spectre mitigations off only where traps do not use signals.
    #[test]
    fn traps_use_signals_with_guard_pages_and_with_checks() {
        let limits = config::Runtime { instances_max: 1, ..config::Config::default().runtime };
        for bounds in [MemoryBounds::GuardPages, MemoryBounds::Checks] {
            let engine = Engine::new(&engine_config(&limits, bounds)).unwrap();
            assert!(engine.get_signals_based_traps(), "{bounds:?}");
        }
    }

    #[test]
    fn code_compiled_without_a_pool_runs_in_an_engine_with_one() {
        let limits = config::Runtime { instances_max: 1, ..config::Config::default().runtime };
        let hash = |config: &Config| {
            let engine = Engine::new(config).unwrap();
            let mut hash = std::hash::DefaultHasher::new();
            std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hash);
            std::hash::Hasher::finish(&hash)
        };
        for bounds in [MemoryBounds::GuardPages, MemoryBounds::Checks] {
            let (compiler, engine) = (compiler_config(&limits, bounds), engine_config(&limits, bounds));
            assert_eq!(hash(&compiler), hash(&engine), "{bounds:?}");
        }
    }
}
