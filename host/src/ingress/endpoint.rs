//! `POST /webhooks/{source}`: body, signature, envelope, acceptance, answer, in this order.
//!
//! One path and one method, so there is no router in between: what a request costs here is paid
//! twenty thousand times a second.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, EXPECT};
use http::{HeaderMap, Method, Request, Response, request};
use http_body_util::Full;
use hyper::body::Body as _;
use hyper::service::{Service, service_fn};

use crate::db::{Accept, DbError};
use crate::event::{Event, now_ms};

use super::answer::Answer;
use super::body::{RequestBody, Unread};
use super::envelope::ReadEvent;
use super::sources::{AgeLimit, BodyLimits, Ready, Sources};
use super::verify::UnverifiedRequest;

/// How much of an unwanted body is read, and how long, so that the sender reads its answer: closing
/// a connection with unread bytes in it makes the sender's system throw the answer away.
const LINGER_MAX_BYTES: u64 = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);
const DAY_MS: u64 = 24 * 3_600_000;
/// Ids are known for 30 days at least (`retention.keys_days`).
const AGE_ALWAYS_TAKEN_MS: u64 = 29 * DAY_MS;

/// Where verified events go; the answer waits for it.
pub trait Accepts: Send + Sync + 'static {
    /// Stores an event with its deliveries. Returns after the commit.
    fn accept(&self, event: Event) -> impl Future<Output = Result<Accept, DbError>> + Send;

    /// Since when ids of received events are known, ms since the Unix epoch; 0 = all are.
    fn ids_known_since(&self, now: u64, keys_days: u64) -> u64;
}

/// The webhook endpoint.
#[derive(Debug)]
pub struct Webhooks<A> {
    sources: Arc<ArcSwap<Sources>>,
    accepts: Arc<A>,
    /// What both clocks said when the endpoint was made.
    started: (u64, Instant),
}

impl<A> Clone for Webhooks<A> {
    fn clone(&self) -> Self {
        Self { sources: Arc::clone(&self.sources), accepts: Arc::clone(&self.accepts), started: self.started }
    }
}

impl<A: Accepts> Webhooks<A> {
    /// An endpoint for these sources. Whoever holds `sources` may replace them at any time: requests
    /// that have begun finish with those they began with.
    #[must_use]
    pub fn new(sources: Arc<ArcSwap<Sources>>, accepts: Arc<A>) -> Self {
        Self { sources, accepts, started: (now_ms(), Instant::now()) }
    }

    /// As a service for [`super::serve`].
    #[must_use]
    pub fn service(
        self,
    ) -> impl Service<
        Request<RequestBody>,
        Response = Response<Full<Bytes>>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + use<A>,
    > + Clone
    + Send
    + use<A> {
        service_fn(move |request: Request<RequestBody>| {
            let webhooks = self.clone();
            async move { Ok(webhooks.answer(request).await) }
        })
    }

    async fn answer(&self, request: Request<RequestBody>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let found = {
            let sources = self.sources.load();
            let name = head.uri.path().strip_prefix("/webhooks/");
            // Some senders end every path with a slash.
            let name = name.map(|name| name.strip_suffix('/').unwrap_or(name));
            name.map(|name| (sources.get(name).map(Arc::clone), sources.bodies))
        };
        let refused = match found {
            Some((Some(source), limits)) if head.method == Method::POST => {
                return self.take(&source, &head, body, limits).await;
            }
            Some((Some(source), _)) => {
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
        mut body: RequestBody,
        limits: BodyLimits,
    ) -> Response<Full<Bytes>> {
        if let Some(coding) = unsupported_coding(&head.headers) {
            linger(head, body);
            let reason = format!("Content-Encoding `{coding}` is not supported: send the body as it is");
            return counted(source, Answer::unsupported(&reason));
        }
        let BodyLimits { max_bytes, timeout, all_max_bytes } = limits;
        // What it holds counts to the budget for all bodies until the event is stored.
        let received = match tokio::time::timeout(timeout, body.receive(max_bytes, all_max_bytes)).await {
            Ok(Ok(received)) => received,
            Ok(Err(Unread::TooLarge)) => {
                linger(head, body);
                let reason = format!("the body is larger than {max_bytes} bytes");
                return counted(source, Answer::too_large(&reason));
            }
            Ok(Err(Unread::NoRoom)) => {
                linger(head, body);
                return counted(source, Answer::too_many_bodies());
            }
            Ok(Err(Unread::Broken)) => return counted(source, Answer::incomplete()),
            Err(_) => return counted(source, Answer::timeout()),
        };
        let received_at = now_ms();
        let request = UnverifiedRequest { headers: &head.headers, body: received.bytes.clone() };
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
            Ok(read) => match self.stale(source, &read, received_at) {
                None => self.store(source, read.event).await,
                Some(reason) => {
                    if let Some(skipped) = source.rejected.admit(received_at) {
                        tracing::warn!(source = %source.name, reason, skipped, "verified, but too old");
                    }
                    counted(source, Answer::unauthorized(&reason))
                }
            },
            Err(why) => {
                let reason = why.to_string();
                if let Some(skipped) = source.invalid.admit(received_at) {
                    tracing::warn!(source = %source.name, reason, skipped, "verified, but no event");
                }
                counted(source, Answer::invalid(&reason))
            }
        }
    }

    /// Why an event is too old to be taken, if it is: its id may have been forgotten, and it may be a copy.
    fn stale(&self, source: &Ready, read: &ReadEvent, now: u64) -> Option<String> {
        let created_at = read.created_at?;
        // Ids are known for longer in any case.
        let is_young = created_at.saturating_add(AGE_ALWAYS_TAKEN_MS) > now;
        let AgeLimit { max_days, keys_days } = source.age;
        if is_young && max_days.is_none() {
            return None;
        }
        // A clock that jumps ahead while the host runs makes no event older.
        let now = now.min(self.started.0.saturating_add(elapsed_ms(self.started.1)));
        let (since, limit) = match max_days {
            Some(0) => return None,
            Some(days) => (now.saturating_sub(days * DAY_MS), "sources.*.created_age_max_days"),
            None => (self.accepts.ids_known_since(now, keys_days), "retention.keys_days"),
        };
        (created_at < since)
            .then(|| format!("created at {}, which is too old: see {limit}", read.event.created))
    }

    async fn store(&self, source: &Ready, event: Event) -> Response<Full<Bytes>> {
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

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The answer, counted.
fn counted(source: &Ready, answer: Answer<'_>) -> Response<Full<Bytes>> {
    source.counters.count(answer.status);
    answer.into_response()
}

/// The first content coding that is none: signatures are over the bytes as they are sent, and these are to be JSON.
fn unsupported_coding(headers: &HeaderMap) -> Option<String> {
    /// Longest part of it that is shown.
    const SHOWN_MAX_CHARS: usize = 32;
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let codings = values.flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii);
    let found = codings.find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))?;
    Some(
        found
            .iter()
            .take(SHOWN_MAX_CHARS)
            .map(|&byte| char::from(byte))
            .filter(char::is_ascii_graphic)
            .collect(),
    )
}

/// Reads what is left of a body that nobody wants, within limits, while the answer is on its way.
fn linger(head: &request::Parts, mut body: RequestBody) {
    // Who waits for a `100 Continue` has sent nothing yet, and reading would ask for it.
    if body.is_end_stream() || head.headers.contains_key(EXPECT) {
        return;
    }
    tokio::spawn(async move {
        let drained = async {
            let mut left = LINGER_MAX_BYTES;
            while let Ok(Some(bytes)) = body.next().await {
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
