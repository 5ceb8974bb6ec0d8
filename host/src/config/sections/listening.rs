//! The two addresses of the host.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::{ADDRESS, CONNECTIONS, DATA, GIB, HOUR_MS, KIB, MIB};
use crate::config::formats;
use crate::config::section::section;

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

section! {
    /// The public side: webhooks.
    pub struct Server {
        /// Address of the webhook endpoint, `POST /webhooks/SOURCE`.
        #[key(default = local(8080), restart = ADDRESS)]
        pub listen: SocketAddr,
        /// The host's address as senders see it, without a path. The host never takes it from a request. It is needed for
        /// senders that sign the URL, such as Twilio and Square.
        #[key(default = None, example = "\"https://hooks.example.gn\"")]
        #[serde(deserialize_with = "formats::base_url")]
        pub public_url: Option<String>,
        /// Largest body that is accepted, in bytes. A larger one is answered 413.
        #[key(default = 1024 * 1024, range = 1..=64 * MIB)]
        pub body_max_bytes: usize,
        /// Most events of one body, for sources whose bodies are lists of events. A body with more is answered 400.
        #[key(default = 1000, range = 1..=100_000)]
        pub events_per_body_max: usize,
        /// Most attributes of a `CloudEvent`, with extensions. An event with more is answered 400.
        #[key(default = 64, range = 1..=1000)]
        pub attributes_max: usize,
        /// Most bytes of the attributes of a `CloudEvent`, names and values together. An event with more is answered 400.
        #[key(default = 8 * 1024, range = 1..=64 * KIB)]
        pub attributes_max_bytes: usize,
        /// Largest request line and headers that are accepted, in bytes. Larger ones are answered 431.
        #[key(default = 16 * 1024, range = 512..=MIB, restart = CONNECTIONS)]
        pub header_max_bytes: usize,
        /// Time a sender has for its request line and headers, in milliseconds. It begins with the connection for the
        /// first request, and with the first byte for later ones. The connection is closed after it.
        #[key(default = 10_000, range = 1..=HOUR_MS, restart = CONNECTIONS)]
        pub header_timeout_ms: u64,
        /// Time that a connection may be idle between two requests, in milliseconds. The connection is closed after
        /// it. It should be longer than the idle timeout of a load balancer, which is often 60 seconds.
        #[key(default = 75_000, range = 1..=HOUR_MS, restart = CONNECTIONS)]
        pub idle_timeout_ms: u64,
        /// Time a sender has for its body, in milliseconds. A slower one is answered 408. The admin address closes the
        /// connection instead, and takes a change only after a restart.
        #[key(default = 30_000, range = 1..=HOUR_MS)]
        pub body_timeout_ms: u64,
        /// Memory for all bodies that are being received or stored, in bytes. Above it, the host drops a body that has
        /// been arriving for more than a second, first that of the address with the most bodies: 429 with Retry-After.
        /// A quarter is reserved for bodies of up to 16 KiB. Set at least twice `body_max_bytes`.
        #[key(default = 64 * 1024 * 1024, range = 1..=64 * GIB)]
        pub bodies_max_bytes: usize,
        /// Time in which a peer must take its response, or at least 64 KiB of it, in milliseconds. The connection is
        /// closed after it; on Linux also if the peer takes nothing of a response that the kernel has buffered.
        #[key(default = 30_000, range = 1..=HOUR_MS, restart = CONNECTIONS)]
        pub write_timeout_ms: u64,
        /// Open connections. Above it, the host closes the connection that has kept it waiting longest, of the address
        /// with the most connections. While it works for all of them, new ones wait in the kernel's queue.
        #[key(default = 1024, range = 1..=1_000_000, restart = CONNECTIONS)]
        pub connections_max: usize,
        /// Open connections of one address (for IPv6, of one /64 network). Above it, the host closes the connection of
        /// that address that has kept it waiting longest. While it works for all of them, new ones are answered 429.
        /// 0 = no limit, for a load balancer or proxy from whose address all connections come.
        #[key(default = 512, range = 0..=1_000_000, restart = CONNECTIONS)]
        pub connections_per_peer_max: usize,
        /// Requests of one connection. The connection is closed after the last.
        #[key(default = 100_000, range = 1..=u64::from(u32::MAX), restart = CONNECTIONS)]
        pub requests_per_connection_max: u32,
        /// Time that requests and calls in flight have to end after SIGTERM, in milliseconds.
        #[key(default = 30_000, range = 0..=HOUR_MS, restart = CONNECTIONS)]
        pub shutdown_timeout_ms: u64,
        /// Directory of the files that the host generates: admin token, webhook secret, compiled plugins. Default: the
        /// directory of the database file.
        #[key(default = None, example = "\"hookyard-data\"", restart = DATA)]
        pub data_dir: Option<PathBuf>,
    }
}

