//! WIT packages of event types: which handlers they define, the types of their payloads, and samples.
//!
//! Reads packages for authors' tools: generated handlers, checks and samples. A running host does not need
//! it: it takes the types from a plugin's component. This room decodes no event and compiles nothing; it
//! makes a module with a package's handlers, which the runtime loads like a plugin.
//!
//! Public: [`Packages`], [`Package`], [`Value`], [`PluginWorld`], [`PackageError`].

mod error;
mod export;
mod handlers;
mod model;
mod module;
mod name;
mod packages;
mod reserved;
mod sample;
mod shape;
mod types;
mod value;
mod world;

pub use error::PackageError;
pub use export::{CoreExport, Store};
pub use model::{Handler, Package};
pub use packages::Packages;
pub use reserved::RESERVED;
pub use shape::{Case, Field, Kind, Type, TypeDef, TypeDefKind};
pub use value::Value;
pub use world::{CoreType, ExportedFunction, PluginWorld};
