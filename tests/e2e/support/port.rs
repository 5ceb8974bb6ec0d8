//! Ports for programs that do not take port 0.

use std::net::{SocketAddr, TcpListener};

/// An address of the loopback without a listener. Nobody who lets the kernel choose a port gets this one: it is below
/// `net.ipv4.ip_local_port_range`.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let port: u16 = rand::random_range(10_000..30_000);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
}
