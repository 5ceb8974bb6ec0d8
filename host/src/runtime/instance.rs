//! One instance of a plugin: made within limits, and given a deadline and all the fuel there is for each call.

use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::{ComponentExportIndex, Instance as Handle, InstancePre, Val};
use wasmtime::{AsContextMut as _, Engine, Error, Store, UpdateDeadline};

use super::state::{InstanceState, update_lift_limit};
use crate::delivery::Delivery;

/// Time after the guest's deadline until a call that does not return is dropped. It is a bound
/// beside the epoch's, for a host function that does not return.
const GRACE: Duration = Duration::from_millis(250);

/// Handles of all of an instance's components at once, which wasmtime keeps some 30 bytes for each.
const HANDLES_MAX: usize = 20_000;

/// An instance with its store, or a store that has none yet.
pub(super) struct Instance {
    store: Store<InstanceState>,
    handle: Option<Handle>,
    calls: u32,
    /// The time to instantiate it within the current call; zero if that was done before.
    instantiated: Duration,
    /// Free for another once the store is dropped: after it, so it stands last.
    _places: Option<OwnedSemaphorePermit>,
}

impl Instance {
    /// Makes a store for an instance, which takes these places.
    pub(super) fn new(engine: &Engine, state: InstanceState, places: Option<OwnedSemaphorePermit>) -> Self {
        let mut store = Store::new(engine, state);
        store.set_max_component_handles(HANDLES_MAX);
        store.limiter(|state| &mut state.limits);
        store.epoch_deadline_callback(|context| {
            context.data().deadline.check()?;
            // Other calls run between two ticks of a guest that computes without end.
            Ok(UpdateDeadline::Yield(1))
        });
        Self { store, handle: None, calls: 0, instantiated: Duration::ZERO, _places: places }
    }

    /// Prepares the next call. `None` is a call outside of a delivery, when the plugin is loaded.
    pub(super) fn begin(&mut self, delivery: Option<&Delivery>) {
        self.store.data_mut().begin(delivery);
        self.instantiated = Duration::ZERO;
        self.store.set_epoch_deadline(1);
        // Time limits calls. An engine that does not count fuel rejects this.
        let _ = self.store.set_fuel(u64::MAX);
        update_lift_limit(&mut self.store.as_context_mut());
    }

    /// Instantiates, if that was not done.
    pub(super) async fn instantiate(&mut self, pre: &InstancePre<InstanceState>) -> Result<(), Error> {
        self.within_deadline(async |instance| instance.handle(pre).await.map(drop)).await
    }

    /// Calls an export that returns one value. `params_bytes` is the parameters' size in memory.
    pub(super) async fn call(
        &mut self,
        pre: &InstancePre<InstanceState>,
        func: ComponentExportIndex,
        params: &[Val],
        params_bytes: usize,
    ) -> Result<Val, Error> {
        let held = self.state().budget.reserve(params_bytes);
        let _held = held.map_err(|over| over.into_error("its parameters"))?;
        self.within_deadline(async |instance| {
            update_lift_limit(&mut instance.store.as_context_mut());
            let handle = instance.handle(pre).await?;
            let func = handle.get_func(&mut instance.store, func);
            let func = func.ok_or_else(|| Error::msg("the export is gone"))?;
            let mut results = [Val::Bool(false)];
            instance.calls += 1;
            func.call_async(&mut instance.store, params, &mut results).await?;
            let [result] = results;
            Ok(result)
        })
        .await
    }

    async fn handle(&mut self, pre: &InstancePre<InstanceState>) -> Result<Handle, Error> {
        if let Some(handle) = self.handle {
            return Ok(handle);
        }
        let began = Instant::now();
        let made = pre.instantiate_async(&mut self.store).await;
        self.instantiated = began.elapsed();
        Ok(*self.handle.insert(made?))
    }

    async fn within_deadline<T>(
        &mut self,
        body: impl AsyncFnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let left = self.state().deadline.remaining();
        let result = tokio::time::timeout(left + GRACE, body(self)).await;
        result.unwrap_or_else(|_| Err(Error::new(self.state().deadline.exceeded())))
    }

    /// The time to instantiate it within the current call.
    pub(super) fn instantiated(&self) -> Duration {
        self.instantiated
    }

    /// The host's state for the instance.
    pub(super) fn state(&self) -> &InstanceState {
        self.store.data()
    }

    /// The host's state, for taking the call's results from it.
    pub(super) fn state_mut(&mut self) -> &mut InstanceState {
        self.store.data_mut()
    }

    /// Instructions since its call began, in an engine that counts them.
    pub(super) fn fuel(&self) -> Option<u64> {
        self.store.get_fuel().ok().map(|left| u64::MAX - left)
    }

    /// Whether it may be kept for a later call: it has calls left, and no request of its calls is under way.
    pub(super) fn is_reusable(&self, reuse_max: Option<u32>) -> bool {
        !self.state().has_requests_under_way() && reuse_max.is_some_and(|most| self.calls < most)
    }
}
