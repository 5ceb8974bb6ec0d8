//! `POST /webhooks/{source}`: body, signature, envelope, acceptance, answer, in this order.
//!
//! The router takes about 1 µs of the 60 µs of processor time that an event costs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::header::EXPECT;
use http::{HeaderMap, request};

use crate::db::{Accept, DbError};
use crate::event::{Event, now_ms};
use crate::telemetry::Telemetry;
use crate::verifier::FailureKind;

use super::acceptor::EventAcceptor;
use super::answer::{Answer, REFUSED, TOO_OLD};
use super::body::{self, BodyBudget, ReadBodyError};
use super::confirmations;
use super::envelope::{BodyRules, ReadEvent, ReadEvents};
use super::gzip::{self, GunzipError};
use super::handshake::HandshakeReply;
use super::media::find_coding;
use super::reply::{answer_handshake, count};
use super::sources::{BodyLimits, ReadySource, Sources};
use super::spans::{self, ReceiptTimes};
use super::verify::{NotVerified, UnverifiedRequest};

/// Limits on the bytes and the time for reading a rejected body. If a connection is closed with unread bytes,
/// the sender's system discards the answer.
const LINGER_MAX_BYTES: u64 = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// The webhook endpoint.
#[derive(Debug)]
pub struct Webhooks<A> {
    sources: Arc<ArcSwap<Sources>>,
    acceptor: Arc<A>,
    telemetry: Telemetry,
    /// Both clocks at the time when the endpoint was made.
    started: (u64, Instant),
}

/// The part of a path that names a source.
type SourcePath = Result<Path<String>, PathRejection>;

impl<A: EventAcceptor> Webhooks<A> {
    /// An endpoint for these sources. They may be replaced at any time; a request in flight finishes with the sources
    /// that it began with.
    #[must_use]
    pub fn new(sources: Arc<ArcSwap<Sources>>, acceptor: Arc<A>, telemetry: Telemetry) -> Self {
        Self { sources, acceptor, telemetry, started: (now_ms(), Instant::now()) }
    }

    /// Its routes.
    pub fn router(self) -> Router {
        let endpoint = post(receive::<A>).fallback(reject_method::<A>);
        Router::new()
            .route("/webhooks/{source}", endpoint.clone())
            // Some senders end every path with a slash.
            .route("/webhooks/{source}/", endpoint)
            .fallback(reject_path)
            .with_state(Arc::new(self))
    }

    fn find(&self, name: &SourcePath, head: &request::Parts) -> Option<(Arc<ReadySource>, BodyLimits)> {
        // No name needs an escape, and a proxy in front may take an escaped path for another one.
        let Path(name) = name.as_ref().ok().filter(|_| !head.uri.path().contains('%'))?;
        let sources = self.sources.load();
        sources.get(name).map(|source| (Arc::clone(source), sources.bodies))
    }

