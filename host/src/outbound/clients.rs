//! HTTP clients, one per destination. A pooled connection is reused only for plugins whose grants cover its address.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use super::destination::Destination;
use super::failure::{FailureKind, OutboundFailure, causes};
use super::resolver::{GuardedResolver, Resolver};
use crate::config;

/// The most destinations with pooled connections.
const DESTINATIONS_MAX: usize = 256;
/// The most idle connections of one destination, and the longest idle time.
const IDLE_MAX: usize = 16;
const IDLE_TIME: Duration = Duration::from_secs(30);

/// The clients, and the limits that they were built with.
pub(super) struct Clients {
    pub(super) limits: config::Http,
    resolver: Arc<dyn Resolver>,
    made: Cache<Destination, reqwest::Client>,
}

impl Clients {
    pub(super) fn new(limits: config::Http, resolver: Arc<dyn Resolver>) -> Self {
        Self { limits, resolver, made: Cache::new(DESTINATIONS_MAX) }
    }

    /// The client of a destination. The first one reads the machine's certificates, which takes some milliseconds.
    pub(super) fn of(&self, destination: &Destination) -> Result<reqwest::Client, OutboundFailure> {
        self.made.get_or_insert_with(destination, || self.make(destination)).map_err(|error| {
            let why = causes(&error).last().map(ToString::to_string).unwrap_or_default();
            let detail = format!("{} cannot be reached: TLS on this machine: {why}", destination.origin);
            OutboundFailure::new(FailureKind::Host, detail)
        })
    }

    fn make(&self, destination: &Destination) -> reqwest::Result<reqwest::Client> {
        let guarded =
            GuardedResolver { resolver: Arc::clone(&self.resolver), destination: destination.clone() };
        let builder = reqwest::Client::builder()
            .user_agent(concat!("hookyard/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(guarded))
            .connect_timeout(Duration::from_millis(self.limits.connect_timeout_ms))
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(IDLE_TIME);
        // Plain HTTP needs no certificates, so it also works on a machine without them.
        let plain = destination.origin.scheme == "http";
        if plain { builder.tls_certs_only([]).build() } else { builder.build() }
    }

    /// Converts an error of the client.
    pub(super) fn explain(&self, error: &reqwest::Error, destination: &Destination) -> OutboundFailure {
        let limits = &self.limits;
        let origin = &destination.origin;
        let own = causes(error).find_map(|cause| cause.downcast_ref::<OutboundFailure>());
        if let Some(own) = own {
            return own.clone();
        }
        let root = causes(error).last().map(ToString::to_string).unwrap_or_default();
        if error.is_timeout() && error.is_connect() {
            let ms = limits.connect_timeout_ms;
            let detail = format!("no connection to {origin} within {ms} ms (http.connect_timeout_ms)");
            return OutboundFailure::new(FailureKind::ConnectTimeout, detail);
        }
        if error.is_timeout() {
            let ms = limits.timeout_ms;
            return OutboundFailure::new(
                FailureKind::Timeout,
                format!("no complete response from {origin} within {ms} ms (http.timeout_ms)"),
            );
        }
        if error.is_builder() {
            return OutboundFailure::new(FailureKind::Malformed, format!("the request is invalid: {root}"));
        }
        if error.is_connect() {
            // rustls's error type is not accessible here.
            let certificate = root.contains("certificate");
            let kind = if certificate { FailureKind::Certificate } else { FailureKind::Unreachable };
            return OutboundFailure::new(kind, format!("no connection to {origin}: {root}"));
        }
        OutboundFailure::new(FailureKind::Broken, format!("the connection to {origin} failed: {root}"))
    }

    /// Converts an error while a body was read.
    pub(super) fn explain_body(
        &self,
        error: &(dyn Error + Send + Sync + 'static),
        destination: &Destination,
    ) -> OutboundFailure {
        match error.downcast_ref::<reqwest::Error>() {
            Some(error) => self.explain(error, destination),
            None => self.too_large(destination),
        }
    }

    /// The failure of a response that is too large.
    pub(super) fn too_large(&self, destination: &Destination) -> OutboundFailure {
        let (most, origin) = (self.limits.answer_max_bytes, &destination.origin);
        let detail = format!("the response of {origin} has more than {most} bytes (http.answer_max_bytes)");
        OutboundFailure::new(FailureKind::AnswerTooLarge, detail)
    }
}
