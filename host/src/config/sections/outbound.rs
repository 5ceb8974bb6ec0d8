//! Effects, HTTP requests and email that leave the host for plugins.

use super::{GIB, HOUR_MS, MIB, QUEUES, WEEK_MS};
use crate::config::section::section;
use crate::config::values::Secret;

section! {
    /// Effects: what handlers ask for, and the host does once their delivery is done (hookyard:plugin/outbox).
    pub struct Effects {
        /// Effects of one call.
        #[key(default = 32, range = 0..=10_000)]
        pub per_call_max: usize,
        /// Largest effect, in bytes.
        #[key(default = 1024 * 1024, range = 1..=64 * MIB)]
        pub size_max_bytes: usize,
        /// Longest chain of events that cause each other. A received event has depth 0; an event that a plugin emits is
        /// one deeper than the event that it handled.
        #[key(default = 8, range = 0..=1000)]
        pub depth_max: u32,
        /// Events that handlers may emit because of one received event, directly or through the events that these emit.
        /// A call beyond it is rejected. Replays count too.
        #[key(default = 1000, range = 0..=1_000_000_000)]
        pub per_root_max: u64,
        /// Effects of one plugin that may wait. Above it, the plugin's calls that ask for effects wait as after a
        /// failure of the host.
        #[key(default = 100_000, range = 1..=1_000_000_000)]
        pub waiting_max: u64,
        /// The same in bytes.
        #[key(default = 256 * MIB, range = 1..=1024 * GIB)]
        pub waiting_max_bytes: u64,
        /// Effects that run at once in this host.
        #[key(default = 64, range = 1..=10_000)]
        pub concurrency: usize,
        /// Effects of one plugin that run at once.
        #[key(default = 16, range = 1..=10_000)]
        pub plugin_concurrency: usize,
        /// Effects that wait in memory for one plugin. The others wait in the database.
        #[key(default = 1024, range = 1..=1_000_000, restart = QUEUES)]
        pub window: usize,
        /// Attempts at an effect before it is dead.
        #[key(default = 16, range = 1..=1000)]
        pub attempts_max: u32,
        /// Longest wait before the second attempt, in milliseconds. It doubles with each attempt, and half of it is
        /// random. A Retry-After of the other side makes a wait longer, up to `backoff_max_ms`, and never shorter.
        #[key(default = 1000, range = 1..=WEEK_MS)]
        pub backoff_base_ms: u64,
        /// Longest wait before any attempt, in milliseconds.
        #[key(default = 3_600_000, range = 1..=WEEK_MS)]
        pub backoff_max_ms: u64,
    }
}

section! {
    /// HTTP requests that leave the host: those of effects, and those that a handler makes itself
    /// (wasi:http/outgoing-handler), which also end with the handler's deadline.
    pub struct Http {
        /// Time to connect, in milliseconds.
        #[key(default = 5000, range = 1..=HOUR_MS)]
        pub connect_timeout_ms: u64,
        /// Time for a request and its whole response, in milliseconds.
        #[key(default = 30_000, range = 1..=HOUR_MS)]
        pub timeout_ms: u64,
        /// Largest response that is read, in bytes.
        #[key(default = 1024 * 1024, range = 1..=64 * MIB)]
        pub answer_max_bytes: usize,
        /// Largest body that a handler itself may send, in bytes.
        #[key(default = 1024 * 1024, range = 1..=64 * MIB)]
        pub request_max_bytes: usize,
        /// Redirects that are followed, each to a granted origin. The request stays the same: 307 and 308 are followed
        /// for all requests, 301, 302 and 303 for GET and HEAD without a body. Any other redirect is a failure.
        #[key(default = 5, range = 0..=20)]
        pub redirects_max: usize,
    }
}

section! {
    /// Emails that leave the host.
    pub struct Email {
        /// The mail server: `smtps://USER:PASSWORD@HOST:PORT` (TLS from the start), `smtp://…?tls=required` (STARTTLS),
        /// or `smtp://…` (plain). Without one, plugins cannot send email. May be `env:NAME` or `file:PATH`; it is never
        /// printed or logged.
        #[key(default = None, example = "\"env:SMTP_URL\"")]
        pub smtp: Option<Secret>,
        /// The sender: an address, with or without a name. Required where `smtp` is set.
        #[key(default = None, example = "\"Passport Service <no-reply@example.gn>\"")]
        pub from: Option<String>,
        /// Time for handing over one email, in milliseconds.
        #[key(default = 30_000, range = 1..=HOUR_MS)]
        pub timeout_ms: u64,
    }
}
