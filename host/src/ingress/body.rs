//! The bodies of requests and answers. They record their progress, which sets a connection's deadlines, and
//! one budget limits the memory of all request bodies.
//!
//! [`RequestBody`] implements `Body` itself. No combinator of `http_body_util` sees that a frame is pending,
//! which starts the body's deadline. None can end a body from outside, as an eviction does.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::Extensions;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::connection::Connection;
use super::connections::Connections;

/// Memory allocated for the first bytes of a body; more is allocated as they arrive.
const FIRST_BYTES: usize = 16 * 1024;

/// A request's body.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Incoming,
    connection: Arc<Connection>,
}

/// The budget of all bodies, for the one of this connection. Each request has it as an extension.
#[derive(Debug, Clone)]
pub(super) struct BodyBudget {
    connection: Arc<Connection>,
    connections: Arc<Connections>,
}

/// The reason why a body failed.
#[derive(Debug)]
pub(super) enum BodyError {
    /// The connection ended, or the bytes are no body.
    Broken(hyper::Error),
    /// It was evicted: the memory for bodies is used up.
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

/// A complete body. Its memory counts in the budget until this is dropped.
#[derive(Debug)]
pub(super) struct ReceivedBody {
    pub(super) bytes: Bytes,
    _reservation: Reservation,
}

/// The reason why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadBodyError {
    /// It has more bytes than allowed.
    TooLarge,
    /// The budget of all bodies has no room left.
    BudgetFull,
    /// The connection ended, or the bytes are no body.
    Broken,
}

/// A body's part of the budget, released when this is dropped.
#[derive(Debug)]
struct Reservation(BodyBudget);

impl Drop for Reservation {
    fn drop(&mut self) {
        let BodyBudget { connection, connections } = &self.0;
        connection.end_body();
        connections.release(connection);
    }
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, connection: Arc<Connection>) -> Self {
        Self { incoming, connection }
    }
}

/// The remote address of a request that this room serves.
#[must_use]
pub fn peer_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<BodyBudget>().map(|budget| budget.connection.address)
}

impl BodyBudget {
    pub(super) fn new(connection: Arc<Connection>, connections: Arc<Connections>) -> Self {
        Self { connection, connections }
    }

    /// Takes memory beside that of the received body. It is released with it.
    ///
    /// # Errors
    /// [`ReadBodyError::BudgetFull`].
    pub(super) fn reserve(&self, bytes: usize, bodies_max: usize) -> Result<(), ReadBodyError> {
        let reserved = self.connections.reserve(&self.connection, bytes, bodies_max);
        reserved.map_err(|_| ReadBodyError::BudgetFull)
    }

    /// Reads the connection's whole body, at most `most` bytes, into memory of its own: hyper's buffers are
    /// larger, and an event may be kept for long. All bodies together hold at most `bodies_max` bytes.
    pub(super) async fn receive(
        &self,
        body: &mut axum::body::Body,
        most: usize,
        bodies_max: usize,
    ) -> Result<ReceivedBody, ReadBodyError> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > most {
            return Err(ReadBodyError::TooLarge);
        }
        let Self { connection, connections } = self;
        connection.begin_body();
        let reserve = |bytes| connections.reserve(connection, bytes, bodies_max);
        let whole = if announced == 0 { most } else { announced };
        let reservation = Reservation(self.clone());
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(part) = next(body).await? {
            let needed = bytes.len() + part.len();
            if needed > most {
                return Err(ReadBodyError::TooLarge);
            }
            if needed > bytes.capacity() {
                let wanted = (bytes.capacity() * 2).max(FIRST_BYTES).min(whole).max(needed);
                reserve(wanted - bytes.capacity()).map_err(|_| ReadBodyError::BudgetFull)?;
                bytes.reserve_exact(wanted - bytes.len());
            }
            bytes.extend_from_slice(&part);
        }
        // From this point on the peer waits for the host.
        connection.end_body();
        Ok(ReceivedBody { bytes: bytes.into(), _reservation: reservation })
    }
}

/// Reads the next bytes of a body; `None` at the end. Trailers are not part of the signed body, so they are empty here.
pub(super) async fn next(body: &mut axum::body::Body) -> Result<Option<Bytes>, ReadBodyError> {
    match body.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(error)) => Err(match error.into_inner().downcast_ref() {
            Some(BodyError::Evicted) => ReadBodyError::BudgetFull,
            _ => ReadBodyError::Broken,
        }),
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.connection.take_body_eviction() {
            return Poll::Ready(Some(Err(BodyError::Evicted)));
        }
        let frame = Pin::new(&mut self.incoming).poll_frame(context);
        match &frame {
            Poll::Pending => self.connection.wait_for_body(),
            Poll::Ready(None | Some(Err(_))) => self.connection.end_body(),
            Poll::Ready(Some(Ok(_))) => {}
        }
        frame.map_err(BodyError::Broken)
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
    // The body owns the closure, and the closure owns the request. Errors pass unchanged.
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
