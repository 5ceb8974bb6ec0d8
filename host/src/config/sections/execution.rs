//! Where plugins come from, how much runs at once, and the WebAssembly engine.

use std::path::PathBuf;

use serde::Serialize;

use super::{CRASHES, ENGINE, GIB, HOUR_MS, INTEGER_MAX, KIB, MIB, QUEUES, START, WAIT, WATCH, WRITER};
use crate::config::section::section;
use crate::config::values::Approval;

section! {
    /// Where plugins come from.
    pub struct Plugins {
        /// The directory of `NAME.wasm` files. It may be created later.
        #[key(default = "plugins".into(), restart = WATCH)]
        pub dir: PathBuf,
        /// Quiet time after a change before a file is read, in milliseconds.
        #[key(default = 50, range = 0..=60_000, restart = WATCH)]
        pub debounce_ms: u64,
        /// Time for which a file may be missing before its plugin is removed, in milliseconds: some editors unlink a
        /// file and create it again.
        #[key(default = 1000, range = 0..=HOUR_MS, restart = WATCH)]
        pub removal_grace_ms: u64,
        /// Interval at which the directory is scanned even when no change was notified, in milliseconds.
        #[key(default = 2000, range = 10..=HOUR_MS, restart = WATCH)]
        pub rescan_interval_ms: u64,
        /// Largest `.wasm` file that is loaded, in bytes.
        #[key(default = 64 * MIB, range = KIB..=GIB, restart = WATCH)]
        pub file_max_bytes: u64,
        /// Time the host waits at its start, before it accepts events, to learn which event types plugins handle whose
        /// handlers are not known yet, in milliseconds. Events of a plugin that takes longer wait until it is ready,
        /// and are matched then.
        #[key(default = 500, range = 0..=HOUR_MS, restart = WAIT)]
        pub start_wait_ms: u64,
        /// Revisions that are loaded at once for replays that chose one (`--revision`), beside those in force. Deliveries on
        /// further ones wait until one of these has none left, or gives way after some seconds.
        #[key(default = 4, range = 1..=64, restart = WATCH)]
        pub replay_revisions_max: usize,
        /// Switches of all plugins together (`hookyard plugin disable`). A further one is refused.
        #[key(default = 10_000, range = 1..=1_000_000)]
        pub switches_max: usize,
        /// Revisions that wait for `hookyard plugin approve` before they run: `none`; `widening`, those with a capability
        /// (an import) or an event type that the revision in force does not have, and so each first revision of a
        /// plugin; or `all`. A way back to a revision that was in force needs no approval. `hookyard dev` takes `none`.
        #[key(default = Approval::None, restart = WATCH)]
        pub approval: Approval,
    }
}

section! {
    /// Verifiers: components that prove who sent a request, for sources with `verifier` (docs/verifiers.md).
    pub struct Verifiers {
        /// The directory of `NAME.wasm` files, each with its `NAME.vectors.json`. It may be created later. It is followed
        /// like `plugins.dir`, at the same intervals and with the same limit on files.
        #[key(default = "verifiers".into(), restart = WATCH)]
        pub dir: PathBuf,
        /// Longest time of one call, in milliseconds. A request whose verifier takes longer is answered 503.
        #[key(default = 50, range = 1..=10_000)]
        pub timeout_ms: u64,
        /// Linear memory of one call, in bytes, with the request in it. At most `runtime.memory_max_bytes`, and at least
        /// twice `server.body_max_bytes` where a source has a verifier.
        #[key(default = 16 * MIB, range = 64 * KIB..=4 * GIB)]
        pub memory_max_bytes: u64,
        /// Calls of all verifiers at once, on threads of their own; at most an eighth of `runtime.instances_max`. 0 = the number
        /// of cores, at least 2 and at most 32. One verifier takes half of them, so that others find some beside a slow one; of
        /// one thread it takes that one. The bodies that wait for one verifier have at most a quarter of
        /// `server.bodies_max_bytes`; more are answered 503.
        #[key(default = 0, range = 0..=32, restart = START)]
        pub concurrency: usize,
        /// Time for which a request may wait for its verifier's turn, in milliseconds. After it the request is answered 503.
        #[key(default = 1000, range = 0..=60_000)]
        pub wait_max_ms: u64,
    }
}

