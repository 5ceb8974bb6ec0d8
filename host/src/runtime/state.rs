//! The host's state for one instance: its limits, its log, its configuration, the transaction of its call
//! and, once it uses them, WASI and its requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::ResourceTable;
use wasmtime::{Error, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::budget::{MemoryBudget, Reservation};
use super::calls::PluginSettings;
use super::deadline::Deadline;
use super::host_calls::HostCalls;
use super::limits::ResourceLimits;
use super::logs::AttemptLog;
use super::metadata::CallMetadata;
use super::requests::Requests;
use super::stores::PluginStores;
use super::transaction::CallTransaction;
use super::trap::{self, FailureContext};
use super::wasi_context::new_wasi_context;
use crate::config;
use crate::delivery::{Cause, Delivery};
use crate::event::PluginName;
use crate::outbound::{Grants, Outbound};

/// Buckets, streams, timers and the like that a guest may hold at once.
const HANDLES_MAX: usize = 10_000;
/// Bytes of host memory for a handle, beside its resource.
const HANDLE_BYTES: usize = 256;
/// The handles' part of the budget: one byte in this many.
const HANDLES_PART: usize = 8;

/// The data of an instance's wasmtime store.
pub(super) struct InstanceState {
    pub(super) limits: ResourceLimits,
    /// The budget of host memory for it.
    pub(super) budget: Arc<MemoryBudget>,
    /// The handles' part of the budget.
    _handles: Option<Reservation>,
    pub(super) log: AttemptLog,
    pub(super) config: Arc<BTreeMap<String, String>>,
    pub(super) metadata: CallMetadata,
    pub(super) deadline: Deadline,
    pub(super) transaction: CallTransaction,
    pub(super) outbound: Outbound,
    pub(super) table: ResourceTable,
    call_timeout: Duration,
    grants: Arc<Grants>,
    /// Made on first use: most handlers never use it, and it costs a system call for randomness.
    wasi: Option<WasiCtx>,
    random_max_bytes: u64,
    /// Made on first use, like `wasi`.
    http: Option<Requests>,
    host_calls: HostCalls,
}

impl InstanceState {
    /// The state of a new instance. [`InstanceState::begin`] comes before its first call.
    pub(super) fn new(
        plugin: &PluginName,
        settings: &PluginSettings,
        limits: &config::Runtime,
        stores: Arc<dyn PluginStores>,
        outbound: Outbound,
    ) -> Self {
        let budget = MemoryBudget::new(settings.host_memory_max_bytes);
        let log = AttemptLog::new(settings.log_max_bytes, &budget, plugin.as_str(), &settings.mask);
        let deadline = Deadline::after(settings.call_timeout);
        let transaction =
            CallTransaction::new(plugin.clone(), stores, outbound.clone(), settings, &budget, deadline);
        let handles = (budget.max_bytes() / HANDLES_PART / HANDLE_BYTES).min(HANDLES_MAX);
        let mut table = ResourceTable::new();
        table.set_max_capacity(handles);
        Self {
            limits: ResourceLimits::new(settings.memory_max_bytes, limits),
            // The budget is still whole.
            _handles: budget.reserve(handles * HANDLE_BYTES).ok(),
            budget,
            log,
            config: Arc::clone(&settings.config),
            metadata: CallMetadata::new(settings.redaction.clone()),
            deadline,
            transaction,
            outbound,
            table,
            call_timeout: settings.call_timeout,
            grants: Arc::clone(&settings.grants),
            wasi: None,
            random_max_bytes: limits.random_max_bytes,
            http: None,
            host_calls: HostCalls::default(),
        }
    }

    /// Begins a call and its time. `None` is a call outside of a delivery, when the plugin is loaded.
    pub(super) fn begin(&mut self, delivery: Option<&Delivery>) {
        self.deadline = Deadline::after(self.call_timeout);
        self.transaction.begin(delivery, self.deadline);
        self.metadata.begin(delivery);
        // A limit that the call before lived with is not why this one ends.
        self.limits.exceeded = None;
        // WASI's output streams have this log, so it is emptied and not replaced.
        self.log.begin(delivery);
    }

    /// Notes the calls of the current call to the host.
    pub(super) fn trace(&mut self, host_calls: &HostCalls) {
        self.transaction.host_calls = host_calls.clone();
        self.host_calls = host_calls.clone();
        if let Some(requests) = &mut self.http {
            requests.trace(host_calls);
        }
    }

    /// The requests of its calls.
    pub(super) fn requests(&mut self) -> &mut Requests {
        self.requests_and_table().0
    }

    /// Whether requests that its calls made are still under way.
    pub(super) fn has_requests_under_way(&self) -> bool {
        self.http.as_ref().is_some_and(Requests::are_under_way)
    }

    /// Returns the cause and the reason of an error of its call.
    pub(super) fn explain(&self, error: &Error) -> (Cause, String) {
        let Self { limits, log, budget, table, .. } = self;
        trap::explain(error, &FailureContext { limits, log, budget, handles_max: table.max_capacity() })
    }

    fn requests_and_table(&mut self) -> (&mut Requests, &mut ResourceTable) {
        let Self { http, table, outbound, grants, log, budget, host_calls, .. } = self;
        let new = || {
            let mut requests =
                Requests::new(outbound.clone(), Arc::clone(grants), log.mask(), log.clone(), budget);
            requests.trace(host_calls);
            requests
        };
        (http.get_or_insert_with(new), table)
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (log, random_max_bytes) = (&self.log, self.random_max_bytes);
        let ctx = self.wasi.get_or_insert_with(|| new_wasi_context(log, random_max_bytes));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (requests, table) = self.requests_and_table();
        requests.view(table)
    }
}

/// Sets the limit on the guest's next arguments or results from its budget. Called at the end of each
/// host function that may have changed the budget.
pub(super) fn update_lift_limit(context: &mut StoreContextMut<'_, InstanceState>) {
    let most = context.data().budget.lift_max_bytes();
    context.set_hostcall_fuel(most);
}
