//! The bodies of requests and answers, watched: a connection's deadlines depend on them, and what a request's
//! body holds in memory counts to a budget for all.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::connection::Connection;
use super::connections::Connections;

/// Memory made for a body when its first byte is there; more is made as it comes.
const FIRST_BYTES: usize = 16 * 1024;

/// A request's body.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    connection: Arc<Connection>,
    connections: Arc<Connections>,
}

/// Why a body does not arrive.
#[derive(Debug)]
pub enum BodyError {
    /// The connection ended, or what came is no body.
    Broken(hyper::Error),
    /// It gave way to others: there is no memory for all.
    Evicted,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "{error}"),
            Self::Evicted => f.write_str("too many bodies are on their way"),
        }
    }
}

impl Error for BodyError {}

/// A body that has arrived. Its memory counts to the budget until this is dropped.
#[derive(Debug)]
pub(super) struct ReceivedBody {
    pub(super) bytes: Bytes,
    _reserved: Reserved,
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    NoRoom,
    Broken,
}

/// What a body holds of the budget; given back when this is dropped.
#[derive(Debug)]
struct Reserved {
    connection: Arc<Connection>,
    connections: Arc<Connections>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.connection.end_body();
        self.connections.release(&self.connection);
    }
}

impl RequestBody {
    pub(super) fn new(
        incoming: Incoming,
        connection: Arc<Connection>,
        connections: Arc<Connections>,
    ) -> Self {
        Self { incoming, connection, connections }
    }

    /// All of it, of at most `most` bytes, in memory of its own: hyper's buffer is larger, and an event may stay
    /// for long. All bodies together hold at most `bodies_max` bytes.
    pub(super) async fn receive(&mut self, most: usize, bodies_max: usize) -> Result<ReceivedBody, Unread> {
        let announced = usize::try_from(self.incoming.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > most {
            return Err(Unread::TooLarge);
        }
        self.connection.begin_body();
        let reserved =
            Reserved { connection: Arc::clone(&self.connection), connections: Arc::clone(&self.connections) };
        let reserve = |bytes| self.connections.reserve(&self.connection, bytes, bodies_max);
        let whole = if announced == 0 { most } else { announced };
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(part) = next(&mut self.incoming, &self.connection).await? {
            let needed = bytes.len() + part.len();
            if needed > most {
                return Err(Unread::TooLarge);
            }
            if needed > bytes.capacity() {
                let wanted = (bytes.capacity() * 2).max(FIRST_BYTES).min(whole).max(needed);
                reserve(wanted - bytes.capacity()).map_err(|_| Unread::NoRoom)?;
                bytes.reserve_exact(wanted - bytes.len());
            }
            bytes.extend_from_slice(&part);
        }
        // From here on it is the host that it waits for.
        self.connection.end_body();
        Ok(ReceivedBody { bytes: bytes.into(), _reserved: reserved })
    }

    /// The next bytes; none at the end. Trailers are no part of what was signed.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Unread> {
        next(&mut self.incoming, &self.connection).await
    }
}

async fn next(incoming: &mut Incoming, connection: &Connection) -> Result<Option<Bytes>, Unread> {
    let frame = std::future::poll_fn(|context| poll_frame(incoming, connection, context)).await;
    match frame {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(BodyError::Broken(_))) => Err(Unread::Broken),
        Some(Err(BodyError::Evicted)) => Err(Unread::NoRoom),
    }
}

fn poll_frame(
    incoming: &mut Incoming,
    connection: &Connection,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
    if connection.take_body_eviction() {
        return Poll::Ready(Some(Err(BodyError::Evicted)));
    }
    let frame = Pin::new(incoming).poll_frame(context);
    match &frame {
        Poll::Pending => connection.wait_for_body(),
        Poll::Ready(None | Some(Err(_))) => connection.end_body(),
        Poll::Ready(Some(Ok(_))) => {}
    }
    frame.map_err(BodyError::Broken)
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        poll_frame(&mut this.incoming, &this.connection, context)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// An answer's body that holds its request open until it is dropped.
pub(super) fn hold_open<B: Body>(
    body: B,
    request: OpenRequest,
) -> impl Body<Data = B::Data, Error = B::Error> {
    // The body owns the closure, and the closure the request; errors stay what they are.
    body.map_err(move |error| {
        let _open = &request;
        error
    })
}

/// Ends the connection's request when it is dropped.
#[derive(Debug)]
pub(super) struct OpenRequest(pub(super) Arc<Connection>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.end_request();
    }
}
