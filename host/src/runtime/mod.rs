//! The only room that knows wasmtime: the engine and its limits, compiled revisions and their
//! cache, the walk from JSON to a guest's own types, the capabilities guests may import, and one
//! attempt at a call. It reads no database, no directory of plugins and no configuration file.

mod attempt;
mod budget;
mod cache;
mod capabilities;
mod checkpoint;
mod compile;
mod context;
mod deaths;
mod decode;
mod engine;
mod engine_config;
mod guest;
mod handlers;
mod imports;
mod instances;
mod limits;
mod load;
mod logs;
mod outcome;
mod plan;
mod precompiled;
mod runner;
mod stores;
mod text;
mod trap;
mod type_budget;
mod work;

pub use attempt::{Call, Settings, Tried};
pub use compile::{Compiler, VERB as COMPILE_VERB, compile_from_stdin};
pub use engine::{Compilation, Runtime, RuntimeError};
pub use engine_config::{MemoryBounds, compiler_config, engine_config};

pub use handlers::interface_name;
pub use load::{Loaded, Refusal, Revision};
pub use runner::Runner;
pub use stores::{NoStores, Reading, Stores};
