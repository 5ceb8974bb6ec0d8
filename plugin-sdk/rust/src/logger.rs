//! Sends the `log` crate's lines to the host, and a panic's message before its trap.

use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

use crate::capabilities::logging;

struct Logger;

static LOGGER: Logger = Logger;
static BEGIN: Once = Once::new();

/// Sets up an instance. Every exported function calls this first.
pub fn begin() {
    BEGIN.call_once(|| {
        // A plugin may have set its own logger, which then stays.
        if log::set_logger(&LOGGER).is_ok() {
            log::set_max_level(LevelFilter::Trace);
        }
        // Natively, the test harness has its own panic hook.
        #[cfg(target_arch = "wasm32")]
        std::panic::set_hook(Box::new(|panic| logging::critical(&panic.to_string())));
    });
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let (level, message) = (record.level(), record.args());
        match message.as_str() {
            Some(text) => logging::line(level, text),
            None => logging::line(level, &message.to_string()),
        }
    }

    fn flush(&self) {}
}
