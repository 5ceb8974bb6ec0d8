//! Requests with an `Idempotency-Key`: each makes its decision once, and a repeated one gets the answer of the first.
//!
//! The key is stored with the decision, in its transaction ([`RequestKey`] in the decision). The answer is stored after
//! it. A process that is killed between them has the decision without its answer: a repeated request is refused then,
//! and its problem names the entry of the audit log.
//!
//! Kept keys, kept answers, the bodies in memory and the time of a request have limits.
//!
//! A request that makes no decision, such as a dry run or a refused one, leaves nothing to repeat.

mod bodies;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tokio::sync::watch as channel;
use tokio::time::timeout;

use bodies::{BodyLimits, BodyMemory, BodyPlace};

use super::Problem;
use super::auth::{Caller, NOTE_HEADER};
use crate::audit::{KeptAnswer, KeyedRequest, RequestKey};
use crate::clock;
use crate::config::Config;
use crate::db::{AnsweredRequest, Db};
use crate::event::Digest;
use crate::failpoint::{self, Point};
use crate::token::Permission;

/// The header with the key.
pub(super) const KEY_HEADER: &str = "Idempotency-Key";
/// The header of an answer that was stored.
const REPLAYED_HEADER: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The largest body of a request, but for files. It is the limit of the endpoints too.
const BODY_MAX_BYTES: usize = 2 * 1024 * 1024;
/// The largest answer that is kept.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
const HOUR: Duration = Duration::from_hours(1);

/// What an endpoint that takes a key needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyRule {
    /// Its permission, which is checked before the body is read.
    pub(super) permission: Permission,
    /// Whether its body is a plugin's file.
    pub(super) takes_file: bool,
    /// Whether a request may be made again while its answer is not kept, because it does the same once more.
    pub(super) is_repeatable: bool,
}

/// The answer to keep instead of the one that is sent: it has no secret.
#[derive(Debug, Clone)]
pub(super) struct AnswerToKeep(Option<String>);

impl AnswerToKeep {
    pub(super) fn new(answer: &impl Serialize) -> Self {
        Self(serde_json::to_string(answer).ok())
    }
}

/// Requests in progress, by token and key.
type InProgress = Arc<Mutex<HashMap<(i64, String), ClaimedRequest>>>;

/// A request in progress.
struct ClaimedRequest {
    digest: Digest,
    /// The number of its claim.
    claim: u64,
}

/// The requests with a key of a host.
#[derive(Clone)]
pub(super) struct KeyedRequests {
    db: Db,
    config: channel::Receiver<Arc<Config>>,
    in_progress: InProgress,
    claims: Arc<AtomicU64>,
    bodies: BodyMemory,
}

/// The claim of a request to its key. The request's decision shares it, so that the key of a request that was ended stays
/// taken until its decision has left the writer's queue.
struct Claim {
    in_progress: InProgress,
    number: u64,
    token: i64,
    key: String,
}

impl Claim {
    /// Gives the key back, unless it was given back before.
    fn release(&self) {
        let mut in_progress = self.in_progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(taken) = in_progress.entry((self.token, self.key.clone()))
            && taken.get().claim == self.number
        {
            taken.remove();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release();
    }
}

impl KeyedRequests {
    pub(super) fn new(db: Db, config: channel::Receiver<Arc<Config>>) -> Self {
        let (in_progress, claims, bodies) = Default::default();
        Self { db, config, in_progress, claims, bodies }
    }

    /// Claims a key for a request.
    fn claim(&self, token: i64, request: &RequestKey) -> Result<Arc<Claim>, Problem> {
        let number = self.claims.fetch_add(1, Ordering::Relaxed);
        let mut in_progress = self.in_progress.lock().unwrap_or_else(PoisonError::into_inner);
        match in_progress.entry((token, request.key.clone())) {
            Entry::Vacant(place) => {
                place.insert(ClaimedRequest { digest: request.digest, claim: number });
            }
            Entry::Occupied(other) if other.get().digest != request.digest => {
                return Err(reused(&request.key));
            }
            Entry::Occupied(_) => {
                let detail = format!(
                    "a request with the `{KEY_HEADER}` `{}` is in progress: repeat it when that one has ended",
                    request.key
                );
                return Err(Problem::conflict(detail).of_kind("in-progress"));
            }
        }
        let in_progress = Arc::clone(&self.in_progress);
        Ok(Arc::new(Claim { in_progress, number, token, key: request.key.clone() }))
    }

