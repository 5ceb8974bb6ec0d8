//! `POST /webhooks/{source}`: body, signature, envelope, acceptance, answer, in this order.
//!
//! There is one path and one method, and no router: the endpoint takes up to twenty thousand requests a second.

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
use super::body::{ReadBodyError, RequestBody};
use super::envelope::ReadEvent;
use super::sources::{AgeLimit, BodyLimits, ReadySource, Sources};
use super::verify::UnverifiedRequest;

/// How much of a rejected body is read, and for how long. If a connection is closed with unread bytes, the sender's
/// system discards the answer.
const LINGER_MAX_BYTES: u64 = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);
const DAY_MS: u64 = 24 * 3_600_000;
/// Idempotency keys are kept for 30 days at least (`retention.keys_days`).
const AGE_ALWAYS_ACCEPTED_MS: u64 = 29 * DAY_MS;

/// Accepts verified events; the sender's answer waits for it.
pub trait EventAcceptor: Send + Sync + 'static {
    /// Stores an event with its deliveries. Returns after the commit.
    fn accept(&self, event: Event) -> impl Future<Output = Result<Accept, DbError>> + Send;

    /// Since when the ids of received events are known, ms since the Unix epoch; 0 = since ever.
    fn ids_known_since(&self, now: u64, keys_days: u64) -> u64;
}

/// The webhook endpoint.
#[derive(Debug)]
pub struct Webhooks<A> {
    sources: Arc<ArcSwap<Sources>>,
    acceptor: Arc<A>,
    /// Both clocks at the time when the endpoint was made.
    started: (u64, Instant),
}

impl<A> Clone for Webhooks<A> {
    fn clone(&self) -> Self {
        Self {
            sources: Arc::clone(&self.sources),
            acceptor: Arc::clone(&self.acceptor),
            started: self.started,
        }
    }
}

impl<A: EventAcceptor> Webhooks<A> {
    /// An endpoint for these sources. They may be replaced at any time; a request in flight finishes with the sources
    /// that it began with.
    #[must_use]
    pub fn new(sources: Arc<ArcSwap<Sources>>, acceptor: Arc<A>) -> Self {
        Self { sources, acceptor, started: (now_ms(), Instant::now()) }
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
        let answer = match found {
            Some((Some(source), limits)) if head.method == Method::POST => {
                return self.receive(&source, &head, body, limits).await;
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
        answer.into_response()
    }

    /// Answers a request for a known source.
    async fn receive(
        &self,
        source: &ReadySource,
        head: &request::Parts,
        mut body: RequestBody,
        limits: BodyLimits,
    ) -> Response<Full<Bytes>> {
        if let Some(coding) = find_coding(&head.headers) {
            linger(head, body);
            let reason = format!("Content-Encoding `{coding}` is not supported: send the body as it is");
            return count(source, Answer::unsupported(&reason));
        }
        let BodyLimits { max_bytes, timeout, all_max_bytes } = limits;
        // Its memory counts in the budget for all bodies until the event is stored.
        let received = match tokio::time::timeout(timeout, body.receive(max_bytes, all_max_bytes)).await {
            Ok(Ok(received)) => received,
            Ok(Err(ReadBodyError::TooLarge)) => {
                linger(head, body);
                let reason = format!("the body is larger than {max_bytes} bytes");
                return count(source, Answer::too_large(&reason));
            }
            Ok(Err(ReadBodyError::BudgetFull)) => {
                linger(head, body);
                return count(source, Answer::too_many_bodies());
            }
            Ok(Err(ReadBodyError::Broken)) => return count(source, Answer::incomplete()),
            Err(_) => return count(source, Answer::timeout()),
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
                return count(source, Answer::unauthorized(&reason));
            }
        };
        match source.envelope.read(&source.name, verified, received_at) {
            Ok(read) => match self.find_staleness(source, &read, received_at) {
                None => self.store(source, read.event).await,
                Some(reason) => {
                    if let Some(skipped) = source.rejected.admit(received_at) {
                        tracing::warn!(source = %source.name, reason, skipped, "verified, but too old");
                    }
                    count(source, Answer::unauthorized(&reason))
                }
            },
            Err(why) => {
                let reason = why.to_string();
                if let Some(skipped) = source.invalid.admit(received_at) {
                    tracing::warn!(source = %source.name, reason, skipped, "verified, but no event");
                }
                count(source, Answer::invalid(&reason))
            }
        }
    }

    /// Why an event is too old to be accepted, if it is: its id may have been pruned, so it may be a duplicate.
    fn find_staleness(&self, source: &ReadySource, read: &ReadEvent, now: u64) -> Option<String> {
        let created_at = read.created_at?;
        // Its id is known in any case.
        let is_young = created_at.saturating_add(AGE_ALWAYS_ACCEPTED_MS) > now;
        let AgeLimit { max_days, keys_days } = source.age;
        if is_young && max_days.is_none() {
            return None;
        }
        // A forward jump of the system clock while the host runs must not age events.
        let now = now.min(self.started.0.saturating_add(elapsed_ms(self.started.1)));
        let (since, limit) = match max_days {
            Some(0) => return None,
            Some(days) => (now.saturating_sub(days * DAY_MS), "sources.*.created_age_max_days"),
            None => (self.acceptor.ids_known_since(now, keys_days), "retention.keys_days"),
        };
        (created_at < since)
            .then(|| format!("created at {}, which is too old: see {limit}", read.event.created))
    }

    async fn store(&self, source: &ReadySource, event: Event) -> Response<Full<Bytes>> {
        let (id, event_type, received_at) = (event.id.clone(), event.event_type.clone(), event.received_at);
        let answer = match self.acceptor.accept(event).await {
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
        count(source, answer)
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Counts an answer, and makes it a response.
fn count(source: &ReadySource, answer: Answer<'_>) -> Response<Full<Bytes>> {
    source.counters.count(answer.status);
    answer.into_response()
}

/// The first content coding other than `identity`. None is supported: signatures cover the bytes as they are sent.
fn find_coding(headers: &HeaderMap) -> Option<String> {
    /// Longest part of its name that is shown.
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

/// Reads the rest of a rejected body, within limits, while the answer is written.
fn linger(head: &request::Parts, mut body: RequestBody) {
    // A sender that waits for `100 Continue` has sent nothing yet, and reading would ask it to.
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
        // Nothing depends on whether it ends in time.
        let _ended = tokio::time::timeout(LINGER_TIME, drained).await;
    });
}
