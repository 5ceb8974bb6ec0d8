//! Everything that leaves the host on a plugin's behalf: which destinations it may reach, the HTTP client
//! and the email sender. One gate for both ways, effects and a handler's own requests; nothing else in the
//! host connects to anything for a plugin. Knows no database and no wasm.

mod address;
mod answer;
mod bounded;
mod clients;
mod destination;
mod exchange;
mod failure;
mod grants;
mod mail;
mod message;
mod names;
mod request;
mod smtp;
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
use exchange::{Answered, exchange};
use mail::Mailer;
use request::Outgoing;

use crate::config;
use crate::effect::{Email, Emitted, HttpRequest, Progress, TryOutcome};
use crate::secrets::Mask;

pub use failure::{Failure, Kind};
pub use grants::Grants;
pub use mail::Unusable;
pub use names::{Found, Names};
pub use request::is_of_the_connection;

/// The way out. Clones are the same one.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    names: Arc<dyn Names>,
    clients: ArcSwap<Clients>,
    mailer: ArcSwap<Mailer>,
    /// Whether what an operator has yet to grant or to set may be asked for all the same.
    on_trial: bool,
}

/// What an attempt at an effect is made with.
#[derive(Debug, Clone, Copy)]
pub struct EffectContext<'a> {
    /// What the effect's plugin may reach.
    pub grants: &'a Grants,
    /// What keeps the plugin's secrets out of what is told.
    pub mask: &'a Mask,
    /// The effect's idempotency key.
    pub key: &'a str,
    /// What earlier attempts settled.
    pub progress: &'a Progress,
}

/// How a try at an effect ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What follows from it.
    pub outcome: TryOutcome,
    /// For people: the answer's status and, where it is no success, its beginning; or what went wrong.
    pub detail: String,
    /// How long the other side asks to wait before the next try.
    pub after: Option<Duration>,
    /// What is settled now; `None` = nothing more than before.
    pub progress: Option<Progress>,
}

/// The body of an answer to a handler's own request, as it comes in.
pub type Body = UnsyncBoxBody<Bytes, Failure>;

impl Outbound {
    /// Connects to nothing yet, and needs no certificates yet.
    ///
    /// # Errors
    /// [`Unusable`] where `[email]` is malformed.
    pub fn new(http: &config::Http, email: &config::Email) -> Result<Self, Unusable> {
        Self::with_names(http, email, Arc::new(names::System))
    }

