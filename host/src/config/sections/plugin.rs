//! The operator's settings for one plugin.

use std::collections::BTreeMap;

use super::{GIB, HOUR_MS, KIB, MIB, WEEK_MS};
use crate::config::formats;
use crate::config::section::section;
use crate::config::values::{Instances, Pointer, Secret};

const YEAR_MS: u64 = 366 * 24 * HOUR_MS;

section! {
    /// Settings of single plugins, one section for each. A plugin without a section has these defaults.
    pub struct Plugin {
        /// Event types that it gets, of those that it handles: `appointment.created`, `appointment.*` or `*`. Default:
        /// all that it handles.
        #[key(default = None, example = "[\"appointment.created\"]")]
        #[serde(deserialize_with = "formats::patterns")]
        pub events: Option<Vec<String>>,
        /// Origins that it may reach over HTTP: `http://` or `https://`, host, and port if it is not the scheme's own. A
        /// host name that resolves to a private, loopback or link-local address is rejected unless that address is
        /// granted too, as `http://10.0.0.5:8080`. Default: none.
        #[key(default = Vec::new(), example = "[\"https://sms.example.gn\"]")]
        #[serde(deserialize_with = "formats::origins")]
        pub http: Vec<String>,
        /// Origins, of those, that also get headers that look like credentials (authorization, cookie, x-api-key, and
        /// any that holds a secret) when another origin redirects there. Default: none; only the first origin gets them.
        #[key(default = Vec::new(), example = "[\"https://sms.example.gn\"]")]
        #[serde(deserialize_with = "formats::origins")]
        pub http_credentials: Vec<String>,
        /// Keys with which the HTTP requests that it queues are signed as Standard Webhooks, by origin of `http`: `whsec_` and
        /// 24 to 64 bytes in base64. The id is the effect's idempotency key, the same on every attempt. Default: none.
        #[key(default = BTreeMap::new(), example = "{ \"https://sms.example.gn\" = \"env:PARTNER_WEBHOOK_KEY\" }")]
        #[serde(deserialize_with = "formats::origin_secrets")]
        pub webhook_keys: BTreeMap<String, Secret>,
        /// Origins, of those in `http`, that get the HTTP requests that it queues as `CloudEvents` in the binary mode. The
        /// plugin sets `ce-type`, and any other attribute that is not to be the host's. Default: none.
        #[key(default = Vec::new(), example = "[\"https://sms.example.gn\"]")]
        #[serde(deserialize_with = "formats::origins")]
        pub cloudevents: Vec<String>,
        /// Recipients that it may send email to: an address, `*@example.gn`, or `*` for everybody. Default: none.
        #[key(default = Vec::new(), example = "[\"*\"]")]
        #[serde(deserialize_with = "formats::recipients")]
        pub email: Vec<String>,
        /// Types of the events that it may emit: `invoice.created`, `invoice.*` or `*`. Default: none.
        #[key(default = Vec::new(), example = "[\"invoice.*\"]")]
        #[serde(deserialize_with = "formats::event_types")]
        pub emit: Vec<String>,
        /// The WIT package of typed handlers for the events that it emits, as a source's `package`. Default: none; the
        /// events go to generic handlers.
        #[key(default = None, example = "\"moncreneau:events\"")]
        #[serde(deserialize_with = "formats::package")]
        pub emit_package: Option<String>,
        /// Values that it reads through `wasi:config/store`: text, numbers, true or false. Default: none.
        #[key(default = BTreeMap::new(), example = "{ sender = \"Passport Service\" }")]
        #[serde(deserialize_with = "formats::scalars")]
        pub config: BTreeMap<String, String>,
        /// Secret values that it reads likewise. They are never printed or logged. Default: none.
        #[key(default = BTreeMap::new(), example = "{ api_key = \"env:SMS_API_KEY\" }")]
        pub secrets: BTreeMap<String, Secret>,
        /// JSON pointers to fields in bodies of events that it never gets, whatever source they come from. A number means
        /// that item of an array, and `*` every item of an array or member of an object. In a typed handler, an optional
        /// field is absent, and a text is `[redacted]`; a plugin with another type for such a field is refused. A
        /// generic handler gets `[redacted]` in place of a text, and its JSON has no other such field. Default: none.
        #[key(default = Vec::new(), example = "[\"/data/object/phone\"]")]
        pub redact: Vec<Pointer>,
        /// Longest time of one call, in milliseconds.
        #[key(default = 2000, range = 1..=HOUR_MS)]
        pub call_timeout_ms: u64,
        /// Linear memory of an instance, all memories together, in bytes. If `runtime.memory_max_bytes` is less, that is
        /// the default.
        #[key(default = 256 * MIB, range = 64 * KIB..=4 * GIB)]
        pub memory_max_bytes: u64,
        /// Memory that the host itself may use for an instance, beside its linear memory, in bytes: the payload as text
        /// and as values of the handler's type, entries that a call read and wrote, effects, log lines, handles,
        /// requests, and copies on their way to the guest. A call that needs more fails with an error that names what
        /// it asked for.
        #[key(default = 64 * MIB, range = MIB..=4 * GIB)]
        pub host_memory_max_bytes: u64,
        /// Log text that is kept of one attempt, in bytes.
        #[key(default = 64 * 1024, range = 0..=16 * MIB)]
        pub log_max_bytes: usize,
        /// Attempts that run at once, of those that the host runs at once. Replays on a chosen revision have as many of
        /// their own.
        #[key(default = 16, range = 1..=10_000)]
        pub concurrency: usize,
        /// Whether events of one source with the same ordering key are handled one at a time, in the order in which they
        /// were accepted. An event that waits for its next attempt then blocks the later ones of its key, and no others.
        /// With `false` all run as they come. A change applies to events that are accepted after it.
        #[key(default = true)]
        pub ordered: bool,
        /// Failed attempts after which a delivery is a dead letter. Failures of the host itself (no room for an
        /// instance, a call that lost against others each time) do not count.
        #[key(default = 8, range = 1..=1000)]
        pub attempts_max: u32,
        /// Time since the event was received, or its replay was requested, after which the next failed attempt makes a
        /// dead letter, however few there were, in milliseconds. The last attempt is made when this time is over.
        #[key(default = 259_200_000, range = 1..=YEAR_MS)]
        pub age_max_ms: u64,
        /// Longest wait before the second attempt, in milliseconds. It doubles with each attempt, and half of it is
        /// random. A wait that the handler asks for (after-ms) makes it longer, up to `backoff_max_ms`, and never
        /// shorter.
        #[key(default = 1000, range = 1..=WEEK_MS)]
        pub backoff_base_ms: u64,
        /// Longest wait before any attempt, in milliseconds.
        #[key(default = 3_600_000, range = 1..=WEEK_MS)]
        pub backoff_max_ms: u64,
        /// The plugin is paused when at least this percentage of its latest `breaker_deliveries` failed: the handler
        /// asked for a retry, trapped or timed out. Its deliveries wait meanwhile, and use up no attempt. After the
        /// pause they are tried one at a time, until one is done and all continue, or one fails and the next pause
        /// begins. A swap, or a change of these settings, ends a pause. 100 = paused only when all failed; 0 = never.
        #[key(default = 80, range = 0..=100)]
        pub breaker_failures_percent: usize,
        /// Number of the latest deliveries that count. The plugin is not paused before that many were tried. A delivery
        /// counts once, however often it was tried, and not at all if it was rejected or the host failed.
        #[key(default = 20, range = 1..=1000)]
        pub breaker_deliveries: usize,
        /// The first pause, in milliseconds. Each pause that follows is twice as long.
        #[key(default = 5000, range = 1..=WEEK_MS)]
        pub breaker_pause_ms: u64,
        /// The longest pause, in milliseconds.
        #[key(default = 300_000, range = 1..=WEEK_MS)]
        pub breaker_pause_max_ms: u64,
        /// `fresh`: a new instance for every attempt, so that no attempt sees what an earlier one left in memory.
        /// `reused`: an instance is kept for later events, which saves the time to create it; handlers may then not
        /// rely on new memory. It is dropped after a trap, a timeout, any other failure, a swap, a change of these
        /// settings, and when another plugin waits for its place.
        #[key(default = Instances::Fresh)]
        pub instances: Instances,
        /// Calls of a reused instance before it is dropped.
        #[key(default = 1000, range = 1..=1_000_000_000)]
        pub reuse_max: u32,
    }
}

impl Plugin {
    /// The defaults, in a host that allows a plugin no more memory than this.
    #[must_use]
    pub fn within(memory_max_bytes: u64) -> Self {
        let default = Self::default();
        Self { memory_max_bytes: default.memory_max_bytes.min(memory_max_bytes), ..default }
    }
}
