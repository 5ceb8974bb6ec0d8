//! A typed handler with records of its own: less than the host knows, and more.

#![allow(clippy::same_length_and_capacity, reason = "generated")]

wit_bindgen::generate!({ path: "wit", world: "moncreneau:events/narrow", generate_all });

use exports::moncreneau::events::appointment_created::{Appointment, Context, Failure, Guest};
use wasi::logging::logging::{Level, log};

struct Narrow;

impl Guest for Narrow {
    fn handle(ctx: Context, appointment: Appointment) -> Result<(), Failure> {
        log(Level::Info, "", &format!("{ctx:?}"));
        log(Level::Info, "", &format!("{appointment:?}"));
        if appointment.priority == Some(0) { Err(Failure::Reject("no priority".into())) } else { Ok(()) }
    }
}

export!(Narrow);
