//! One handler of each package, built without the SDK against the published versions of the contract.

#![allow(clippy::same_length_and_capacity, reason = "generated")]

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi/io.wit",
        "../../../wit/wasi/clocks.wit",
        "../../../wit/wasi/random.wit",
        "../../../wit/wasi/config.wit",
        "../../../wit/wasi/logging.wit",
        "../../../wit/wasi/keyvalue.wit",
        "../../../wit/wasi/http.wit",
        "../../../wit/hookyard-plugin-0.1.0",
        "../../../wit/moncreneau-events-1.0.0",
    ],
    inline: "
        package tests:published;
        world published {
            include hookyard:plugin/event-plugin@0.1.0;
            include moncreneau:events/on-all-appointments@1.0.0;
        }
    ",
    world: "tests:published/published",
    generate_all,
});

use exports::hookyard::plugin::event_handler;
use exports::moncreneau::events::{
    appointment_cancelled, appointment_completed, appointment_created, appointment_updated,
    appointment_validated,
};
use hookyard::plugin::types::{Context, Failure};
use wasi::logging::logging::{Level, log};

struct Published;

fn tell(ctx: &Context, data: &str) {
    log(Level::Info, "", &format!("{} {data}", ctx.event_type));
}

impl event_handler::Guest for Published {
    fn subscriptions() -> Vec<String> {
        vec!["*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result<(), Failure> {
        tell(&ctx, &data);
        Ok(())
    }
}

macro_rules! typed {
    ($($module:ident: $payload:ident),*) => {
        $(impl $module::Guest for Published {
            fn handle(ctx: Context, appointment: $module::$payload) -> Result<(), Failure> {
                tell(&ctx, &appointment.name);
                Ok(())
            }
        })*
    };
}

typed!(appointment_created: Created, appointment_updated: Updated, appointment_cancelled: Cancelled,
    appointment_validated: Validated, appointment_completed: Completed);

export!(Published);
