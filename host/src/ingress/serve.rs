//! The accept loop: connections, their limits, and a stop that lets requests in flight finish. The webhook
//! endpoint and the admin side both use it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::response::Response;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use crate::event::now_ms;

use super::body::{BodyBudget, OpenRequest, RequestBody, hold_open};
use super::connection::{Connection, now};
use super::connections::{AdmitError, ConnectionSlot, Connections};
use super::limits::Limits;
use super::stream::WatchedStream;
use super::throttle::Throttle;

/// hyper's read buffer, at most, where the head's limit does not ask for more.
const BUFFER_MAX_BYTES: usize = 64 * 1024;
/// Pause after a failed accept: usually the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Interval at which a full listener looks for a connection to evict.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// Serves until `stop` is true or its sender is dropped, then accepts no more connections. Returns when all requests
/// in flight are answered, or when their time is over: connections that are open then are cut.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: watch::Receiver<bool>) {
    serve_with(listener, TowerToHyperService::new(router), limits, stop).await;
}

/// Serves with the router that is current when a request arrives; see [`serve`]. A body that takes longer than
/// `body_timeout` ends its connection.
pub async fn serve_current(
    listener: TcpListener,
    router: Arc<ArcSwap<Router>>,
    limits: Limits,
    body_timeout: Duration,
    stop: watch::Receiver<bool>,
) {
    let body_timeout_ms = u64::try_from(body_timeout.as_millis()).ok();
    let service = service_fn(move |request| {
        let router = Router::clone(&router.load());
        TowerToHyperService::new(router).call(request)
    });
    serve_with(listener, service, Limits { body_timeout_ms, ..limits }, stop).await;
}

async fn serve_with<S>(listener: TcpListener, service: S, limits: Limits, mut stop: watch::Receiver<bool>)
where
    S: Service<Request<RequestBody>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let connections = Connections::new(limits);
    let http = http1_builder(limits);
    // Each way out of this function drops `cut`, which ends all connections.
    let (cut, _) = watch::channel(());
    let stopped = stop.clone();
    let refused = Throttle::default();
    let accept_all = async {
        loop {
            let Some((stream, address)) = accept(&listener, limits.write_timeout_ms).await else {
                continue;
            };
            let Some(slot) = wait_for_slot(&connections, address).await else {
                refuse(&stream);
                if let Some(skipped) = refused.admit(now_ms()) {
                    let peer = address.ip();
                    tracing::warn!(%peer, skipped, "connection refused: its address has reached server.connections_per_peer_max");
                }
                continue;
            };
            let one = serve_connection(
                http.clone(),
                stream,
                slot,
                service.clone(),
                stopped.clone(),
                cut.subscribe(),
            );
            tokio::spawn(one);
        }
    };
    tokio::select! {
        () = accept_all => {}
        () = stopped_by(&mut stop) => {}
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown_timeout, connections.wait_for_all_ends()).await.is_err() {
        let open = connections.count();
        tracing::warn!(open, "connections closed: their requests did not end within the shutdown timeout");
    }
}

fn http1_builder(limits: Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    // Deadlines are the connection's own: hyper's would end idle connections, too.
    http.header_read_timeout(None)
        .max_header_size(limits.header_max_bytes)
        // The buffer has room for the head and some more, so that the head's own limit applies
        // first.
        .max_buf_size(BUFFER_MAX_BYTES.max(limits.header_max_bytes.saturating_mul(2)));
    http
}

