//! One attempt as a test host describes it: the event with its context, the operator's settings, the store, and what
//! the servers answer. A test host of any language runs the built plugin with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::memory::{Buckets, Memory};
use super::trial::{Trial, TrialDelivery, TrialHost};
use crate::admin::api::ExportedEvent;
use crate::cli::author::report::Report;
use crate::cli::exported;
use crate::config::{Config, Secret};
use crate::delivery::reason_without_names;
use crate::effect::{Content, Effect};
use crate::event::PluginName;
use crate::outbound::{FailureKind, OutboundFailure, Partner, TrialRules};

/// An attempt to make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Case {
    /// As `event export` writes it; of its deliveries none is read.
    event: ExportedEvent,
    /// The attempt's number.
    #[serde(default = "first")]
    attempt: u32,
    /// Config and secrets. Nothing of the report is masked.
    #[serde(default)]
    config: BTreeMap<String, String>,
    /// The store before the attempt.
    #[serde(default)]
    store: Buckets,
    /// For each effect that the handler asks for, in order, the reason to refuse it, if it is refused. What is beyond
    /// the list is granted.
    #[serde(default)]
    refusals: Vec<Option<String>>,
    /// The responses to the handler's own requests, in their order.
    #[serde(default)]
    answers: Vec<Answer>,
}

fn first() -> u32 {
    1
}

/// A server's response, or why there is none.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum Answer {
    Response {
        status: u16,
        #[serde(default)]
        headers: Vec<(String, String)>,
        #[serde(default)]
        body: Content,
    },
    Failure {
        failure: String,
        /// Whether the operator's grants are the reason.
        #[serde(default)]
        denied: bool,
    },
}

/// The result of an attempt.
#[derive(Serialize)]
pub(in crate::cli) struct CaseReport {
    #[serde(flatten)]
    report: Report,
    /// The effects that the handler asked for and its own requests, in order, also those of an attempt that failed. They
    /// end with the first request that had no answer.
    asked: Vec<Asked>,
    /// Those of them that are requests.
    requests: Vec<Request>,
    /// Whether the last request had no answer. Then nothing else here counts: the attempt is to be made again with one
    /// answer more.
    is_unanswered: bool,
}

/// What a handler asked for.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Asked {
    /// An effect.
    Effect(Effect),
    /// A request of its own.
    Request(Request),
}

/// A handler's own request.
#[derive(Clone, Serialize)]
struct Request {
    /// `request`
    kind: &'static str,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Content,
}

impl Case {
    /// Makes the attempt.
    ///
    /// # Errors
    /// When the case cannot be one, or a host would refuse the plugin.
    pub(in crate::cli) async fn run(self, plugin: &PluginName, bytes: Vec<u8>) -> Result<CaseReport, String> {
        let mut config = Config::default();
        let mut own = config.plugin(plugin.as_str()).into_owned();
        own.config = self.config;
        // Everything is granted, so that all other checks of a host are made.
        own.email = vec!["*".into()];
        own.emit = vec!["*".into()];
        config.plugin.insert(plugin.clone(), own);
        config.email.smtp = Some(Secret::new("smtp://localhost".into()));
        config.email.from = Some("tests@localhost".into());
        let store = Memory::try_from(self.store).map_err(|error| format!("store: {error}"))?;
        let script =
            Arc::new(Script { refusals: self.refusals, answers: self.answers, asked: Mutex::default() });
        let partner = Some(Arc::clone(&script) as Arc<dyn Partner>);
        let rules = TrialRules { grants_all: true, partner };
        let host = TrialHost { config, rules, store, count_fuel: false };
        let event = exported::to_event(&self.event).map_err(|error| error.to_string())?;
        let trial = Trial::load(host, plugin, bytes).await?;
        let delivery =
            TrialDelivery { event, package: self.event.package, number: 1, attempt: self.attempt.max(1) };
        let mut report = trial.run(delivery).await?.report;
        // As a test knows it: without the names of plugin, event and handler.
        let reason = report.reason.as_deref();
        report.reason =
            reason.map(|reason| reason_without_names(reason, &report.plugin, &report.event).to_owned());
        let asked = std::mem::take(&mut *script.asked());
        let requests: Vec<Request> = asked.iter().filter_map(Asked::request).cloned().collect();
        let is_unanswered = requests.len() > script.answers.len();
        Ok(CaseReport { report, asked, requests, is_unanswered })
    }
}

/// The decisions and responses of a case.
struct Script {
    refusals: Vec<Option<String>>,
    answers: Vec<Answer>,
    asked: Mutex<Vec<Asked>>,
}

impl Script {
    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is asked, unless a request before it had no answer. Returns its number among those of its kind.
    fn note(&self, asked: Asked) -> Option<usize> {
        let mut all = self.asked();
        let requests = all.iter().filter_map(Asked::request).count();
        if requests > self.answers.len() {
            return None;
        }
        let number = if asked.request().is_some() { requests } else { all.len() - requests };
        all.push(asked);
        Some(number)
    }
}

impl Asked {
    fn request(&self) -> Option<&Request> {
        if let Self::Request(request) = self { Some(request) } else { None }
    }
}

impl Partner for Script {
    fn refuse(&self, effect: Effect) -> Option<String> {
        let number = self.note(Asked::Effect(effect))?;
        self.refusals.get(number).cloned().flatten()
    }

    fn respond(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, OutboundFailure> {
        let number = self.note(Asked::Request(Request::of(&request)));
        let fail = |detail: String| OutboundFailure::new(FailureKind::Unreachable, detail);
        match number.and_then(|number| self.answers.get(number)) {
            Some(Answer::Response { status, headers, body }) => {
                let mut response = http::Response::builder().status(*status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                let response = response.body(Bytes::from(body.0.clone()));
                response.map_err(|error| fail(format!("the test's answer: {error}")))
            }
            Some(Answer::Failure { failure, denied: true }) => {
                Err(OutboundFailure::new(FailureKind::NotGranted, failure.clone()))
            }
            Some(Answer::Failure { failure, .. }) => Err(fail(failure.clone())),
            None => Err(fail("the test has no answer yet".into())),
        }
    }
}

impl Request {
    fn of(request: &http::Request<Bytes>) -> Self {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            kind: "request",
            method: request.method().to_string(),
            url: request.uri().to_string(),
            headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: Content(request.body().to_vec()),
        }
    }
}