section! {
    /// How much runs at once.
    pub struct Dispatch {
        /// Places that attempts may use at once in this host, out of `runtime.instances_max`. Most attempts use one;
        /// those of a plugin with eight memories use eight. One plugin may use as many of these places as it leaves
        /// free, so that other plugins always find some. The first attempt of a plugin always starts, even beyond this
        /// number.
        #[key(default = 64, range = 1..=10_000)]
        pub concurrency: usize,
        /// Deliveries that wait in memory for one plugin. The others wait in the database.
        #[key(default = 1024, range = 1..=1_000_000, restart = QUEUES)]
        pub window: usize,
        /// Open deliveries in the database above which senders get 429.
        #[key(default = 1_000_000, range = 1..=INTEGER_MAX)]
        pub backlog_max: u64,
        /// Writes that wait for their commit above which senders get 429.
        #[key(default = 4096, range = 1..=1_000_000, restart = WRITER)]
        pub queue_max: usize,
        /// An attempt that was running when the host process died counts as failed. After this many, a delivery is a
        /// dead letter and an effect is dead. The last attempt before that runs alone, so that no other one can be the
        /// cause.
        #[key(default = 3, range = 1..=1000, restart = CRASHES)]
        pub crashes_max: u32,
        /// Time after a start during which attempts may run alone for that reason, all together, in milliseconds. After
        /// it, others run beside them.
        #[key(default = 10_000, range = 0..=HOUR_MS, restart = CRASHES)]
        pub alone_max_ms: u64,
    }
}

section! {
    /// The WebAssembly engine.
    #[derive(Serialize)]
    pub struct Runtime {
        /// Places for instances. An instance takes at least one: one for each of its linear memories, or one for each
        /// eight tables. A place reserves 8 GiB of address space, and memory only as it is used; up to 3 MiB stay when
        /// it is free again. If the address space of the process is limited to less than twice all of it (ulimit -v),
        /// nothing is reserved and attempts are slower. An eighth more, at most 8, is for replays that chose a revision, and
        /// an eighth, at most 32, for verifiers. Set enough for one instance of each plugin, and for
        /// `dispatch.concurrency`.
        #[key(default = 256, range = 1..=10_000, restart = ENGINE)]
        pub instances_max: u32,
        /// Largest linear memory that a plugin's `memory_max_bytes` may allow, in bytes.
        #[key(default = 256 * MIB, range = 64 * KIB..=4 * GIB, restart = ENGINE)]
        pub memory_max_bytes: u64,
        /// Elements of all tables of an instance.
        #[key(default = 40_000, range = 1..=10_000_000, restart = ENGINE)]
        pub table_elements_max: usize,
        /// WebAssembly stack of one call, in bytes.
        #[key(default = 512 * 1024, range = 64 * KIB..=8 * MIB, restart = ENGINE)]
        pub stack_max_bytes: usize,
        /// Resolution of call deadlines, in milliseconds.
        #[key(default = 5, range = 1..=1000, restart = ENGINE)]
        pub tick_ms: u64,
        /// Memory of the host for the payload types of one plugin's typed handlers, in bytes.
        #[key(default = 4 * 1024 * 1024, range = KIB..=256 * MIB, restart = ENGINE)]
        pub payload_types_max_bytes: usize,
        /// Plugin files that are compiled at once, each in a process of its own. As many more may compile that take
        /// longer than `compile_quick_ms`.
        #[key(default = 2, range = 1..=64, restart = ENGINE)]
        pub compile_concurrency: usize,
        /// Time after which a compilation leaves its place to others and continues at a lower priority, in
        /// milliseconds. If all places for long compilations are taken, it starts again later.
        #[key(default = 2000, range = 1..=HOUR_MS, restart = ENGINE)]
        pub compile_quick_ms: u64,
        /// Longest time for compiling one file, in milliseconds. A file that takes longer is rejected. It is not tried
        /// again until the file or this limit changes, or until `hookyard plugin retry NAME`.
        #[key(default = 120_000, range = 1..=HOUR_MS, restart = ENGINE)]
        pub compile_timeout_ms: u64,
        /// Memory for compiling one file, in bytes. A file that needs more is rejected in the same way. A Python plugin
        /// needs half of the default.
        #[key(default = 1536 * MIB, range = 64 * MIB..=64 * GIB, restart = ENGINE)]
        pub compile_memory_max_bytes: u64,
        /// Largest machine code of one file, in bytes.
        #[key(default = 128 * MIB, range = MIB..=2 * GIB, restart = ENGINE)]
        pub code_max_bytes: u64,
        /// Machine code that is kept on disk for the next start, in bytes. The least recently used is removed first;
        /// that of running plugins is kept.
        #[key(default = 2048 * MIB, range = MIB..=1024 * GIB, restart = ENGINE)]
        pub cache_max_bytes: u64,
        /// Random bytes that a plugin may ask for in one call of wasi:random.
        #[key(default = MIB, range = 256..=64 * MIB, restart = ENGINE)]
        pub random_max_bytes: u64,
    }
}