    /// Refuses a new request of a token that has used its keys up. Without its key a request that is repeated could be
    /// made twice, so no key is forgotten for a new one of the same token.
    async fn check_room(&self, token: i64) -> Result<(), Problem> {
        let keys_max = self.config.borrow().admin.idempotency_keys_per_token_max;
        let kept = self.db.keyed_requests(token, self.since(), keys_max).await?;
        if kept >= keys_max { Err(too_many(keys_max)) } else { Ok(()) }
    }

    /// The memory for a body.
    fn body_limits(&self, rule: KeyRule) -> BodyLimits {
        let config = self.config.borrow();
        let file = if rule.takes_file { config.plugins.file_max_bytes } else { 0 };
        BodyLimits {
            of_one: usize::try_from(file).unwrap_or(usize::MAX).max(BODY_MAX_BYTES),
            of_all: config.admin.idempotency_bodies_max_bytes,
        }
    }

    /// The time from which requests are remembered, by the host's clock: a jump of the system's makes none older.
    fn since(&self) -> u64 {
        let hours = self.config.borrow().admin.idempotency_keys_hours;
        let kept = HOUR.as_millis().saturating_mul(hours.into());
        clock::now_ms().saturating_sub(u64::try_from(kept).unwrap_or(u64::MAX))
    }

    /// The answer to a request that was made before, or why it has none; `None` if it was not made.
    async fn find_answer(
        &self,
        token: i64,
        request: &RequestKey,
        rule: KeyRule,
    ) -> Result<Option<Response>, Problem> {
        let found = self.db.keyed_request(token, &request.key).await?;
        let Some(found) = found.filter(|found| found.at >= self.since()) else { return Ok(None) };
        if found.digest != request.digest {
            return Err(reused(&request.key));
        }
        match &found.answer {
            Some(answer) => Ok(Some(replay(answer))),
            None if rule.is_repeatable => Ok(None),
            None => Err(self.explain_unanswered(&found).await?),
        }
    }

    /// The problem of a repeated request whose first answer is not kept.
    async fn explain_unanswered(&self, found: &KeyedRequest) -> Result<Problem, Problem> {
        let entry = self.db.audit_entry(found.entry).await?;
        let what = entry.map(|entry| format!(" (`{}`, {})", entry.action, entry.result)).unwrap_or_default();
        let detail = format!(
            "this request was made before, and is not made again; its answer is not kept. Entry {} of the audit log{what} \
             says what it did; a new request needs another `{KEY_HEADER}`",
            found.entry
        );
        Ok(Problem::conflict(detail).of_kind("already-done"))
    }

    /// Makes the request, and keeps its answer if it made a decision. `_body` is the place of its body in the memory.
    async fn perform(self, claim: Arc<Claim>, _body: BodyPlace, request: Request, next: Next) -> Response {
        let limit = Duration::from_millis(self.config.borrow().admin.idempotency_timeout_ms);
        let Ok(response) = timeout(limit, next.run(request)).await else {
            let detail = "the request took longer than admin.idempotency_timeout_ms, and was ended: the audit log says \
                          whether it did something";
            // Its decision may still wait for its transaction, and has a part in the claim.
            return Problem::unavailable(detail).of_kind("request-timeout").into_response();
        };
        let response = self.keep_answer(&claim, response).await;
        claim.release();
        response
    }

