//! Requests and emails that the host sends for plugins: grants, the HTTP client and the SMTP client. Effects and
//! handlers' own requests go through here, and nothing else in the host connects to a plugin's destinations. So do
//! notifications of alerts, and confirmations that an operator approved. This room knows no database and no wasm.

mod address;
mod alert;
mod answer;
mod bounded;
mod clients;
mod confirmation;
mod destination;
mod exchange;
mod failure;
mod grants;
mod mail;
mod outgoing_email;
mod request;
mod resolver;
mod smtp;
mod trial;
mod webhook;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use url::Url;

use clients::Clients;
use destination::Destination;
use exchange::{FinalResponse, exchange};
use mail::Mailer;
use request::OutgoingRequest;

use crate::config;
use crate::effect::{Effect, EffectOutcome, Email, Emitted, HttpRequest, Progress};
use crate::event::now_ms;
use crate::secrets::Mask;
use crate::trace::TraceContext;

pub use confirmation::ConfirmationToOpen;
pub use failure::{FailureKind, OutboundFailure};
pub use grants::{Grants, WebhookGrants};
pub use mail::InvalidEmailConfig;
pub use request::is_connection_header;
pub use resolver::{ResolvedAddresses, Resolver};
pub use trial::{Partner, TrialRules};

/// Sends requests and emails for plugins. Clones share their state.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    resolver: Arc<dyn Resolver>,
    clients: ArcSwap<Clients>,
    mailer: ArcSwap<Mailer>,
    trial: TrialRules,
}

/// The plugin's settings and the effect's state for one attempt.
#[derive(Debug, Clone, Copy)]
pub struct EffectContext<'a> {
    /// The grants of the effect's plugin.
    pub grants: &'a Grants,
    /// Redacts the plugin's secrets in reports.
    pub mask: &'a Mask,
    /// The effect's idempotency key.
    pub key: &'a str,
    /// The progress of earlier attempts.
    pub progress: &'a Progress,
    /// The trace that a request belongs to.
    pub trace: Option<TraceContext>,
}

/// The result of one attempt at an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectResult {
    /// The outcome.
    pub outcome: EffectOutcome,
    /// For people: the response's status and, without success, the beginning of its body; or the error.
    pub detail: String,
    /// The delay before the next attempt that the other side asks for.
    pub after: Option<Duration>,
    /// The new progress; `None` if it is unchanged.
    pub progress: Option<Progress>,
}

/// The body of a response to a handler's own request, read as it arrives.
pub type Body = UnsyncBoxBody<Bytes, OutboundFailure>;

impl Outbound {
    /// Makes the clients. Neither connections nor certificates are needed yet.
    ///
    /// # Errors
    /// [`InvalidEmailConfig`] where `[email]` is malformed.
    pub fn new(http: &config::Http, email: &config::Email) -> Result<Self, InvalidEmailConfig> {
        Self::with_resolver(http, email, Arc::new(resolver::SystemResolver))
    }

    /// Like [`Outbound::new`], for a trial run of a plugin.
    ///
    /// # Errors
    /// See [`Outbound::new`].
    pub fn for_trial(
        http: &config::Http,
        email: &config::Email,
        trial: TrialRules,
    ) -> Result<Self, InvalidEmailConfig> {
        Self::build(http, email, Arc::new(resolver::SystemResolver), trial)
    }