    /// As [`Outbound::new`], for trying a plugin that no operator has said anything about: it may ask for
    /// what is not granted. Nothing of that leaves.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn on_trial(http: &config::Http, email: &config::Email) -> Result<Self, Unusable> {
        Self::made(http, email, Arc::new(names::System), true)
    }

    /// As [`Outbound::new`], with addresses of host names from somewhere else than the system.
    ///
    /// # Errors
    /// [`Unusable`] where `[email]` is malformed.
    pub fn with_names(
        http: &config::Http,
        email: &config::Email,
        names: Arc<dyn Names>,
    ) -> Result<Self, Unusable> {
        Self::made(http, email, names, false)
    }

    fn made(
        http: &config::Http,
        email: &config::Email,
        names: Arc<dyn Names>,
        on_trial: bool,
    ) -> Result<Self, Unusable> {
        let clients = ArcSwap::from_pointee(Clients::new(http.clone(), Arc::clone(&names)));
        let mailer = ArcSwap::from_pointee(Mailer::new(email.clone())?);
        Ok(Self(Arc::new(Inner { names, clients, mailer, on_trial })))
    }

    /// Takes a changed configuration for whatever begins from now on. A malformed `[email]` is logged, and
    /// the old one holds.
    pub fn configure(&self, http: &config::Http, email: &config::Email) {
        if self.0.clients.load().limits != *http {
            self.0.clients.store(Arc::new(Clients::new(http.clone(), Arc::clone(&self.0.names))));
        }
        if self.0.mailer.load().config != *email {
            match Mailer::new(email.clone()) {
                Ok(mailer) => self.0.mailer.store(Arc::new(mailer)),
                Err(unusable) => tracing::error!("{unusable}; emails go the old way"),
            }
        }
    }

    /// Whether a request could be sent, as far as that can be told without the network.
    ///
    /// # Errors
    /// What is wrong with it, or the grant that is missing.
    pub fn check_request(&self, grants: &Grants, request: &HttpRequest) -> Result<(), String> {
        let checked = Outgoing::of_effect(request, "").and_then(|made| Destination::of(&made.url, grants));
        self.asked(checked.map(drop))
    }

    /// Whether an email could be sent, as far as that can be told without the network.
    ///
    /// # Errors
    /// What is wrong with it, or the grant that is missing.
    pub fn check_email(&self, grants: &Grants, email: &Email) -> Result<(), String> {
        self.asked(self.0.mailer.load().check(grants, email))
    }

    /// Whether an event could be emitted.
    ///
    /// # Errors
    /// The grant that is missing.
    pub fn check_event(&self, grants: &Grants, event: &Emitted) -> Result<(), String> {
        self.asked(grants.check_event_type(&event.event_type))
    }

    fn asked(&self, checked: Result<(), Failure>) -> Result<(), String> {
        match checked {
            Err(failure) if self.0.on_trial && matches!(failure.kind, Kind::NotGranted | Kind::Host) => {
                Ok(())
            }
            checked => checked.map_err(|failure| failure.detail),
        }
    }

    /// One try at an HTTP request.
    pub async fn send(&self, context: &EffectContext<'_>, request: &HttpRequest) -> Sent {
        let clients = self.0.clients.load_full();
        let deadline = Instant::now() + Duration::from_millis(clients.limits.timeout_ms);
        let EffectContext { grants, mask, key, .. } = *context;
        let made = match Outgoing::of_effect(request, key) {
            Ok(made) => exchange(&clients, grants, mask, made, deadline).await,
            Err(failure) => Err(failure),
        };
        match made {
            Ok(answered) => {
                let most = clients.limits.answer_max_bytes;
                Sent::answered(context, &request.method, answered, most, deadline).await
            }
            Err(failure) => {
                let progress = context.unanswered_if(failure.kind.is_unanswered());
                Sent { progress, ..failure.into() }
            }
        }
    }

    /// One try at an email.
    pub async fn mail(&self, context: &EffectContext<'_>, email: &Email) -> Sent {
        self.0.mailer.load_full().send(context, email).await
    }

    /// The largest body of a handler's own request, in bytes.
    #[must_use]
    pub fn request_max_bytes(&self) -> usize {
        self.0.clients.load().limits.request_max_bytes
    }

    /// A handler's own request. Its body is read whole before anything is sent: it is small, and a
    /// redirect may need it again. A redirect that asks for another request is the answer. The answer's body comes in as it is read, up to `http.answer_max_bytes`
    /// and until `http.timeout_ms`; its head within `first_byte` too, where that is given.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn fetch<E>(
        &self,
        grants: &Grants,
        mask: &Mask,
        request: http::Request<UnsyncBoxBody<Bytes, E>>,
        first_byte: Option<Duration>,
    ) -> Result<http::Response<Body>, Failure>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let clients = self.0.clients.load_full();
        let deadline = Instant::now() + Duration::from_millis(clients.limits.timeout_ms);
        let (mut head, body) = request.into_parts();
        // What the host sets itself, and what the body's length says anyhow.
        head.headers.remove(http::header::CONTENT_LENGTH);
        let url = Url::parse(&head.uri.to_string())
            .map_err(|error| Failure::new(Kind::Malformed, format!("the URL: {error}")))?;
        // Nothing is read for a request that will not be sent.
        Destination::of(&url, grants)?;
        let made = Outgoing::new(head.method, url, head.headers, Bytes::new())?;
        let body = whole(body, clients.limits.request_max_bytes).await?;
        let exchange = exchange(&clients, grants, mask, Outgoing { body, ..made }, deadline);
        let answered = match first_byte {
            None => exchange.await?,
            Some(first_byte) => tokio::time::timeout(first_byte, exchange).await.unwrap_or_else(|_| {
                let ms = first_byte.as_millis();
                Err(Failure::new(
                    Kind::Timeout,
                    format!("no answer within the {ms} ms that the request allows"),
                ))
            })?,
        };
        bounded(clients, answered)
    }
}

async fn whole<E>(body: UnsyncBoxBody<Bytes, E>, most: usize) -> Result<Bytes, Failure>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let collected = Limited::new(body, most).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let detail = format!("the request's body has more than {most} bytes (http.request_max_bytes)");
            return Failure::new(Kind::RequestTooLarge, detail);
        }
        Failure::new(Kind::Malformed, "the request's body was given up before its end")
    })?;
    Ok(collected.to_bytes())
}

fn bounded(clients: Arc<Clients>, answered: Answered) -> Result<http::Response<Body>, Failure> {
    let Answered { response, by, .. } = answered;
    let most = clients.limits.answer_max_bytes;
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(clients.too_large(&by));
    }
    let response: http::Response<reqwest::Body> = response.into();
    let explain = move |error: Box<dyn std::error::Error + Send + Sync>| clients.explain_body(&*error, &by);
    Ok(response.map(|body| Limited::new(body, most).map_err(explain).boxed_unsync()))
}

impl EffectContext<'_> {
    /// The progress to store where another request may have arrived without being answered.
    fn unanswered_if(&self, unanswered: bool) -> Option<Progress> {
        let is_new = unanswered && !self.progress.unanswered;
        is_new.then(|| Progress { unanswered: true, ..self.progress.clone() })
    }
}

impl From<Failure> for Sent {
    fn from(failure: Failure) -> Self {
        Self { outcome: failure.outcome(), detail: failure.detail, after: None, progress: None }
    }
}
