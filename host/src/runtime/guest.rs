//! What the host keeps for one instance: its limits, its log, its configuration, what its call does
//! within the transaction and, once it asks for WASI, an empty world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::attempt::Settings;
use super::capabilities;
use super::capabilities::http::Requests;
use super::limits::Limits;
use super::logs::Logs;
use super::work::Working;
use crate::outbound::{Grants, Outbound};

/// Streams, timers and the like that a guest may hold at once: the host's memory behind them does not
/// count as the guest's.
pub(super) const RESOURCES_MAX: usize = 10_000;

/// A store's data.
pub(super) struct Guest {
    pub(super) limits: Limits,
    pub(super) logs: Logs,
    pub(super) config: Arc<BTreeMap<String, String>>,
    pub(super) call_timeout: Duration,
    pub(super) deadline: Instant,
    pub(super) work: Working,
    pub(super) outbound: Outbound,
    pub(super) grants: Arc<Grants>,
    pub(super) table: ResourceTable,
    /// Made when first asked for: most handlers never do, and it costs a call for randomness.
    wasi: Option<WasiCtx>,
    /// Likewise.
    http: Option<Requests>,
}

impl Guest {
    /// For the first call: its time begins now.
    pub(super) fn new(
        limits: Limits,
        logs: Logs,
        work: Working,
        settings: &Settings,
        outbound: Outbound,
    ) -> Self {
        let (config, call_timeout) = (Arc::clone(&settings.config), settings.call_timeout);
        let grants = Arc::clone(&settings.grants);
        let deadline = Instant::now() + call_timeout;
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self {
            limits,
            logs,
            config,
            call_timeout,
            deadline,
            work,
            outbound,
            grants,
            table,
            wasi: None,
            http: None,
        }
    }

    /// Begins another call in the same instance, about this event.
    pub(super) fn begin(&mut self, event: &str) {
        self.deadline = Instant::now() + self.call_timeout;
        // A limit that the call before lived with is not why this one ends.
        self.limits.crossed = None;
        // What is printed goes to the same log, so it is emptied and not replaced.
        self.logs.begin(event);
    }

    /// Whether requests that its calls made are still under way.
    pub(super) fn is_requesting(&self) -> bool {
        self.http.as_ref().is_some_and(Requests::under_way)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let logs = &self.logs;
        let ctx = self.wasi.get_or_insert_with(|| capabilities::wasi::empty_world(logs));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (outbound, grants, logs) = (&self.outbound, &self.grants, &self.logs);
        let new = || Requests::new(outbound.clone(), Arc::clone(grants), logs.mask(), logs.clone());
        self.http.get_or_insert_with(new).view(&mut self.table)
    }
}
