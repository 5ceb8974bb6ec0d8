//! The two addresses of a host: bound at once, served when there is something to answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use super::StartError;
use crate::admin::{self, Readiness, SwappableRouter};
use crate::config::Config;
use crate::ingress;

/// Connections that wait in the kernel's queue to be accepted.
const CONNECTIONS_WAITING: u32 = 1024;

/// The operators' side, served from the beginning of a start.
pub(super) struct AdminSide {
    pub(super) address: SocketAddr,
    pub(super) hosts: admin::Hosts,
    pub(super) readiness: Readiness,
    /// Replaced when the host is ready.
    pub(super) router: SwappableRouter,
    pub(super) task: JoinHandle<()>,
    /// True ends it.
    pub(super) stop: channel::Sender<bool>,
}

impl AdminSide {
    /// Serves a starting host's state: that it is alive, why it is not ready, and its metrics.
    pub(super) fn serve(
        config: &channel::Sender<Arc<Config>>,
        metrics: &PrometheusHandle,
    ) -> Result<Self, StartError> {
        let now = config.borrow().clone();
        let (key, listen_on) = ("admin.listen", now.admin.listen);
        let socket = bind(key, listen_on)?;
        let address = local_address(&socket, listen_on);
        let readiness = Readiness::starting();
        let hosts = admin::Hosts::new(address.ip(), config.subscribe());
        let router = admin::starting_router(readiness.clone(), metrics.clone(), hosts.clone());
        let stop = channel::Sender::new(false);
        let task = tokio::spawn(ingress::serve_current(
            listen(key, socket, address)?,
            Arc::clone(&router),
            ingress::Limits::from(&now.server),
            Duration::from_millis(now.server.body_timeout_ms),
            stop.subscribe(),
        ));
        Ok(Self { address, hosts, readiness, router, task, stop })
    }
}

/// Binds an address, which reserves it. Connections are refused before [`listen`], so a load balancer or a
/// sender goes elsewhere until the host accepts events.
pub(super) fn bind(key: &'static str, address: SocketAddr) -> Result<TcpSocket, StartError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart finds connections of the host before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bound().map_err(|error| StartError::Listen { key, address, error })
}

pub(super) fn listen(
    key: &'static str,
    socket: TcpSocket,
    address: SocketAddr,
) -> Result<TcpListener, StartError> {
    socket.listen(CONNECTIONS_WAITING).map_err(|error| StartError::Listen { key, address, error })
}

/// The address that the kernel chose, if the configuration has port 0.
pub(super) fn local_address(socket: &TcpSocket, asked: SocketAddr) -> SocketAddr {
    socket.local_addr().unwrap_or(asked)
}
