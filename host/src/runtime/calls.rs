//! The values that pass between dispatch and a plugin's code: a call with the plugin's settings, and the
//! report of the attempt.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::host_calls::HostCall;
use super::redaction::Redaction;
use super::steps::{CallTrace, Step};
use crate::completion::CallWork;
use crate::config;
use crate::delivery::{Attempt, Delivery};
use crate::outbound::Grants;
use crate::secrets::Mask;

/// A plugin's settings from the operator: configuration, limits and grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginSettings {
    /// The values of `wasi:config/store`: config and secrets.
    pub config: Arc<BTreeMap<String, String>>,
    /// Finds the secrets among them.
    pub mask: Arc<Mask>,
    /// The fields of events that it never gets.
    pub redaction: Option<Arc<Redaction>>,
    /// Limits of the plugin's store.
    pub store: config::Store,
    /// Limits of the effects that a call may queue.
    pub effects: config::Effects,
    /// The addresses that it may reach.
    pub grants: Arc<Grants>,
    /// Longest time of one call.
    pub call_timeout: Duration,
    /// Linear memory, all memories of an instance added up.
    pub memory_max_bytes: usize,
    /// The most memory that the host may hold for an instance.
    pub host_memory_max_bytes: usize,
    /// Log text kept of an attempt.
    pub log_max_bytes: usize,
    /// Calls an instance is kept for; `None` = a fresh one for every attempt.
    pub reuse_max: Option<u32>,
}

/// A delivery to try, and the settings of the attempt.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The delivery to try.
    pub delivery: &'a Delivery,
    /// The WIT package of the source's typed handlers.
    pub package: Option<&'a str>,
    /// The plugin's settings.
    pub settings: &'a PluginSettings,
    /// The span of the call, if its event has a trace.
    pub trace: Option<CallTrace>,
}

/// An attempt, and its call's work within the transaction.
#[derive(Debug)]
pub struct AttemptReport {
    /// The record of the attempt.
    pub attempt: Attempt,
    /// The writes and effects that commit with it.
    pub work: CallWork,
    /// Instructions executed, if this runtime counts them.
    pub fuel: Option<u64>,
    /// The times of its steps.
    pub stages: Stages,
}

/// The times of an attempt's steps. A step that did not take place has none.
#[derive(Debug, Default)]
pub struct Stages {
    /// Waiting for a place, and making the instance.
    pub instantiate: Option<Step>,
    /// The handler's call.
    pub call: Option<Step>,
    /// The calls to the host within it, if its trace is recorded.
    pub host_calls: Vec<HostCall>,
}

/// The code that dispatch calls for a plugin: a [`super::Revision`]. Benchmarks put native code in its place to
/// measure everything else, and tests to decide outcomes.
pub trait Runner: Send + Sync + 'static {
    /// Tries a delivery once. It never fails: the report has every outcome.
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>>;

    /// The number of the runtime's places (`runtime.instances_max`) that an attempt takes.
    fn places(&self) -> usize {
        1
    }
}