    /// Like [`Outbound::new`], with another resolver of host names than the system's.
    ///
    /// # Errors
    /// [`InvalidEmailConfig`] where `[email]` is malformed.
    pub fn with_resolver(
        http: &config::Http,
        email: &config::Email,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, InvalidEmailConfig> {
        Self::build(http, email, resolver, TrialRules::default())
    }

    fn build(
        http: &config::Http,
        email: &config::Email,
        resolver: Arc<dyn Resolver>,
        trial: TrialRules,
    ) -> Result<Self, InvalidEmailConfig> {
        let clients = ArcSwap::from_pointee(Clients::new(http.clone(), Arc::clone(&resolver)));
        let mailer = ArcSwap::from_pointee(Mailer::new(email.clone())?);
        Ok(Self(Arc::new(Inner { resolver, clients, mailer, trial })))
    }

    /// Applies a changed configuration to later requests. A malformed `[email]` is logged, and the old one stays.
    pub fn configure(&self, http: &config::Http, email: &config::Email) {
        if self.0.clients.load().limits != *http {
            self.0.clients.store(Arc::new(Clients::new(http.clone(), Arc::clone(&self.0.resolver))));
        }
        if self.0.mailer.load().config != *email {
            match Mailer::new(email.clone()) {
                Ok(mailer) => self.0.mailer.store(Arc::new(mailer)),
                Err(unusable) => tracing::error!("{unusable}; the host keeps the previous `[email]`"),
            }
        }
    }

    /// Checks a request, as far as possible without the network.
    ///
    /// # Errors
    /// The error in it, or the missing grant.
    pub fn check_request(&self, grants: &Grants, request: &HttpRequest) -> Result<(), String> {
        let checked =
            OutgoingRequest::of_effect(request, "").and_then(|made| Destination::of(&made.url, grants));
        self.0.trial.finish_check(|| Effect::Http(request.clone()), checked.map(drop))
    }

    /// Checks an email, as far as possible without the network.
    ///
    /// # Errors
    /// The error in it, or the missing grant.
    pub fn check_email(&self, grants: &Grants, email: &Email) -> Result<(), String> {
        let checked = self.0.mailer.load().check(grants, email);
        self.0.trial.finish_check(|| Effect::Email(email.clone()), checked)
    }

    /// Checks an event.
    ///
    /// # Errors
    /// The missing grant.
    pub fn check_event(&self, grants: &Grants, event: &Emitted) -> Result<(), String> {
        let checked = grants.check_event_type(&event.event_type);
        self.0.trial.finish_check(|| Effect::Event(event.clone()), checked)
    }

    /// Makes one attempt at an HTTP request.
    pub async fn send(&self, context: &EffectContext<'_>, request: &HttpRequest) -> EffectResult {
        let clients = self.0.clients.load_full();
        let deadline = Instant::now() + Duration::from_millis(clients.limits.timeout_ms);
        let EffectContext { grants, mask, key, trace, .. } = *context;
        let made = match OutgoingRequest::of_effect(request, key) {
            Ok(made) => {
                let made = webhook::complete(made.traced(trace), grants, key, now_ms());
                exchange(&clients, grants, mask, made, deadline).await
            }
            Err(failure) => Err(failure),
        };
        match made {
            Ok(answered) => {
                let most = clients.limits.answer_max_bytes;
                EffectResult::read_response(context, &request.method, answered, most, deadline).await
            }
            Err(failure) => {
                let progress = context.unanswered_if(failure.kind.may_have_arrived());
                EffectResult { progress, ..failure.into() }
            }
        }
    }

    /// Makes one attempt at an email.
    pub async fn mail(&self, context: &EffectContext<'_>, email: &Email) -> EffectResult {
        self.0.mailer.load_full().send(context, email).await
    }

    /// Makes one attempt at a request to the receiver of an alert, which the operator chose: it may be internal.
    pub async fn notify(&self, context: &EffectContext<'_>, request: &HttpRequest) -> EffectResult {
        let clients = self.0.clients.load_full();
        alert::request(&clients, context, request).await.unwrap_or_else(EffectResult::from)
    }

    /// Opens the URL of a confirmation that an operator approved, and returns what the provider names. The URL came in a
    /// request: it is opened only at the provider's hosts or at origins that the operator named, without redirects.
    ///
    /// # Errors
    /// [`OutboundFailure`]: it may not be opened, or the answer does not confirm.
    pub async fn confirm(
        &self,
        confirmation: &ConfirmationToOpen<'_>,
    ) -> Result<Option<String>, OutboundFailure> {
        let clients = self.0.clients.load_full();
        confirmation::open(&clients, confirmation).await
    }

    /// The largest body of a handler's own request, in bytes.
    #[must_use]
    pub fn request_max_bytes(&self) -> usize {
        self.0.clients.load().limits.request_max_bytes
    }

    /// Sends a handler's own request. The request's body is read before anything is sent: it is small, and a redirect may
    /// need it again. A redirect to another method is returned as the response. The response's body is read as it
    /// arrives, up to `http.answer_max_bytes` and until `http.timeout_ms`; its head must also arrive within `first_byte`.
    ///
    /// # Errors
    /// [`OutboundFailure`].
    pub async fn fetch<E>(
        &self,
        grants: &Grants,
        mask: &Mask,
        request: http::Request<UnsyncBoxBody<Bytes, E>>,
        first_byte: Option<Duration>,
    ) -> Result<http::Response<Body>, OutboundFailure>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let clients = self.0.clients.load_full();
        let deadline = Instant::now() + Duration::from_millis(clients.limits.timeout_ms);
        let (mut head, body) = request.into_parts();
        // The host sets it from the body's length.
        head.headers.remove(http::header::CONTENT_LENGTH);
        let url = Url::parse(&head.uri.to_string())
            .map_err(|error| OutboundFailure::new(FailureKind::Malformed, format!("the URL: {error}")))?;
        // Checked before the body is read.
        let trial = &self.0.trial;
        trial.finish_request_check(Destination::of(&url, grants).map(drop))?;
        let made = OutgoingRequest::new(head.method, url, head.headers, Bytes::new())?;
        let body = read_body(body, clients.limits.request_max_bytes).await?;
        if let Some(partner) = &trial.partner {
            return trial::respond(&**partner, OutgoingRequest { body, ..made });
        }
        let exchange = exchange(&clients, grants, mask, OutgoingRequest { body, ..made }, deadline);
        let answered = match first_byte {
            None => exchange.await?,
            Some(first_byte) => tokio::time::timeout(first_byte, exchange).await.unwrap_or_else(|_| {
                let ms = first_byte.as_millis();
                Err(OutboundFailure::new(
                    FailureKind::Timeout,
                    format!("no response within the {ms} ms that the request allows"),
                ))
            })?,
        };
        limit_body(clients, answered)
    }
}

