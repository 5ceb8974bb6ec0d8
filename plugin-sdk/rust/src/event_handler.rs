//! The generic handler.

use crate::{Context, Result};

/// Handles events of any type. The payload is JSON text.
pub trait EventHandler {
    /// The patterns of the event types to handle: `appointment.created` for one type, `appointment.*` for all
    /// types with that prefix, `*` for all. The host calls this once, when it loads the plugin.
    fn subscriptions() -> Vec<String>;

    /// Handles an event.
    ///
    /// # Errors
    /// The [`crate::Failure`] decides whether the delivery gets another attempt.
    fn handle(ctx: Context, data: String) -> Result;
}
