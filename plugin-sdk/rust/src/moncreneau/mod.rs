//! Moncreneau's five event types, typed: a trait for each, and the records it gets.
//!
//! Samples are the provider's own, for unit tests.

mod samples;

pub use crate::bindings::appointment_cancelled::exports::moncreneau::events::appointment_cancelled::{
    Cancelled, Canceller,
};
pub use crate::bindings::appointment_completed::exports::moncreneau::events::appointment_completed::Completed;
pub use crate::bindings::appointment_created::exports::moncreneau::events::appointment_created::Created;
pub use crate::bindings::appointment_updated::exports::moncreneau::events::appointment_updated::{
    Change, Updated,
};
pub use crate::bindings::appointment_validated::exports::moncreneau::events::appointment_validated::Validated;
pub use crate::bindings::base::moncreneau::events::appointments::{Agent, Department, Organization, Status};

use crate::{Context, Result};

/// `appointment.created`: somebody has booked.
pub trait AppointmentCreated {
    /// Handles the event.
    ///
    /// # Errors
    /// A [`crate::Failure`] says whether to try again.
    fn handle(ctx: Context, appointment: Created) -> Result;
}

/// `appointment.updated`: something about an appointment has changed.
pub trait AppointmentUpdated {
    /// Handles the event.
    ///
    /// # Errors
    /// A [`crate::Failure`] says whether to try again.
    fn handle(ctx: Context, appointment: Updated) -> Result;
}

/// `appointment.cancelled`: an appointment was called off.
pub trait AppointmentCancelled {
    /// Handles the event.
    ///
    /// # Errors
    /// A [`crate::Failure`] says whether to try again.
    fn handle(ctx: Context, appointment: Cancelled) -> Result;
}

/// `appointment.validated`: the visitor is here.
pub trait AppointmentValidated {
    /// Handles the event.
    ///
    /// # Errors
    /// A [`crate::Failure`] says whether to try again.
    fn handle(ctx: Context, appointment: Validated) -> Result;
}

/// `appointment.completed`: an appointment is over.
pub trait AppointmentCompleted {
    /// Handles the event.
    ///
    /// # Errors
    /// A [`crate::Failure`] says whether to try again.
    fn handle(ctx: Context, appointment: Completed) -> Result;
}
