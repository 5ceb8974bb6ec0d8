//! A typed handler whose records lack some fields of the contract and have others that it does not know.

#![allow(clippy::same_length_and_capacity, reason = "generated")]

wit_bindgen::generate!({ path: "wit", world: "moncreneau:events/partial-record", generate_all });

use exports::moncreneau::events::appointment_created::{Appointment, Context, Failure, Guest};
use wasi::logging::logging::{Level, log};

struct PartialRecord;

impl Guest for PartialRecord {
    fn handle(ctx: Context, appointment: Appointment) -> Result<(), Failure> {
        log(Level::Info, "", &format!("{ctx:?}"));
        log(Level::Info, "", &format!("{appointment:?}"));
        if appointment.priority == Some(0) { Err(Failure::Reject("no priority".into())) } else { Ok(()) }
    }
}

export!(PartialRecord);