    /// Keeps the answer to a request that made a decision, and passes it on.
    async fn keep_answer(&self, claim: &Claim, response: Response) -> Response {
        let found = self.db.keyed_request(claim.token, &claim.key).await;
        // An earlier request with this key, which is too old, has an answer.
        if !matches!(&found, Ok(Some(found)) if found.answer.is_none()) {
            return response;
        }
        failpoint::pass(Point::KeepAnswer);
        let to_keep = response.extensions().get::<AnswerToKeep>().cloned();
        let (parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return Problem::unavailable("the answer could not be read").into_response();
        };
        let text = || String::from_utf8(body.to_vec()).ok();
        let kept = to_keep.map_or_else(text, |to_keep| to_keep.0);
        let answer = kept.filter(|body| body.len() <= ANSWER_MAX_BYTES && !parts.status.is_server_error());
        let etag = parts.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let answer = answer.map(|body| KeptAnswer { status: parts.status.as_u16(), etag, body });
        let (token, key, since) = (claim.token, claim.key.clone(), self.since());
        let (keys_max, answers_max_bytes) = {
            let admin = &self.config.borrow().admin;
            (admin.idempotency_keys_max, admin.idempotency_answers_max_bytes)
        };
        let answered = AnsweredRequest { token, key, answer, since, keys_max, answers_max_bytes };
        if let Err(error) = self.db.keep_answer(answered).await {
            tracing::warn!("the answer to a request with an idempotency key is not kept: {error}");
        }
        Response::from_parts(parts, Body::from(body))
    }
}

/// Passes a request on once for its key. Requests without a key are passed on as they are.
pub(super) async fn answer_once(
    State(rule): State<KeyRule>,
    Extension(caller): Extension<Caller>,
    Extension(requests): Extension<KeyedRequests>,
    request: Request,
    next: Next,
) -> Response {
    let answered = async {
        let Some(key) = read_key(request.headers())? else { return Ok(next.run(request).await) };
        caller.require(rule.permission)?;
        let (mut parts, body) = request.into_parts();
        let (body, place) = requests.bodies.read(body, requests.body_limits(rule), rule).await?;
        let keyed = RequestKey::new(&key, describe_head(&parts), &body);
        let claim = requests.claim(caller.token_id(), &keyed)?;
        if let Some(answer) = requests.find_answer(caller.token_id(), &keyed, rule).await? {
            return Ok(answer);
        }
        requests.check_room(caller.token_id()).await?;
        let shared: Arc<Claim> = Arc::clone(&claim);
        parts.extensions.insert(keyed.with_claim(shared));
        let request = Request::from_parts(parts, Body::from(body));
        // A client that goes away does not end the request: its claim holds until the decision is made.
        let performed = tokio::spawn(requests.perform(claim, place, request, next)).await;
        performed.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request ended early"))
    };
    answered.await.unwrap_or_else(|problem: Problem| problem.into_response())
}

/// What makes the head of a request another one: its method, its path, its query, its note and its `If-Match`.
fn describe_head(parts: &Parts) -> Vec<&[u8]> {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let mut head = vec![parts.method.as_str().as_bytes(), path.as_bytes()];
    for name in [NOTE_HEADER, header::IF_MATCH] {
        let values: Vec<_> = parts.headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        head.push(if values.is_empty() { b"none" } else { b"some" });
        head.extend(values);
    }
    head
}

fn read_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(KEY_HEADER).iter();
    let Some(header) = all.next() else { return Ok(None) };
    let key = header.to_str().ok().and_then(RequestKey::parse).filter(|_| all.next().is_none());
    let wrong = "`Idempotency-Key` is no key: give one of 1 to 255 visible ASCII characters other than `\"` and `\\`, \
                 with or without quotes";
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Problem::bad_request(wrong))
}

/// The problem of a token that has used its keys up.
fn too_many(keys_max: u32) -> Problem {
    let detail = format!(
        "the host remembers {keys_max} requests with an `{KEY_HEADER}` of this token, as many as it may \
         (admin.idempotency_keys_per_token_max): repeat the request later, or make it without a key"
    );
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).of_kind("too-many-idempotency-keys")
}

fn reused(key: &str) -> Problem {
    let detail = format!(
        "the `{KEY_HEADER}` `{key}` was used for another request: give each request a key of its own, and the same \
         only to repeat it"
    );
    Problem::unprocessable(detail).of_kind("idempotency-key-reused")
}

/// A stored answer.
fn replay(answer: &KeptAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body.clone()).into_response();
    let is_problem = status.is_client_error() || status.is_server_error();
    let media_type = if is_problem { super::PROBLEM_JSON } else { "application/json" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
    if let Some(etag) = answer.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    response
}
