//! The conformance guest in Rust; every SDK has one with the same behaviour. The generic handler performs the action
//! that the payload names (`{"do": …}`), and the typed handlers store their payloads.

mod actions;
mod endings;
mod typed;

use hookyard_plugin::moncreneau::{
    AppointmentCancelled, AppointmentCompleted, AppointmentCreated, AppointmentUpdated, AppointmentValidated,
};
use hookyard_plugin::{Context, EventHandler, Failure, OrReject as _, Result, export};
use serde_json::Value;

struct Conformance;

export!(Conformance: EventHandler, AppointmentCreated, AppointmentUpdated, AppointmentCancelled,
    AppointmentValidated, AppointmentCompleted);

impl EventHandler for Conformance {
    fn subscriptions() -> Vec<String> {
        vec!["conformance.*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result {
        let payload: Value = serde_json::from_str(&data).or_reject()?;
        let text = |key: &str| payload[key].as_str().unwrap_or_default();
        match text("do") {
            "echo" => actions::echo(text("text")),
            "context" => actions::context(&ctx),
            "config" => actions::config(),
            "metadata" => actions::metadata(),
            "store" => actions::store(),
            "outbox" => actions::outbox(text("url"), text("to"), text("text")),
            "refused" => actions::refused(),
            "fetch" => actions::fetch(text("url")),
            "clock" => actions::clock(),
            "random" => actions::random(),
            "large" => actions::large(text("text")),
            "print" => {
                actions::print();
                Ok(())
            }
            "retry" => endings::retry(text("reason"), payload["afterMs"].as_u64()),
            "reject" => endings::reject(text("reason")),
            "trap" => endings::trap(text("reason")),
            "loop" => endings::loop_for_ever(),
            "memory" => endings::allocate_for_ever(),
            other => Err(Failure::reject(format!("what is {other:?}?"))),
        }
    }
}
