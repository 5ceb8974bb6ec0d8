//! The generic handler.

use crate::{Context, Result};

/// Handles events of any type, with their payload as JSON text.
pub trait EventHandler {
    /// The event types it wants: `appointment.created` alone, `appointment.*` for all that begin so,
    /// `*` for all. Asked once, when the plugin is loaded.
    fn subscriptions() -> Vec<String>;

    /// Handles an event.
    ///
    /// # Errors
    /// A [`crate::Failure`] says whether to try again.
    fn handle(ctx: Context, data: String) -> Result;
}
