//! Whether the host accepts and runs events, and if not, why.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// The reason why the host is not ready, if it is not. Clones share it.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<ArcSwapOption<String>>);

impl Readiness {
    /// The readiness of a host that starts.
    #[must_use]
    pub fn starting() -> Self {
        let readiness = Self(Arc::default());
        readiness.set("starting");
        readiness
    }

    /// Makes it not ready, for this reason.
    pub fn set(&self, reason: impl Into<String>) {
        self.0.store(Some(Arc::new(reason.into())));
    }

    /// Makes it ready.
    pub fn set_ready(&self) {
        self.0.store(None);
    }

    /// Returns the reason.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.0.load().as_deref().cloned()
    }
}
