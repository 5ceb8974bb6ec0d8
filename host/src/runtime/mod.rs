//! The only room that knows wasmtime. It loads a plugin's file as a [`Revision`] and makes attempts at deliveries with
//! it. It reads no database, no directory of plugins and no configuration file.
//!
//! | For | Files |
//! |---|---|
//! | calls from other rooms | `calls`, `stores`, `engine`, `engine_config` |
//! | a file to a revision | `load`, `describe`, `compile`, `compile_locks`, `cache`, `compiler_failures`, `precompiled`, `revision`, `trial` |
//! | a component's exports and imports | `handlers`, `context`, `outcome`, `imports`, `versions`, `type_budget` |
//! | JSON to a guest's own types | `payload`, `plan`, `decode`, `canonical` |
//! | verifiers of requests | `verifier` |
//! | fields that a plugin never gets | `redaction`, `redacted_plan` |
//! | an attempt in an instance | `attempt`, `pool`, `instance`, `trap` |
//! | the host's side of an instance | `state`, `transaction`, `requests`, `wasi_context`, `host_calls`, `logs`, `limits`, `budget`, `deadline` |
//! | functions that guests import | `capabilities` |
//! | the length of texts of guests and files | `text` |

mod attempt;
mod budget;
mod cache;
mod calls;
mod canonical;
mod capabilities;
mod compile;
mod compile_locks;
mod compiler_failures;
mod context;
mod deadline;
mod decode;
mod describe;
mod engine;
mod engine_config;
mod handlers;
mod host_calls;
mod imports;
mod instance;
mod limits;
mod load;
mod logs;
mod metadata;
mod outcome;
mod payload;
mod plan;
mod pool;
mod precompiled;
mod redacted_plan;
mod redaction;
mod requests;
mod revision;
mod state;
mod steps;
mod stores;
mod text;
mod transaction;
mod trap;
mod trial;
mod type_budget;
mod verifier;
mod versions;
mod wasi_context;

pub use calls::{AttemptReport, Call, PluginSettings, Runner, Stages};
pub use canonical::DecodedForTools;
pub use compile::{COMMAND as COMPILE_COMMAND, CompilerMode, HandlerExports, compile_from_stdin};
pub use describe::{origins_in, tools_of};
pub use engine::{CompileOptions, Runtime, RuntimeError};
pub use engine_config::{MemoryBounds, compiler_config, engine_config, replay_places, verifier_places};
pub use host_calls::HostCall;
pub use load::{LoadedRevision, Refusal};
pub use redaction::Redaction;
pub use revision::Revision;
pub use steps::{CallTrace, Step};
pub use stores::{EmptyStores, PluginStores, StoreFuture};
pub use verifier::{Verifier, VerifierLimits, VerifierRefusal};
pub use versions::interface_of;
