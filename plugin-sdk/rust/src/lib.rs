// The README's examples use the feature.
#![cfg_attr(feature = "json", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "json"), doc = "Write hookyard plugins in Rust: see the README.")]

// Generated handlers name this crate as those in plugins do.
extern crate self as hookyard_plugin;

#[cfg(all(feature = "allocator", target_arch = "wasm32", not(target_feature = "atomics")))]
mod allocator;
#[doc(hidden)]
pub mod bindings;
mod capabilities;
mod context;
mod event_handler;
mod export;
mod failure;
pub mod http;
mod logger;
pub mod metadata;
pub mod moncreneau;
pub mod outbox;
pub mod store;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;
pub mod verifier;

pub use capabilities::{clock, config, random};
pub use context::Context;
pub use event_handler::EventHandler;
pub use failure::{Failure, OrReject, Result};
pub use log;
#[cfg(feature = "json")]
pub use serde_json;

/// Items that [`export!`] and generated handlers use. They are not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use crate::bindings::base::hookyard::plugin::types;
    pub use crate::bindings::base::hookyard::plugin::types::Failure as WitFailure;
    pub use crate::logger::begin;
    pub use wit_bindgen;
}
