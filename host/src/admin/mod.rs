//! The admin address: an API under `/api/v1`, pages, health and metrics.
//!
//! It reads `db` and the list of plugins, and `db` carries out operators' decisions: pauses, replays,
//! discarded dead letters. It never touches `runtime`. All JSON shapes of the API are here (`api/shapes/`),
//! and no other room knows them.
//!
//! Everything under `/api/v1` requires a bearer token, and each endpoint a permission (`auth/`). `/healthz`, `/readyz`, `/metrics` and `/` are open
//! to every client that reaches the address, by default this machine only; they contain no payloads and no
//! secrets.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::alerts::{AlertView, TestError, TestResult};
use crate::audit::Decision;
use crate::config::{Config, ConfigState};
use crate::confirmation::ConfirmationDecision;
use crate::db::{Db, DbError, Edit, EditResult, Stock};
use crate::event::{PluginName, VerifierName};
use crate::plugins::{PluginView, Plugins};
use crate::verifiers::{VerifierState, VerifierView};

use api::{SourceTestRequest, SourceTestResult};

pub mod api;
mod auth;
mod cached;
mod changes;
pub mod doctor;
mod health;
mod hosts;
mod hour;
mod index;
mod keyed;
mod log_level;
pub mod metrics;
mod pages;
mod personal;
mod problem;
mod readiness;
mod starting;

use cached::Cached;

pub use auth::{Access, FindPeer};
pub use changes::Changes;
pub use hosts::Hosts;
pub use hour::RecentHour;
pub use log_level::LogLevel;
pub use personal::PersonalFields;
pub use problem::{PROBLEM_JSON, Problem};
pub use readiness::Readiness;
pub use starting::{SwappableRouter, starting_router};

/// Lists the plugins.
pub type ListPlugins = Arc<dyn Fn() -> Vec<PluginView> + Send + Sync>;

/// Loads a plugin's file again, even if it was refused.
pub type RetryPlugin = Arc<dyn Fn(&PluginName) + Send + Sync>;

/// Lists the plugins that are expected to run and are not loaded yet.
pub type ListLoadingPlugins = Arc<dyn Fn() -> Vec<PluginName> + Send + Sync>;

/// Returns the fault that stops the host's work, other than one of its database.
pub type FindFault = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// A test of an alert under way.
pub type AlertTest = Pin<Box<dyn Future<Output = Result<TestResult, TestError>> + Send>>;

/// What operators do with alerts.
#[derive(Clone)]
pub struct AlertFunctions {
    /// Lists them.
    pub list: Arc<dyn Fn() -> Vec<AlertView> + Send + Sync>,
    /// Names those whose notification could not be handed over so far.
    pub failing: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    /// Sends a test notification.
    pub test: Arc<dyn Fn(String) -> AlertTest + Send + Sync>,
}

/// An event with an edited payload that is being stored.
pub type EditInProgress = Pin<Box<dyn Future<Output = Result<EditResult, DbError>> + Send>>;

/// Stores an event with an edited payload, for the plugins that handle its type or for the one that is named.
pub type StoreEdit = Arc<dyn Fn(Edit, Option<PluginName>) -> EditInProgress + Send + Sync>;

/// A test of a request under way; `None` if no source has the name.
pub type SourceTest = Pin<Box<dyn Future<Output = Option<SourceTestResult>> + Send>>;

/// Tests a request with this body against a source, without storing anything.
pub type TestSource = Arc<dyn Fn(&str, SourceTestRequest, Vec<u8>) -> SourceTest + Send + Sync>;

/// An approved confirmation whose URL is being opened.
pub type ApprovalInProgress = Pin<Box<dyn Future<Output = Result<ConfirmationDecision, DbError>> + Send>>;

/// Approves the confirmation of a source with this number: its URL is opened.
pub type ApproveConfirmation = Arc<dyn Fn(String, i64, Decision) -> ApprovalInProgress + Send + Sync>;

/// Lists the verifiers.
pub type ListVerifiers = Arc<dyn Fn() -> Vec<VerifierView> + Send + Sync>;

