//! What the event says beside its payload: the content type of what was no JSON, and the attributes of a `CloudEvent`.
//!
//! Most signatures cover the body alone, and so do not prove what came in headers.
//!
//! ```
//! use hookyard_plugin::{Context, EventHandler, Result, log, metadata};
//! use hookyard_plugin::test::Host;
//!
//! struct Audit;
//!
//! impl EventHandler for Audit {
//!     fn subscriptions() -> Vec<String> {
//!         vec!["order.*".into()]
//!     }
//!
//!     fn handle(_ctx: Context, _data: String) -> Result {
//!         let subject = metadata::attribute("subject").unwrap_or_default();
//!         log::info!("{subject}, {}", metadata::content_type().as_deref().unwrap_or("JSON"));
//!         Ok(())
//!     }
//! }
//!
//! let mut host = Host::new().content_type("text/xml").attribute("subject", "orders/7");
//! let handled = host.event::<Audit>("order.paid", r#"{"content_type":"text/xml","text":"<order/>"}"#).done();
//! assert_eq!(handled.lines, ["INFO orders/7, text/xml"]);
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::hookyard::event::metadata as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::test::world;

/// The media type of the content that the payload was made of, as the sender wrote it. `None` if it was JSON, or if the
/// sender named no type. At most 256 bytes.
#[cfg(target_arch = "wasm32")]
pub fn content_type() -> Option<String> {
    host::content_type()
}

/// The value of a context attribute of a `CloudEvent`, such as `subject`, or an extension. `None` if the event has no such
/// attribute, or is no `CloudEvent`.
#[cfg(target_arch = "wasm32")]
pub fn attribute(name: &str) -> Option<String> {
    host::attribute(name)
}

/// All context attributes of a `CloudEvent` with their names, sorted by name. Other events have none.
#[cfg(target_arch = "wasm32")]
pub fn attributes() -> Vec<(String, String)> {
    host::attributes()
}

/// The content type that the test has set.
#[cfg(not(target_arch = "wasm32"))]
pub fn content_type() -> Option<String> {
    world::with(|world| world.content_type.clone())
}

/// The value of an attribute, if the test has set it.
#[cfg(not(target_arch = "wasm32"))]
pub fn attribute(name: &str) -> Option<String> {
    world::with(|world| world.attributes.get(name).cloned())
}

/// All attributes that the test has set, sorted by name.
#[cfg(not(target_arch = "wasm32"))]
pub fn attributes() -> Vec<(String, String)> {
    world::with(|world| world.attributes.clone().into_iter().collect())
}
