//! HTTP clients, one for each destination: a connection is used again only by those whose grants allow it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use super::destination::Destination;
use super::failure::{Failure, Kind, causes};
use super::names::{Guarded, Names};
use crate::config;

/// Destinations whose connections are kept.
const DESTINATIONS_MAX: usize = 256;
/// Connections that are kept for one of them while nobody uses them, and how long.
const IDLE_MAX: usize = 16;
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Clients and the limits that they were made with.
pub(super) struct Clients {
    pub(super) limits: config::Http,
    names: Arc<dyn Names>,
    made: Cache<Destination, reqwest::Client>,
}

impl Clients {
    pub(super) fn new(limits: config::Http, names: Arc<dyn Names>) -> Self {
        Self { limits, names, made: Cache::new(DESTINATIONS_MAX) }
    }

    /// The client for a destination. The first one reads the machine's certificates, some milliseconds.
    pub(super) fn of(&self, destination: &Destination) -> Result<reqwest::Client, Failure> {
        self.made.get_or_insert_with(destination, || self.make(destination)).map_err(|error| {
            let why = causes(&error).last().map(ToString::to_string).unwrap_or_default();
            let detail = format!("{} cannot be reached: TLS on this machine: {why}", destination.origin);
            Failure::new(Kind::Host, detail)
        })
    }

    fn make(&self, destination: &Destination) -> reqwest::Result<reqwest::Client> {
        let guarded = Guarded { names: Arc::clone(&self.names), destination: destination.clone() };
        let builder = reqwest::Client::builder()
            .user_agent(concat!("hookyard/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(guarded))
            .connect_timeout(Duration::from_millis(self.limits.connect_timeout_ms))
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(IDLE_TIME);
        // Without TLS there is nothing to prove, and a machine without certificates can do it too.
        let plain = destination.origin.scheme == "http";
        if plain { builder.tls_certs_only([]).build() } else { builder.build() }
    }

    /// What a failed request means.
    pub(super) fn explain(&self, error: &reqwest::Error, destination: &Destination) -> Failure {
        let limits = &self.limits;
        let origin = &destination.origin;
        let own = causes(error).find_map(|cause| cause.downcast_ref::<Failure>());
        if let Some(own) = own {
            return own.clone();
        }
        let root = causes(error).last().map(ToString::to_string).unwrap_or_default();
        if error.is_timeout() && error.is_connect() {
            let ms = limits.connect_timeout_ms;
            let detail = format!("no connection to {origin} within {ms} ms (http.connect_timeout_ms)");
            return Failure::new(Kind::ConnectTimeout, detail);
        }
        if error.is_timeout() {
            let ms = limits.timeout_ms;
            return Failure::new(
                Kind::Timeout,
                format!("no whole answer from {origin} within {ms} ms (http.timeout_ms)"),
            );
        }
        if error.is_builder() {
            return Failure::new(Kind::Malformed, format!("no request can be made of it: {root}"));
        }
        if error.is_connect() {
            // rustls says so, and has no type that is in reach here.
            let certificate = root.contains("certificate");
            let kind = if certificate { Kind::Certificate } else { Kind::Unreachable };
            return Failure::new(kind, format!("no connection to {origin}: {root}"));
        }
        Failure::new(Kind::Broken, format!("the connection to {origin} failed: {root}"))
    }

    /// What a body means that ended too early.
    pub(super) fn explain_body(
        &self,
        error: &(dyn Error + Send + Sync + 'static),
        destination: &Destination,
    ) -> Failure {
        match error.downcast_ref::<reqwest::Error>() {
            Some(error) => self.explain(error, destination),
            None => self.too_large(destination),
        }
    }

    /// An answer that is more than is taken.
    pub(super) fn too_large(&self, destination: &Destination) -> Failure {
        let (most, origin) = (self.limits.answer_max_bytes, &destination.origin);
        let detail = format!("the answer of {origin} has more than {most} bytes (http.answer_max_bytes)");
        Failure::new(Kind::AnswerTooLarge, detail)
    }
}
