//! Logs that it was called.

use hookyard_plugin::log::info;
use hookyard_plugin::{Context, EventHandler, Result, export};

struct Module;

export!(Module: EventHandler);

impl EventHandler for Module {
    fn subscriptions() -> Vec<String> {
        vec!["appointment.*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result {
        info!("{} with {} bytes", ctx.event_type, data.len());
        Ok(())
    }
}