section! {
    /// The operators' side: API, pages, metrics.
    pub struct Admin {
        /// Its address. Do not make it public.
        #[key(default = local(8081), restart = ADDRESS)]
        pub listen: SocketAddr,
        /// Host names that it answers to, without ports, in addition to `localhost`, loopback addresses and the address
        /// that it listens on. If it listens on 0.0.0.0 or `[::]`, it answers to every address. A request to another
        /// name is answered 421, so that no web page can reach it under a name of its own. /healthz and /readyz answer
        /// to any name.
        #[key(default = Vec::new())]
        #[serde(deserialize_with = "formats::hosts")]
        pub hosts: Vec<String>,
        /// Tokens that are not revoked. `hookyard token create` is refused above it.
        #[key(default = 1000, range = 1..=100_000)]
        pub tokens_max: u32,
        /// Requests of one address (for IPv6, of one /64 network) within a minute that are answered 401 because they
        /// have no valid token. Further ones are answered 429. Requests with a valid token are always answered.
        #[key(default = 30, range = 1..=1_000_000)]
        pub auth_failures_per_minute_max: u64,
        /// How long a browser that logged in to the pages stays so without a request, in minutes.
        #[key(default = 720, range = 1..=43_200)]
        pub session_idle_minutes: u64,
        /// How long a browser that logged in to the pages stays so at most, in hours.
        #[key(default = 168, range = 1..=2160)]
        pub session_max_hours: u64,
        /// How old the secret in a browser's cookie becomes before the host gives it another one, in minutes.
        #[key(default = 15, range = 0..=1440)]
        pub session_rotation_minutes: u64,
        /// Browsers that are logged in to the pages at the same time. Further ones are refused.
        #[key(default = 1000, range = 1..=100_000)]
        pub sessions_max: u32,
        /// Browsers that are logged in with the same token at the same time. A further one ends the session that was
        /// unused for longest.
        #[key(default = 50, range = 1..=100_000)]
        pub sessions_per_token_max: u32,
        /// Whether browsers send the cookie of the pages over HTTPS only. Set it if they reach the pages through a
        /// proxy that speaks HTTPS. A browser that logs in over HTTPS gets such a cookie anyway.
        #[key(default = false)]
        pub session_cookie_secure: bool,
        /// Clients that may follow the changes (`/api/v1/changes`) at the same time. Further ones are answered 503.
        #[key(default = 100, range = 0..=10_000)]
        pub changes_max_clients: usize,
        /// How long the host remembers a request with an `Idempotency-Key`, in hours. A later one with the same key is
        /// a new request.
        #[key(default = 24, range = 1..=720)]
        pub idempotency_keys_hours: u64,
        /// Requests with an `Idempotency-Key` that the host remembers, with answers of up to 64 KiB. Above it, it
        /// forgets the oldest.
        #[key(default = 10_000, range = 1..=1_000_000)]
        pub idempotency_keys_max: u32,
        /// Requests with an `Idempotency-Key` of one token that the host remembers. Further ones are answered 429, type
        /// `/problems/too-many-idempotency-keys`. The commands then make their requests without a key.
        #[key(default = 5_000, range = 1..=1_000_000)]
        pub idempotency_keys_per_token_max: u32,
        /// Kept answers of all these requests, in bytes. Above it, the host drops the oldest answers; their requests are
        /// still not made again.
        #[key(default = 64 * MIB, range = 0..=64 * GIB)]
        pub idempotency_answers_max_bytes: u64,
        /// Memory for the bodies of requests with an `Idempotency-Key` that have not ended, such as pushed files, in
        /// bytes. Above it, further ones are answered 503, type `/problems/idempotency-bodies-full`; one that is alone is
        /// not.
        #[key(default = 256 * 1024 * 1024, range = 1..=64 * GIB)]
        pub idempotency_bodies_max_bytes: usize,
        /// Longest time of a request with an `Idempotency-Key`, in milliseconds, also after its client has gone. It is
        /// ended then, and answered 503, type `/problems/request-timeout`.
        #[key(default = 1_800_000, range = 1..=HOUR_MS)]
        pub idempotency_timeout_ms: u64,
    }
}