/// The state that endpoints read and change.
#[derive(Clone)]
pub struct AdminState {
    /// Events, deliveries, effects and replays.
    pub db: Db,
    /// Stores events with edited payloads.
    pub store_edit: StoreEdit,
    /// Lists the plugins.
    pub plugins: ListPlugins,
    /// Lists the expected plugins that are not loaded yet.
    pub loading_plugins: ListLoadingPlugins,
    /// Loads one of them again.
    pub retry_plugin: RetryPlugin,
    /// Takes instructions about revisions; `None` in tests without plugins.
    pub revisions: Option<Plugins>,
    /// Whether the host is ready.
    pub readiness: Readiness,
    /// Returns the fault that stops the host's work.
    pub fault: FindFault,
    /// The configuration in force.
    pub config: watch::Receiver<Arc<Config>>,
    /// How the last read of the configuration file ended.
    pub config_state: Arc<ArcSwap<ConfigState>>,
    /// The alerts.
    pub alerts: AlertFunctions,
    /// Tests requests against sources.
    pub test_source: TestSource,
    /// Approves confirmations of sources.
    pub approve_confirmation: ApproveConfirmation,
    /// Lists the verifiers.
    pub verifiers: ListVerifiers,
    /// The personal values of bodies.
    pub personal: PersonalFields,
    /// The level of the host's log.
    pub log_level: LogLevel,
    /// The process's numbers, from [`metrics::install`].
    pub metrics: PrometheusHandle,
    /// The tokens and their permissions.
    pub access: Access,
    /// The changes that clients follow.
    pub changes: Changes,
    /// The last hour in samples.
    pub hour: RecentHour,
    /// Answers of the database that hold for a second; made by its default.
    pub cache: AnswerCache,
}

/// Answers of the database that any client that reaches the address may request.
#[derive(Clone, Default)]
pub struct AnswerCache {
    ping: Cached<()>,
    stock: Cached<Stock>,
    oldest_open: Cached<Option<u64>>,
}

impl AdminState {
    /// The verifiers that sources have and that do not run, by name.
    fn missing_verifiers(&self) -> Vec<VerifierName> {
        let running = (self.verifiers)();
        let runs = |name: &VerifierName| {
            running.iter().any(|of| of.name == *name && of.state == VerifierState::Running)
        };
        let config = self.config.borrow();
        let wanted: BTreeSet<_> =
            config.sources.values().filter_map(|source| source.verifier.as_ref()).collect();
        wanted.into_iter().filter(|name| !runs(name)).cloned().collect()
    }

    /// Those of which there is no file either.
    fn absent_verifiers(&self) -> Vec<VerifierName> {
        let known = (self.verifiers)();
        let is_known = |name: &VerifierName| known.iter().any(|of| of.name == *name);
        self.missing_verifiers().into_iter().filter(|name| !is_known(name)).collect()
    }

    /// The plugin of this name.
    ///
    /// # Errors
    /// A problem that names those there are and that the caller sees.
    fn find_plugin(&self, name: &str, sees: impl Fn(&str) -> bool) -> Result<PluginView, Problem> {
        let plugins = (self.plugins)();
        let names = || {
            let names = plugins.iter().map(|plugin| plugin.name.as_str()).filter(|name| sees(name));
            match names.collect::<Vec<_>>() {
                names if names.is_empty() => "there is none".into(),
                names => format!("there are: {}", names.join(", ")),
            }
        };
        let unknown = || Problem::not_found(format!("no plugin `{name}` is here; {}", names()));
        plugins.iter().find(|plugin| plugin.name == name).cloned().ok_or_else(unknown)
    }
}

/// The endpoints of a host that has started.
pub fn router(state: AdminState, hosts: Hosts) -> Router {
    Router::new()
        .route("/metrics", get(metrics::scrape))
        .nest(api::PREFIX, api::router(&state))
        .merge(pages::router(&state))
        .fallback(pages::not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(hosts, hosts::require))
        // Load balancers ask these under names of their own.
        .merge(Router::from(health::endpoints()))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(add_security_headers))
        .with_state(state)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("nothing is at `{}`; `/` says what is here", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("`{}` does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Responses must not be cached or content-sniffed.
async fn add_security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // Files whose address changes with their content say otherwise.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
