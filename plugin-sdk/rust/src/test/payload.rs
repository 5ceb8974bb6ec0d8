//! Which handler a payload is for.

use crate::moncreneau::{
    AppointmentCancelled, AppointmentCompleted, AppointmentCreated, AppointmentUpdated, AppointmentValidated,
    Cancelled, Completed, Created, Updated, Validated,
};
use crate::{Context, Result};

/// A payload that the plugin `H` has a typed handler for.
pub trait Payload<H> {
    /// The type of its event.
    const EVENT_TYPE: &'static str;

    /// Calls the handler.
    ///
    /// # Errors
    /// What the handler fails with.
    fn call(self, ctx: Context) -> Result;
}

macro_rules! payload {
    ($($payload:ident: $handler:ident, $event_type:literal;)*) => {
        $(impl<H: $handler> Payload<H> for $payload {
            const EVENT_TYPE: &'static str = $event_type;

            fn call(self, ctx: Context) -> Result {
                H::handle(ctx, self)
            }
        })*
    };
}

payload! {
    Created: AppointmentCreated, "appointment.created";
    Updated: AppointmentUpdated, "appointment.updated";
    Cancelled: AppointmentCancelled, "appointment.cancelled";
    Validated: AppointmentValidated, "appointment.validated";
    Completed: AppointmentCompleted, "appointment.completed";
}
