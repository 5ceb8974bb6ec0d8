//! What dispatch hands to a plugin's code and gets back: a call with the plugin's settings, and the report of the
//! attempt.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::completion::Work;
use crate::config;
use crate::delivery::{Attempt, Delivery};
use crate::outbound::Grants;
use crate::secrets::Mask;

/// What an operator gives and allows a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginSettings {
    /// What `wasi:config/store` answers: config and secrets.
    pub config: Arc<BTreeMap<String, String>>,
    /// Finds the secrets among them.
    pub mask: Arc<Mask>,
    /// Limits of the plugin's store.
    pub store: config::Store,
    /// Limits of the effects that a call may queue.
    pub effects: config::Effects,
    /// What it may reach.
    pub grants: Arc<Grants>,
    /// Longest time of one call.
    pub call_timeout: Duration,
    /// Linear memory, all memories of an instance added up.
    pub memory_max_bytes: usize,
    /// What the host may hold in memory for an instance.
    pub host_memory_max_bytes: usize,
    /// Log text kept of an attempt.
    pub log_max_bytes: usize,
    /// Calls an instance is kept for; `None` = a fresh one for every attempt.
    pub reuse_max: Option<u32>,
}

/// A delivery to try, and what holds for the attempt.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The delivery to try.
    pub delivery: &'a Delivery,
    /// The WIT package of the source's typed handlers.
    pub package: Option<&'a str>,
    /// The plugin's settings.
    pub settings: &'a PluginSettings,
}

/// An attempt, and what its call did within its transaction.
#[derive(Debug)]
pub struct AttemptReport {
    /// The record of the attempt.
    pub attempt: Attempt,
    /// The writes and effects that commit with it.
    pub work: Work,
    /// Instructions executed, if this runtime counts them.
    pub fuel: Option<u64>,
}

/// The code that dispatch calls for a plugin: a [`super::Revision`]. Benchmarks put native code in its place to
/// measure everything else, and tests to decide outcomes.
pub trait Runner: Send + Sync + 'static {
    /// Tries a delivery once. It never fails: whatever happens is in the report.
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>>;

    /// How many of the runtime's places (`runtime.instances_max`) an attempt takes.
    fn places(&self) -> usize {
        1
    }
}
