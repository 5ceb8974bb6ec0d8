//! `POST /webhooks/{source}`: body, signature, envelope, acceptance, answer, in this order.
//!
//! One path and one method, so there is no router in between: what a request costs here is paid
//! twenty thousand times a second.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::EXPECT;
use http::{Method, Request, Response, request};
use hyper::body::{Body as _, Incoming};
use hyper::service::{Service, service_fn};

use crate::db::{Accept, DbError};
use crate::event::{Event, now_ms};

use super::answer::{Answer, Json};
use super::sources::{Ready, Sources};
use super::verify::UnverifiedRequest;

/// Room made for a body before its first byte is there; more is made as it comes.
const ROOM_AT_ONCE: usize = 64 * 1024;
/// How much of an unwanted body is read, and how long, so that the sender reads its answer: closing
/// a connection with unread bytes in it makes the sender's system throw the answer away.
const LINGER_MAX_BYTES: u64 = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Where verified events go; the answer waits for it.
pub trait Accepts: Send + Sync + 'static {
    /// Stores an event with its deliveries. Returns after the commit.
    fn accept(&self, event: Event) -> impl Future<Output = Result<Accept, DbError>> + Send;
}

/// The webhook endpoint.
#[derive(Debug)]
pub struct Webhooks<A> {
    sources: Arc<ArcSwap<Sources>>,
    accepts: Arc<A>,
}

impl<A> Clone for Webhooks<A> {
    fn clone(&self) -> Self {
        Self { sources: Arc::clone(&self.sources), accepts: Arc::clone(&self.accepts) }
    }
}

impl<A: Accepts> Webhooks<A> {
    /// An endpoint for these sources. Whoever holds `sources` may replace them at any time: requests
    /// that have begun finish with those they began with.
    #[must_use]
    pub fn new(sources: Arc<ArcSwap<Sources>>, accepts: Arc<A>) -> Self {
        Self { sources, accepts }
    }