async fn read_body<E>(body: UnsyncBoxBody<Bytes, E>, most: usize) -> Result<Bytes, OutboundFailure>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let collected = Limited::new(body, most).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let detail = format!("the request's body has more than {most} bytes (http.request_max_bytes)");
            return OutboundFailure::new(FailureKind::RequestTooLarge, detail);
        }
        OutboundFailure::new(FailureKind::Malformed, "the request's body was dropped before its end")
    })?;
    Ok(collected.to_bytes())
}

fn limit_body(
    clients: Arc<Clients>,
    answered: FinalResponse,
) -> Result<http::Response<Body>, OutboundFailure> {
    let FinalResponse { response, by, .. } = answered;
    let most = clients.limits.answer_max_bytes;
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(clients.too_large(&by));
    }
    let response: http::Response<reqwest::Body> = response.into();
    let explain = move |error: Box<dyn std::error::Error + Send + Sync>| clients.explain_body(&*error, &by);
    Ok(response.map(|body| Limited::new(body, most).map_err(explain).boxed_unsync()))
}

impl EffectContext<'_> {
    /// The progress to store if another request may have arrived without a response.
    fn unanswered_if(&self, unanswered: bool) -> Option<Progress> {
        let is_new = unanswered && !self.progress.unanswered;
        is_new.then(|| Progress { unanswered: true, ..self.progress.clone() })
    }
}

impl From<OutboundFailure> for EffectResult {
    fn from(failure: OutboundFailure) -> Self {
        Self { outcome: failure.outcome(), detail: failure.detail, after: None, progress: None }
    }
}
