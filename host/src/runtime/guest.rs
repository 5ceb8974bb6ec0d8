//! What the host keeps for one instance: its limits, its log, its configuration and, once it asks
//! for WASI, an empty world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::attempt::Settings;
use super::capabilities;
use super::limits::Limits;
use super::logs::Logs;

/// A store's data.
pub(super) struct Guest {
    pub(super) limits: Limits,
    pub(super) logs: Logs,
    pub(super) config: Arc<BTreeMap<String, String>>,
    pub(super) deadline: Instant,
    table: ResourceTable,
    /// Made when first asked for: most handlers never do, and it costs a call for randomness.
    wasi: Option<WasiCtx>,
}

impl Guest {
    /// For the first call: its time begins now.
    pub(super) fn new(limits: Limits, logs: Logs, settings: &Settings) -> Self {
        let (config, deadline) = (Arc::clone(&settings.config), Instant::now() + settings.call_timeout);
        Self { limits, logs, config, deadline, table: ResourceTable::new(), wasi: None }
    }

    /// Begins another call in the same instance, about this event.
    pub(super) fn begin(&mut self, settings: &Settings, event: &str) {
        self.deadline = Instant::now() + settings.call_timeout;
        // What is printed goes to the same log, so it is emptied and not replaced.
        self.logs.begin(event);
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let logs = &self.logs;
        let ctx = self.wasi.get_or_insert_with(|| capabilities::wasi::empty_world(logs));
        WasiCtxView { ctx, table: &mut self.table }
    }
}
