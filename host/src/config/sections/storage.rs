//! The database, how long it keeps events, and plugins' stores.

use super::{DATA, GIB, HOUR_MS, INTEGER_MAX, KIB, MIB, START, WRITER};
use crate::config::formats;
use crate::config::section::section;

section! {
    /// Where events are stored.
    pub struct Database {
        /// `sqlite:PATH`.
        #[key(default = "sqlite:hookyard-data/hookyard.db".into(), restart = DATA)]
        #[serde(deserialize_with = "formats::database_url")]
        pub url: String,
        /// Most operations of one transaction, and so of one fsync.
        #[key(default = 512, range = 1..=100_000, restart = WRITER)]
        pub batch_max: usize,
        /// Time to wait for a lock that another process holds, in milliseconds.
        #[key(default = 5000, range = 0..=HOUR_MS, restart = WRITER)]
        pub busy_timeout_ms: u64,
        /// Size of the write-ahead log, in bytes, above which the host warns that another process, such as a long
        /// backup, keeps the log from being emptied.
        #[key(default = 256 * MIB, range = KIB..=INTEGER_MAX, restart = WRITER)]
        pub log_warn_bytes: u64,
        /// Number of the newest event ids that are found in memory, about 25 bytes each, before they are written to the
        /// index on disk. A larger number makes a very large index cheaper to write, and a start slower.
        #[key(default = 131_072, range = 1..=100_000_000, restart = WRITER)]
        pub recent_ids_max: usize,
        /// Number of open deliveries with an ordering key that are found in memory, 40 bytes each. The others are found
        /// by an index on disk, which costs a quarter of the events per second or more.
        #[key(default = 1_000_000, range = 1..=100_000_000, restart = WRITER)]
        pub open_orders_max: usize,
    }
}

section! {
    /// How long events are kept, with their deliveries, attempts, log lines and effects. An event is kept at any age
    /// while a delivery or an effect of it is open, or a dead letter of it is not resolved.
    pub struct Retention {
        /// Days after its receipt until an event is removed.
        #[key(default = 30, range = 1..=36_500)]
        pub events_days: u64,
        /// Size of the data in the database, in bytes, above which the oldest events are removed earlier. Default: no
        /// limit.
        #[key(default = None, range = MIB.., example = "10_737_418_240")]
        pub size_max_bytes: Option<u64>,
        /// Days for which the id of an event stays known, so that a late copy is answered as a duplicate and runs
        /// nothing. At least 30, and more than `events_days`.
        #[key(default = 45, range = 1..=36_501)]
        pub keys_days: u64,
    }
}

section! {
    /// The search in stored events. Its index is a file beside the database, `DATABASE.search`, which is filled after the
    /// events are stored. It can be removed while the host is stopped: it is then made anew. The values that are indexed
    /// are in `sources.NAME.search`.
    pub struct Search {
        /// Whether there is an index. Without one, a search reads the newest `scan_max_events` only.
        #[key(default = true, restart = START)]
        pub index: bool,
        /// Events that a search reads because the index does not have them yet. If there are more, the answer says that it
        /// is not complete.
        #[key(default = 2000, range = 0..=1_000_000)]
        pub scan_max_events: u32,
        /// Longest text of a value that is indexed, in bytes. A longer value is found by its first bytes only. A change
        /// makes the index anew.
        #[key(default = 256, range = 16..=4096)]
        pub value_max_bytes: usize,
        /// Values of one event that are indexed by `sources.NAME.search`. A change makes the index anew.
        #[key(default = 32, range = 1..=1000)]
        pub values_max: usize,
    }
}

section! {
    /// Files of plugins' revisions, which are kept in the database as ways back. The revision in force and the one that
    /// waits are kept in any case.
    pub struct Revisions {
        /// Revisions of each plugin that are kept, the newest first.
        #[key(default = 10, range = 1..=10_000)]
        pub keep: usize,
        /// Size of all kept files, in bytes; the oldest are removed first. `retention.size_max_bytes` counts them too.
        #[key(default = GIB, range = MIB..=INTEGER_MAX)]
        pub max_bytes: u64,
    }
}

section! {
    /// Plugins' own stores (wasi:keyvalue), which are kept in the database.
    pub struct Store {
        /// Longest key, and longest bucket name, in bytes.
        #[key(default = 1024, range = 1..=64 * KIB)]
        pub key_max_bytes: usize,
        /// Largest value, in bytes.
        #[key(default = 1024 * 1024, range = 1..=64 * MIB)]
        pub value_max_bytes: usize,
        /// Keys of one plugin, in all of its buckets.
        #[key(default = 100_000, range = 1..=1_000_000_000)]
        pub keys_max: u64,
        /// Size of one plugin's store, in bytes: values, keys, names of buckets, and 64 for each entry.
        #[key(default = 256 * MIB, range = 1..=1024 * GIB)]
        pub size_max_bytes: u64,
        /// Size of all values that one call writes, in bytes.
        #[key(default = 8 * 1024 * 1024, range = 1..=256 * MIB)]
        pub call_max_bytes: usize,
        /// Memory for entries of all stores that are read without the database, in bytes.
        #[key(default = 64 * MIB, range = MIB..=64 * GIB, restart = START)]
        pub cache_max_bytes: u64,
        /// How often a call runs again at once because another call changed what it had read. These runs are no
        /// attempts. After the last, the delivery waits as after a failure of the host.
        #[key(default = 100, range = 1..=10_000)]
        pub reruns_max: u32,
    }
}
