//! Selects the handler for a payload.

use super::received::Received;
use super::sent::Sent;
use crate::{Context, Result};

/// A payload for which the plugin `H` has a typed handler. Generated handlers implement it for the payloads that only
/// one handler takes; for others there is [`Host::call`](super::Host::call).
pub trait Payload<H>: Sent + Received {
    /// The event type of the payload.
    const EVENT_TYPE: &'static str;
    /// The name of the source in the sample context.
    const SOURCE: &'static str;
    /// The WIT package of the handler: `acme:events`.
    const PACKAGE: &'static str;

    /// Calls the handler.
    ///
    /// # Errors
    /// Returns the handler's failure.
    fn call(self, ctx: Context) -> Result;
}