async fn accept(listener: &TcpListener, write_timeout_ms: u64) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, address)) => {
            // Answers are small: waiting for more to send would only delay them.
            let _unsupported = stream.set_nodelay(true);
            limit_unsent(&stream, write_timeout_ms);
            Some((stream, address))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Has the kernel end a connection whose peer takes nothing of what the kernel has for it. Its buffer is large, so a peer that
/// never reads a stream of small messages would not be noticed otherwise.
fn limit_unsent(stream: &TcpStream, write_timeout_ms: u64) {
    #[cfg(target_os = "linux")]
    {
        let timeout_ms = u32::try_from(write_timeout_ms).unwrap_or(u32::MAX);
        let _unsupported = rustix::net::sockopt::set_tcp_user_timeout(stream, timeout_ms);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, write_timeout_ms);
}

/// Waits for a slot, while later connections wait in the kernel's queue. `None` if the peer has all its
/// permitted connections, and the host works on each of them.
async fn wait_for_slot(connections: &Arc<Connections>, address: SocketAddr) -> Option<ConnectionSlot> {
    loop {
        match connections.admit(address.ip()) {
            Ok(slot) => return Some(slot),
            Err(AdmitError::PeerFull) => return None,
            Err(AdmitError::Full) => {
                let _looked_again = tokio::time::timeout(FULL_PAUSE, connections.wait_for_one_end()).await;
            }
        }
    }
}

/// Answers 429, without waiting for the peer to take it.
fn refuse(stream: &TcpStream) {
    const ANSWER: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 94\r\n\r\n\
        {\"status\":\"overloaded\",\"reason\":\"too many connections from this address: send it again later\"}";
    let _not_taken = stream.try_write(ANSWER);
}

async fn serve_connection<S>(
    http: http1::Builder,
    stream: TcpStream,
    slot: ConnectionSlot,
    service: S,
    mut stop: watch::Receiver<bool>,
    mut cut: watch::Receiver<()>,
) where
    S: Service<Request<RequestBody>, Response = Response, Error = Infallible>,
{
    let ConnectionSlot { connection, connections } = &slot;
    let io = TokioIo::new(WatchedStream::new(stream, Arc::clone(connection)));
    let watched = {
        let (connection, connections) = (Arc::clone(connection), Arc::clone(connections));
        service_fn(move |mut request: Request<Incoming>| {
            // A request with both a length and chunks may end at another byte for a proxy in front (request
            // smuggling). hyper drops the length, so a chunked request is the last one of its connection.
            let is_last = connection.begin_request() || request.headers().contains_key(TRANSFER_ENCODING);
            let open = OpenRequest(Arc::clone(&connection));
            let connection = Arc::clone(&connection);
            request
                .extensions_mut()
                .insert(BodyBudget::new(Arc::clone(&connection), Arc::clone(&connections)));
            let answer = service.call(request.map(|body| RequestBody::new(body, connection)));
            async move {
                let mut response = answer.await?;
                if is_last {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| hold_open(body, open)))
            }
        })
    };
    let mut open = pin!(http.serve_connection(io, watched));
    let mut overdue = pin!(OverdueTimer::new(connection));
    let (mut is_stopping, mut is_evicted) = (false, false);
    let ended = loop {
        tokio::select! {
            biased;
            ended = open.as_mut() => break ended,
            () = connection.wake.notified() => {
                // An evicted body is answered with 429 when the connection is polled again.
                if connection.is_evicted() && !is_evicted {
                    if connection.waiting_since().is_some() {
                        tracing::debug!("connection closed: evicted for another");
                        break Ok(());
                    }
                    is_evicted = true;
                    open.as_mut().graceful_shutdown();
                }
            }
            () = overdue.as_mut() => {
                tracing::debug!("connection closed: its peer missed a deadline");
                break Ok(());
            }
            () = stopped_by(&mut stop), if !is_stopping => {
                is_stopping = true;
                open.as_mut().graceful_shutdown();
            }
            _ = cut.changed() => break Ok(()),
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// Completes when the connection's peer has missed a deadline. Polled after everything that may move the deadline.
struct OverdueTimer<'a> {
    connection: &'a Connection,
    sleep: Pin<Box<Sleep>>,
    /// When the sleep ends, by [`now`].
    ends: u64,
}

impl<'a> OverdueTimer<'a> {
    fn new(connection: &'a Connection) -> Self {
        let due = connection.due().unwrap_or(u64::MAX);
        Self { connection, sleep: Box::pin(tokio::time::sleep_until(to_instant(due))), ends: due }
    }
}

/// A time of [`now`] as an instant.
fn to_instant(due: u64) -> Instant {
    // The runtime's timers have a latest time.
    const FAR: u64 = 365 * 24 * 3_600_000;
    Instant::now() + Duration::from_millis(due.saturating_sub(now()).min(FAR))
}

impl Future for OverdueTimer<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(due) = self.connection.due() else { return Poll::Pending };
            // A later deadline is read when the sleep ends, so most requests reset no timer.
            if due < self.ends {
                self.sleep.as_mut().reset(to_instant(due));
                self.ends = due;
            }
            if self.sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if self.connection.is_overdue(now()) {
                return Poll::Ready(());
            }
            self.ends = u64::MAX;
        }
    }
}

/// Waits until `stop` is true.
async fn stopped_by(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped.
    let _gone = stop.wait_for(|stop| *stop).await.is_err();
}