    /// As a service for [`super::serve`].
    #[must_use]
    pub fn service(
        self,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<Json>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<Json>, Infallible>> + Send + use<A>,
    > + Clone
    + Send
    + use<A> {
        service_fn(move |request| {
            let webhooks = self.clone();
            async move { Ok(webhooks.answer(request).await) }
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Json> {
        let (head, body) = request.into_parts();
        let found = {
            let sources = self.sources.load();
            let name = head.uri.path().strip_prefix("/webhooks/");
            let ready = name.map(|name| sources.get(name).map(Arc::clone));
            ready.map(|ready| (ready, sources.body_max_bytes, sources.body_timeout))
        };
        let refused = match found {
            Some((Some(source), most, time)) if head.method == Method::POST => {
                return self.take(&source, &head, body, most, time).await;
            }
            Some((Some(source), ..)) => {
                let answer = Answer::method_not_allowed();
                source.counters.count(answer.status);
                answer
            }
            Some((None, ..)) => {
                tracing::debug!(path = head.uri.path(), "no source has this name");
                Answer::not_found("no source has this name")
            }
            None => Answer::not_found("nothing is here: webhooks go to /webhooks/SOURCE"),
        };
        linger(&head, body);
        refused.into_response()
    }

    /// A request for a source that is there.
    async fn take(
        &self,
        source: &Ready,
        head: &request::Parts,
        mut body: Incoming,
        most: usize,
        time: Duration,
    ) -> Response<Json> {
        let read = match tokio::time::timeout(time, whole(&mut body, most)).await {
            Ok(Ok(read)) => read,
            Ok(Err(Unread::TooLarge)) => {
                linger(head, body);
                return counted(source, Answer::too_large(&format!("the body is larger than {most} bytes")));
            }
            Ok(Err(Unread::Broken)) => return counted(source, Answer::incomplete()),
            Err(_) => return counted(source, Answer::timeout()),
        };
        let received_at = now_ms();
        let request = UnverifiedRequest { headers: &head.headers, body: read };
        let verified = match request.verify(&source.signing) {
            Ok(verified) => verified,
            Err(why) => {
                let reason = why.to_string();
                if let Some(skipped) = source.rejected.admit(received_at) {
                    tracing::warn!(source = %source.name, reason, skipped, "signature rejected");
                }
                return counted(source, Answer::unauthorized(&reason));
            }
        };
        match source.envelope.read(&source.name, verified, received_at) {
            Ok(event) => self.store(source, event).await,
            Err(why) => {
                let reason = why.to_string();
                if let Some(skipped) = source.invalid.admit(received_at) {
                    tracing::warn!(source = %source.name, reason, skipped, "verified, but no event");
                }
                counted(source, Answer::invalid(&reason))
            }
        }
    }

    async fn store(&self, source: &Ready, event: Event) -> Response<Json> {
        let (id, event_type, received_at) = (event.id.clone(), event.event_type.clone(), event.received_at);
        let answer = match self.accepts.accept(event).await {
            Ok(Accept::Accepted { deliveries }) => {
                if deliveries == 0
                    && let Some(skipped) = source.unhandled.admit(received_at)
                {
                    tracing::info!(source = %source.name, event = id, r#type = event_type, skipped, "unhandled: no plugin wants it");
                }
                Answer::accepted(&id, deliveries)
            }
            Ok(Accept::Duplicate) => Answer::duplicate(&id),
            Ok(Accept::Conflict) => {
                if let Some(skipped) = source.invalid.admit(received_at) {
                    tracing::warn!(source = %source.name, event = id, skipped, "conflict: the id came before with another payload");
                }
                Answer::conflict(&id)
            }
            Err(error) => {
                if let Some(skipped) = source.failed.admit(received_at) {
                    tracing::error!(source = %source.name, event = id, %error, skipped, "not accepted");
                }
                match error {
                    DbError::Full(_) => Answer::overloaded(&id),
                    _ => Answer::unavailable(&id),
                }
            }
        };
        counted(source, answer)
    }
}

/// The answer, counted.
fn counted(source: &Ready, answer: Answer<'_>) -> Response<Json> {
    source.counters.count(answer.status);
    answer.into_response()
}

/// Why a body could not be read.
enum Unread {
    TooLarge,
    Broken,
}

/// All of a body, in memory of its own: hyper's buffer is larger, and an event may stay for long.
async fn whole(body: &mut Incoming, most: usize) -> Result<Bytes, Unread> {
    let most = most as u64;
    let announced = body.size_hint().lower();
    if announced > most {
        return Err(Unread::TooLarge);
    }
    let mut read = Vec::with_capacity(usize::try_from(announced).unwrap_or(ROOM_AT_ONCE).min(ROOM_AT_ONCE));
    while let Some(bytes) = next(body).await? {
        if (read.len() + bytes.len()) as u64 > most {
            return Err(Unread::TooLarge);
        }
        read.extend_from_slice(&bytes);
    }
    Ok(read.into())
}

/// The next bytes of a body; none at its end.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Unread> {
    let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
    match frame {
        None => Ok(None),
        // Trailers are no part of what was signed.
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(Unread::Broken),
    }
}

/// Reads what is left of a body that nobody wants, within limits, while the answer is on its way.
fn linger(head: &request::Parts, mut body: Incoming) {
    // Who waits for a `100 Continue` has sent nothing yet, and reading would ask for it.
    if body.is_end_stream() || head.headers.contains_key(EXPECT) {
        return;
    }
    tokio::spawn(async move {
        let drained = async {
            let mut left = LINGER_MAX_BYTES;
            while let Ok(Some(bytes)) = next(&mut body).await {
                left = left.saturating_sub(bytes.len() as u64);
                if left == 0 {
                    break;
                }
            }
        };
        // Ends by itself at the latest then; nothing depends on it.
        let _ended = tokio::time::timeout(LINGER_TIME, drained).await;
    });
}
