//! What the host keeps for one instance: its limits, its log, its configuration and, once it asks
//! for WASI, an empty world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

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
    pub(super) fn new(
        limits: Limits,
        logs: Logs,
        config: Arc<BTreeMap<String, String>>,
        deadline: Instant,
    ) -> Self {
        Self { limits, logs, config, deadline, table: ResourceTable::new(), wasi: None }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let logs = &self.logs;
        let ctx = self.wasi.get_or_insert_with(|| capabilities::wasi::empty_world(logs));
        WasiCtxView { ctx, table: &mut self.table }
    }
}
