//! An in-memory host for native unit tests of handlers.
//!
//! ```
//! use hookyard_plugin::moncreneau::{AppointmentCreated, Created};
//! use hookyard_plugin::test::{Host, Outcome};
//! use hookyard_plugin::{Context, Result, config, outbox, store};
//!
//! struct Welcome;
//!
//! impl AppointmentCreated for Welcome {
//!     fn handle(_ctx: Context, appointment: Created) -> Result {
//!         store::open("visitors")?.increment("expected", 1)?;
//!         outbox::email(config::require("desk")?).subject(appointment.name).send()?;
//!         Ok(())
//!     }
//! }
//!
//! let mut host = Host::new().config("desk", "desk@example.gn");
//! let handled = host.handle::<Welcome>(Created::sample()).done();
//! assert_eq!(handled.effects[0].email().unwrap().subject, "Jean Dupont");
//! assert_eq!(host.text("visitors", "expected").as_deref(), Some("1"));
//!
//! let handled = Host::new().handle::<Welcome>(Created::sample());
//! assert_eq!(handled.outcome, Outcome::Rejected("the configuration has no `desk`".into()));
//! assert!(handled.writes.is_empty(), "a handler that fails leaves nothing");
//! ```

mod component;
mod decoded;
mod handled;
mod host;
pub(crate) mod http;
pub(crate) mod keyvalue;
pub(crate) mod outbox;
mod payload;
mod program;
pub mod received;
pub mod sent;
#[cfg(test)]
mod tests;
pub(crate) mod world;

pub use handled::{Effect, Handled, Outcome, Write};
pub use host::Host;
pub use payload::Payload;

use crate::Result;

/// Runs the handler of `H` for this payload in a new [`Host`].
pub fn handle<H>(payload: impl Payload<H>) -> Handled {
    Host::new().handle(payload)
}

/// Runs handlers and returns their log lines, each as `LEVEL text`.
///
/// # Panics
/// Panics if a handler fails. A test of a failure calls the handler itself.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn logged(run: impl FnOnce() -> Result) -> Vec<String> {
    crate::logger::begin();
    world::with(|world| world.lines.clear());
    let result = run();
    let lines = world::with(|world| std::mem::take(&mut world.lines));
    if let Err(failure) = result {
        panic!("{failure}; logged until then: {lines:?}");
    }
    lines
}
