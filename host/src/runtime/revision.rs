//! A plugin's file as it can be called: compiled, linked and checked.

use std::sync::Arc;

use wasmtime::component::InstancePre;

use super::cache::CacheHold;
use super::calls::PluginSettings;
use super::engine::Runtime;
use super::handlers::Handlers;
use super::instance::Instance;
use super::pool::RevisionId;
use super::redacted_plan::{RedactedPlanCache, RedactedPlans};
use super::redaction::Redaction;
use super::state::InstanceState;
use crate::delivery::Delivery;
use crate::event::{Digest, PluginName};

/// A loaded plugin file, which a swap puts in place. See the module.
pub struct Revision {
    /// The plugin's name.
    pub plugin: PluginName,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// Size of its file.
    pub size_bytes: u64,
    /// Its imports.
    pub imports: Vec<String>,
    /// Event type patterns that its generic handler subscribes to.
    pub subscriptions: Vec<String>,
    pub(super) id: RevisionId,
    pub(super) runtime: Runtime,
    pub(super) handlers: Handlers,
    /// The payload types under the last redaction.
    pub(super) redacted: RedactedPlanCache,
    pub(super) pre: InstancePre<InstanceState>,
    /// Places that an instance takes.
    pub(super) places: u32,
    #[expect(dead_code, reason = "it keeps the code in the cache until it is dropped")]
    pub(super) cache_hold: Option<CacheHold>,
}

impl Drop for Revision {
    fn drop(&mut self) {
        self.runtime.pool().forget(self.id);
    }
}

impl Revision {
    /// Describes its handlers for people: typed handlers by interface, the generic one by its
    /// patterns.
    #[must_use]
    pub fn handles(&self) -> Vec<String> {
        let typed = self.handlers.typed.values().map(|handler| handler.export.clone());
        typed.chain(self.subscriptions.iter().cloned()).collect()
    }

    /// Returns the export that handles an event; `None` if there is none.
    #[must_use]
    pub fn handler(&self, package: Option<&str>, event_type: &str) -> Option<&str> {
        self.handlers.find(package, event_type).map(|handler| handler.export.as_str())
    }

    /// Checks that the plugin can do without the fields that the operator keeps from it.
    ///
    /// # Errors
    /// The message names the field, the operator's pointer to it, and what to do.
    pub fn check_redaction(&self, redaction: &Arc<Redaction>) -> Result<(), String> {
        self.redacted_plans(redaction).map(drop)
    }

    /// The payload types of typed handlers without these fields.
    pub(super) fn redacted_plans(&self, redaction: &Arc<Redaction>) -> Result<Arc<RedactedPlans>, String> {
        self.redacted.plans(&self.handlers, redaction)
    }

    /// The interfaces of its typed handlers, as exported, with versions.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.handlers.typed.values().map(|handler| handler.export.as_str())
    }

    /// Whether it has a generic handler.
    #[must_use]
    pub fn has_generic_handler(&self) -> bool {
        self.handlers.generic.is_some()
    }

    /// The interfaces of its typed handlers, without versions.
    pub fn typed_interfaces(&self) -> impl Iterator<Item = &str> {
        self.handlers.typed.keys().map(String::as_str)
    }

    /// Takes an idle instance where the settings allow it, or makes a new one. `None` is a call outside of a
    /// delivery, when the plugin is loaded.
    pub(super) async fn take_instance(
        &self,
        settings: &PluginSettings,
        delivery: Option<&Delivery>,
    ) -> Instance {
        let (runtime, pool) = (&self.runtime.0, self.runtime.pool());
        let idle = settings.reuse_max.and_then(|_| pool.take(self.id, settings));
        let mut instance = if let Some(idle) = idle {
            idle
        } else {
            let places = pool.acquire(self.places).await;
            let (stores, outbound) = (Arc::clone(&runtime.stores), runtime.outbound.clone());
            let state = InstanceState::new(&self.plugin, settings, &runtime.limits, stores, outbound);
            Instance::new(&runtime.engine, state, places)
        };
        instance.begin(delivery);
        instance
    }

    /// Keeps an instance for later calls if the settings allow it. Its last call must have succeeded: after a
    /// failure its memory is in an unknown state. With a request under way it is dropped, which ends the request.
    pub(super) fn keep_instance(&self, settings: &PluginSettings, instance: Instance) {
        if instance.is_reusable(settings.reuse_max) {
            self.runtime.pool().keep(self.id, settings, instance);
        }
    }
}
