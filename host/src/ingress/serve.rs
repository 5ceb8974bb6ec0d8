//! The accept loop: connections, their limits, and a stop that lets requests in flight finish. Shared
//! by the webhook endpoint and the admin side; knows neither.

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::config;

/// hyper's read buffer, at most, where the head's limit does not ask for more.
const BUFFER_MAX_BYTES: usize = 64 * 1024;
/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a listener allows its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest request head taken; 431 above.
    pub header_max_bytes: usize,
    /// Time for a request head; a connection silent for as long between requests is closed too.
    pub header_timeout: Duration,
    /// Connections open at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Time that requests in flight have when the host stops.
    pub shutdown_timeout: Duration,
}

impl From<&config::Server> for Limits {
    fn from(server: &config::Server) -> Self {
        Self {
            header_max_bytes: server.header_max_bytes,
            header_timeout: Duration::from_millis(server.header_timeout_ms),
            connections_max: server.connections_max,
            shutdown_timeout: Duration::from_millis(server.shutdown_timeout_ms),
        }
    }
}

/// Serves an axum router until told to stop; see [`serve`].
pub async fn serve_router(
    listener: TcpListener,
    router: axum::Router,
    limits: Limits,
    stop: watch::Receiver<bool>,
) {
    serve(listener, TowerToHyperService::new(router), limits, stop).await;
}

/// Serves until `stop` is true or its sender is gone, then takes no more connections and returns when
/// all requests in flight are answered, or when their time is over: what is open then is cut.
pub async fn serve<S, B>(listener: TcpListener, service: S, limits: Limits, mut stop: watch::Receiver<bool>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let most = u32::try_from(limits.connections_max).unwrap_or(u32::MAX).max(1);
    let places = Arc::new(Semaphore::new(most as usize));
    let http = protocol(limits);
    // Whatever ends this function drops `cut`, and connections end with it.
    let (cut, _) = watch::channel(());
    let stopped = stop.clone();
    let accept = async {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Some(stream) = accepted(&listener).await else {
                continue;
            };
            let one = connection(http.clone(), stream, service.clone(), stopped.clone(), cut.subscribe());
            tokio::spawn(async move {
                one.await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accept => {}
        () = told(&mut stop) => {}
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown_timeout, places.acquire_many(most)).await.is_err() {
        let open = most as usize - places.available_permits();
        tracing::warn!(open, "connections cut: their requests did not end in time");
    }
}

fn protocol(limits: Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(limits.header_max_bytes)
        // Room for the head and some more, so that it is the head's own limit that is met.
        .max_buf_size(BUFFER_MAX_BYTES.max(limits.header_max_bytes.saturating_mul(2)));
    http
}

async fn accepted(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small: waiting for more to send would only delay them.
            let _unsupported = stream.set_nodelay(true);
            Some(stream)
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection<S, B>(
    http: http1::Builder,
    stream: TcpStream,
    service: S,
    mut stop: watch::Receiver<bool>,
    mut cut: watch::Receiver<()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut open = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = open.as_mut() => ended,
        () = told(&mut stop) => {
            open.as_mut().graceful_shutdown();
            tokio::select! {
                ended = open => ended,
                _ = cut.changed() => Ok(()),
            }
        }
        _ = cut.changed() => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// Waits for the word to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // An error says that nobody is left to give the word.
    let _gone = stop.wait_for(|stop| *stop).await.is_err();
}
