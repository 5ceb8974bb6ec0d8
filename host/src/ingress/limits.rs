//! The limits of a listener, from the configuration.

use std::time::Duration;

use crate::config;

/// The limits of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest request head accepted; 431 above.
    pub header_max_bytes: usize,
    /// Time for a request head, from its first byte; for the first head from the start of the connection.
    pub header_timeout_ms: u64,
    /// Time between two requests.
    pub idle_timeout_ms: u64,
    /// Time for a request's body; `None` = the service has a limit of its own.
    pub body_timeout_ms: Option<u64>,
    /// Time in which a peer must take its answer.
    pub write_timeout_ms: u64,
    /// Connections open at once.
    pub connections_max: usize,
    /// Connections of one peer; 0 = no limit per peer.
    pub connections_per_peer_max: usize,
    /// Requests of one connection.
    pub requests_per_connection_max: u32,
    /// Time for requests in flight when the host stops.
    pub shutdown_timeout: Duration,
}

impl From<&config::Server> for Limits {
    fn from(server: &config::Server) -> Self {
        Self {
            header_max_bytes: server.header_max_bytes,
            header_timeout_ms: server.header_timeout_ms,
            idle_timeout_ms: server.idle_timeout_ms,
            body_timeout_ms: None,
            write_timeout_ms: server.write_timeout_ms,
            connections_max: server.connections_max,
            connections_per_peer_max: server.connections_per_peer_max,
            requests_per_connection_max: server.requests_per_connection_max,
            shutdown_timeout: Duration::from_millis(server.shutdown_timeout_ms),
        }
    }
}