    /// Answers a request for a known source.
    async fn receive(
        &self,
        source: &ReadySource,
        head: &request::Parts,
        mut body: Body,
        budget: BodyBudget,
        limits: BodyLimits,
    ) -> Response {
        let began = Instant::now();
        if let Some(reply) = find_unsigned_handshake(source, head) {
            linger(head, body);
            return answer_handshake(source, reply);
        }
        let is_gzip = match find_coding(&head.headers) {
            None => false,
            Some(coding) if source.gzip && coding.eq_ignore_ascii_case("gzip") => true,
            Some(coding) => {
                linger(head, body);
                let reason = format!("Content-Encoding `{coding}` is not supported: send the body as it is");
                return count(source, Answer::unsupported(&reason));
            }
        };
        let BodyLimits { max_bytes, timeout, events_max, attributes, all_max_bytes } = limits;
        let rules = BodyRules { bytes_max: max_bytes, items_max: events_max, attributes };
        // Its memory counts in the budget for all bodies until the event is stored.
        let receiving = budget.receive(&mut body, max_bytes, all_max_bytes);
        let received = match tokio::time::timeout(timeout, receiving).await {
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
        let (received_at, read_body) = (now_ms(), Instant::now());
        let request = UnverifiedRequest {
            method: &head.method,
            uri: &head.uri,
            headers: &head.headers,
            body: received.bytes.clone(),
        };
        let verified = match request.verify(&source.verifier, received_at).await {
            Ok(verified) => {
                tracing::debug!(source = %source.name, secret = verified.secret(), "signature verified");
                verified
            }
            Err(why) => return reject_unverified(source, why, received_at),
        };
        let verified = if is_gzip {
            match gzip::gunzip(&received.bytes, max_bytes, &budget, all_max_bytes) {
                Ok(body) => verified.with_decoded_body(body),
                Err(error) => return reject_gzip(source, error, max_bytes),
            }
        } else {
            verified
        };
        let handshake = source.handshake.as_ref();
        if let Some(reply) =
            handshake.and_then(|handshake| handshake.answer_verified(verified.body(), verified.secret()))
        {
            return confirmations::answer(&*self.acceptor, source, reply, received_at).await;
        }
        let read = match source.envelope.read(&source.name, verified, received_at, rules) {
            Ok(read) => read,
            Err(why) => {
                let reason = why.to_string();
                if let Some(skipped) = source.invalid.admit(received_at) {
                    tracing::warn!(source = %source.name, reason, skipped, "rejected: the signature is valid, but the body is no event");
                }
                return count(source, Answer::invalid(&reason));
            }
        };
        let stale = read.as_slice().iter().find_map(|read| self.find_staleness(source, read, received_at));
        if let Some(reason) = stale {
            if let Some(skipped) = source.rejected.admit(received_at) {
                tracing::warn!(source = %source.name, reason, skipped, "rejected: the signature is valid, but the event is too old");
            }
            source.unauthorized.count(TOO_OLD);
            return count(source, Answer::unauthorized(&reason));
        }
        let verified = Instant::now();
        source.verify_seconds.record(verified - read_body);
        let times = ReceiptTimes { began, read_body, verified };
        match read {
            ReadEvents::One(read) => self.store(source, read.event, &head.headers, times).await,
            ReadEvents::Items(items) => {
                let events = items.into_iter().map(|read| read.event).collect();
                self.store_items(source, events, &head.headers, times).await
            }
        }
    }

    /// The reason why an event is too old, if it is.
    fn find_staleness(&self, source: &ReadySource, read: &ReadEvent, now: u64) -> Option<String> {
        // A forward jump of the system clock while the host runs must not age events.
        let steady = |now: u64| now.min(self.started.0.saturating_add(elapsed_ms(self.started.1)));
        let known_since = |now, keys_days| self.acceptor.ids_known_since(now, keys_days);
        source.age.find_staleness(read, now, steady, known_since)
    }

    async fn store(
        &self,
        source: &ReadySource,
        mut event: Event,
        headers: &HeaderMap,
        times: ReceiptTimes,
    ) -> Response {
        let trace = self.telemetry.receive(source.traceparent, spans::find_header(headers));
        event.trace = trace.map(|trace| trace.context);
        let (id, event_type, received_at) = (event.id.clone(), event.event_type.clone(), event.received_at);
        source.verified.fetch_add(1, Ordering::Relaxed);
        let answer = match self.acceptor.accept(event).await {
            Ok(Accept::Accepted { deliveries, unmatched }) => {
                if deliveries + unmatched == 0
                    && let Some(skipped) = source.unhandled.admit(received_at)
                {
                    tracing::info!(source = %source.name, event = id, r#type = event_type, skipped, "unhandled: no plugin subscribes to it");
                }
                Answer::accepted(&id, deliveries)
            }
            Ok(Accept::Duplicate) => Answer::duplicate(&id),
            Ok(Accept::Conflict) => {
                if let Some(skipped) = source.invalid.admit(received_at) {
                    tracing::warn!(source = %source.name, event = id, skipped, "conflict: an event with this id and another payload exists");
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
        let answer = answer.with_status_of(source.reply.as_ref());
        if let Some(trace) = trace.filter(|trace| trace.context.sampled) {
            let names = [source.name.as_str(), &id, &event_type];
            spans::record(&self.telemetry, &trace, times, names, &answer);
        }
        count(source, answer)
    }

    /// Stores the events of a list in one transaction. One answer is for all of them.
    async fn store_items(
        &self,
        source: &ReadySource,
        mut events: Vec<Event>,
        headers: &HeaderMap,
        times: ReceiptTimes,
    ) -> Response {
        let Some(first) = events.first() else { return count(source, Answer::list("accepted", 0, 0)) };
        let (id, event_type, received_at) = (first.id.clone(), first.event_type.clone(), first.received_at);
        let number = events.len();
        let trace = self.telemetry.receive(source.traceparent, spans::find_header(headers));
        for event in &mut events {
            event.trace = trace.map(|trace| trace.context);
        }
        source.verified.fetch_add(number as u64, Ordering::Relaxed);
        let answer = match self.acceptor.accept_all(events).await {
            Ok(accepts) => {
                let (mut accepted, mut conflicts, mut deliveries, mut unhandled) = (0, 0, 0, 0);
                for accept in accepts {
                    match accept {
                        Accept::Accepted { deliveries: of_event, unmatched } => {
                            accepted += 1;
                            deliveries += of_event;
                            unhandled += usize::from(of_event + unmatched == 0);
                        }
                        Accept::Duplicate => {}
                        Accept::Conflict => conflicts += 1,
                    }
                }
                if unhandled > 0
                    && let Some(skipped) = source.unhandled.admit(received_at)
                {
                    tracing::info!(source = %source.name, events = unhandled, first = id, skipped, "unhandled: no plugin subscribes to them");
                }
                if conflicts > 0
                    && let Some(skipped) = source.invalid.admit(received_at)
                {
                    tracing::warn!(source = %source.name, events = conflicts, first = id, skipped, "conflict: events with these ids and other payloads exist");
                }
                let status = match (accepted, conflicts) {
                    (0, 0) => "duplicate",
                    (0, _) => "conflict",
                    _ => "accepted",
                };
                Answer::list(status, number, deliveries)
            }
            Err(error) => {
                if let Some(skipped) = source.failed.admit(received_at) {
                    tracing::error!(source = %source.name, events = number, first = id, %error, skipped, "not accepted");
                }
                match error {
                    DbError::Full(_) => Answer::overloaded(&id),
                    _ => Answer::unavailable(&id),
                }
            }
        };
        let answer = answer.with_status_of(source.reply.as_ref());
        if let Some(trace) = trace.filter(|trace| trace.context.sampled) {
            let names = [source.name.as_str(), &id, &event_type];
            spans::record(&self.telemetry, &trace, times, names, &answer);
        }
        count(source, answer)
    }
}

async fn receive<A: EventAcceptor>(
    State(webhooks): State<Arc<Webhooks<A>>>,
    name: SourcePath,
    Extension(budget): Extension<BodyBudget>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    match webhooks.find(&name, &head) {
        Some((source, limits)) => webhooks.receive(&source, &head, body, budget, limits).await,
        None => reject(&head, body, unknown_source(&head)),
    }
}

async fn reject_method<A: EventAcceptor>(
    State(webhooks): State<Arc<Webhooks<A>>>,
    name: SourcePath,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    match webhooks.find(&name, &head) {
        Some((source, _)) => {
            if let Some(reply) = find_unsigned_handshake(&source, &head) {
                linger(&head, body);
                return answer_handshake(&source, reply);
            }
            linger(&head, body);
            count(&source, Answer::method_not_allowed())
        }
        None => reject(&head, body, unknown_source(&head)),
    }
}

async fn reject_path(request: Request) -> Response {
    let (head, body) = request.into_parts();
    reject(&head, body, Answer::not_found("nothing is here: webhooks go to /webhooks/SOURCE"))
}

fn unknown_source(head: &request::Parts) -> Answer<'static> {
    tracing::debug!(path = head.uri.path(), "no source has this name");
    Answer::not_found("no source has this name")
}

fn reject(head: &request::Parts, body: Body, answer: Answer<'_>) -> Response {
    linger(head, body);
    answer.into_response()
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Counts and logs a request that is not verified, and answers it. A verifier's own words are for the operator only.
fn reject_unverified(source: &ReadySource, why: NotVerified, received_at: u64) -> Response {
    match why {
        NotVerified::Unauthorized(why) => {
            let reason = why.to_string();
            if let Some(skipped) = source.rejected.admit(received_at) {
                tracing::warn!(source = %source.name, reason, skipped, "signature rejected");
            }
            source.unauthorized.count(why.word());
            count(source, Answer::unauthorized(&reason))
        }
        NotVerified::Refused(reason) => {
            if let Some(skipped) = source.rejected.admit(received_at) {
                tracing::warn!(source = %source.name, reason, skipped, "the verifier refused a request");
            }
            source.unauthorized.count(REFUSED);
            count(source, Answer::unauthorized("the source's verifier refused the request"))
        }
        NotVerified::Failed(kind, reason) => {
            if let Some(skipped) = source.unanswered.admit(received_at) {
                tracing::error!(source = %source.name, kind = kind.as_str(), reason, skipped, "a request could not be verified");
            }
            if let Some(failures) = &source.verifier_failures {
                failures.count(kind.as_str());
            }
            let reason = match kind {
                FailureKind::Absent => "the source has no running verifier: send it again later",
                FailureKind::Busy => "the source's verifier is busy: send it again later",
                _ => "the source's verifier failed: send it again later",
            };
            count(source, Answer::unverifiable(reason))
        }
    }
}

fn reject_gzip(source: &ReadySource, error: GunzipError, max_bytes: usize) -> Response {
    match error {
        GunzipError::Malformed => {
            count(source, Answer::invalid("the body is no gzip, though its Content-Encoding says so"))
        }
        GunzipError::TooLarge => {
            let reason = format!("the decompressed body is larger than {max_bytes} bytes");
            count(source, Answer::too_large(&reason))
        }
        GunzipError::BudgetFull => count(source, Answer::too_many_bodies()),
    }
}

fn find_unsigned_handshake(source: &ReadySource, head: &request::Parts) -> Option<HandshakeReply> {
    source.handshake.as_ref()?.answer_unsigned(&head.method, &head.uri, &head.headers)
}

/// Reads the rest of a rejected body, within limits, while the answer is written.
fn linger(head: &request::Parts, mut body: Body) {
    // A sender that waits for `100 Continue` has sent nothing yet, and reading would ask it to.
    if body.is_end_stream() || head.headers.contains_key(EXPECT) {
        return;
    }
    tokio::spawn(async move {
        let drained = async {
            let mut left = LINGER_MAX_BYTES;
            while let Ok(Some(bytes)) = body::next(&mut body).await {
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
