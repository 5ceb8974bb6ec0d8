//! Logs the content type and the attributes of each event, and then its payload. Built without the SDK against the
//! published versions of the contract.

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
        "../../../wit/hookyard-event-0.1.0",
    ],
    inline: "
        package tests:metadata;
        world guest {
            include hookyard:plugin/event-plugin@0.1.0;
            include hookyard:event/imports@0.1.0;
        }
    ",
    world: "tests:metadata/guest",
    generate_all,
});

use exports::hookyard::plugin::event_handler::Guest;
use hookyard::event::metadata;
use hookyard::plugin::types::{Context, Failure};
use wasi::logging::logging::{Level, log};

struct Metadata;

fn tell(text: &str) {
    log(Level::Info, "", text);
}

impl Guest for Metadata {
    fn subscriptions() -> Vec<String> {
        // No event is handled yet.
        let is_empty = metadata::content_type().is_none()
            && metadata::attributes().is_empty()
            && metadata::attribute("id").is_none();
        assert!(is_empty, "there is metadata of no event");
        vec!["*".into()]
    }

    /// A payload with the word `retry` asks for another attempt, and one with `emit` emits an event.
    fn handle(ctx: Context, data: String) -> Result<(), Failure> {
        tell(&format!("type: {}", metadata::content_type().as_deref().unwrap_or("none")));
        for (name, value) in metadata::attributes() {
            // Each way to ask for it gives the same value.
            assert_eq!(metadata::attribute(&name).as_deref(), Some(value.as_str()), "{name}");
            tell(&format!("{name}={value}"));
        }
        assert_eq!(metadata::attribute("no such attribute"), None);
        tell(&data);
        if data.contains("retry") && ctx.attempt == 1 {
            let retry = hookyard::plugin::types::Retry { reason: "once more".into(), after_ms: Some(1) };
            return Err(Failure::Retry(retry));
        }
        if data.contains("emit") {
            hookyard::plugin::outbox::emit_event("emitted", "{}").map_err(Failure::Reject)?;
        }
        Ok(())
    }
}

export!(Metadata);
