//! What the host keeps for one instance: its limits, its log, its configuration, what its call does
//! within the transaction and, once it asks for WASI, an empty world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::StoreContextMut;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use super::attempt::Settings;
use super::budget::{MemoryBudget, Reservation};
use super::capabilities;
use super::capabilities::http::Requests;
use super::checkpoint::Checkpoint;
use super::limits::Limits;
use super::logs::Logs;
use super::work::Working;
use crate::outbound::{Grants, Outbound};

/// Buckets, streams, timers and the like that a guest may hold at once.
const HANDLES_MAX: usize = 10_000;
/// What the host holds for a handle, beside what it is a handle of.
const HANDLE_BYTES: usize = 256;
/// The part of the budget that is set aside for handles: one in so many bytes.
const HANDLES_PART: usize = 8;

/// A store's data.
pub(super) struct Guest {
    pub(super) limits: Limits,
    /// What the host may hold for it.
    pub(super) budget: Arc<MemoryBudget>,
    /// The handles' part of the budget.
    _handles: Option<Reservation>,
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
    random_max_bytes: u64,
    /// Likewise.
    http: Option<Requests>,
}

impl Guest {
    /// For the first call: its time begins now.
    pub(super) fn new(
        (limits, budget): (Limits, Arc<MemoryBudget>),
        logs: Logs,
        mut work: Working,
        settings: &Settings,
        outbound: Outbound,
        random_max_bytes: u64,
    ) -> Self {
        let (config, call_timeout) = (Arc::clone(&settings.config), settings.call_timeout);
        let grants = Arc::clone(&settings.grants);
        let deadline = Instant::now() + call_timeout;
        work.checkpoint = Checkpoint::new(deadline, call_timeout);
        let handles = (budget.max_bytes() / HANDLES_PART / HANDLE_BYTES).min(HANDLES_MAX);
        let mut table = ResourceTable::new();
        table.set_max_capacity(handles);
        Self {
            limits,
            // The budget is still whole.
            _handles: budget.reserve(handles * HANDLE_BYTES).ok(),
            budget,
            logs,
            config,
            call_timeout,
            deadline,
            work,
            outbound,
            grants,
            table,
            wasi: None,
            random_max_bytes,
            http: None,
        }
    }

    /// Begins another call in the same instance, about this event.
    pub(super) fn begin(&mut self, event: &str) {
        self.deadline = Instant::now() + self.call_timeout;
        self.work.checkpoint = Checkpoint::new(self.deadline, self.call_timeout);
        // A limit that the call before lived with is not why this one ends.
        self.limits.crossed = None;
        // What is printed goes to the same log, so it is emptied and not replaced.
        self.logs.begin(event);
    }

    /// The requests of its calls.
    pub(super) fn requests(&mut self) -> &mut Requests {
        let Self { http, outbound, grants, logs, budget, .. } = self;
        http.get_or_insert_with(|| {
            Requests::new(outbound.clone(), Arc::clone(grants), logs.mask(), logs.clone(), budget)
        })
    }

    /// Whether requests that its calls made are still under way.
    pub(super) fn is_requesting(&self) -> bool {
        self.http.as_ref().is_some_and(Requests::under_way)
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (logs, random_max_bytes) = (&self.logs, self.random_max_bytes);
        let new = || capabilities::wasi::empty_world(logs, random_max_bytes);
        let ctx = self.wasi.get_or_insert_with(new);
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Self { http, table, outbound, grants, logs, budget, .. } = self;
        let new = || Requests::new(outbound.clone(), Arc::clone(grants), logs.mask(), logs.clone(), budget);
        http.get_or_insert_with(new).view(table)
    }
}

/// Limits what the guest hands over in its next call to the host, or returns, to what is left of its budget. For
/// the end of each host function that may have reserved some of it.
pub(super) fn limit_lifting(context: &mut StoreContextMut<'_, Guest>) {
    let most = context.data().budget.lift_max_bytes();
    context.set_hostcall_fuel(most);
}
