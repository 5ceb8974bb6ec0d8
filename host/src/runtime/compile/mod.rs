//! Compiles plugin files, which may be made to take all time and memory there is: in a child process
//! with limits, so that only that process dies of them.
//!
//! The child is this very program with the argument [`VERB`]. It gets a file over its standard input
//! and gives machine code back over its standard output. It has no environment, no file and no socket
//! of the host's.

mod child;
mod code;
mod frame;
mod parent;

use wasmtime::Engine;

use super::engine_config::MemoryBounds;
use crate::config;
use parent::Children;

pub use child::compile_from_stdin;

/// The argument that makes a process of this program a compiler.
pub const VERB: &str = "compile";

/// Where a runtime compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compiler {
    /// In this process, without limits: for tests, whose program does not know [`VERB`].
    #[default]
    InProcess,
    /// In a child process for each file.
    Child,
    /// As [`Compiler::Child`], for a host: the next child is started ahead, so that a swap does not wait for
    /// it, and files that a child died of are remembered in the cache.
    ChildAhead,
}

/// Why there is no machine code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CompileError {
    /// The file is not what can be compiled.
    Invalid(String),
    /// The compiler crossed a limit or crashed. The same bytes would do that again.
    Died(String),
    /// No compiler could be run, which is not the file's fault.
    Unavailable(String),
}

/// The compiler of one runtime.
pub(super) enum Compile {
    InProcess(Engine),
    Children(Box<Children>),
}

impl Compile {
    pub(super) fn new(
        compiler: Compiler,
        engine: &Engine,
        limits: &config::Runtime,
        bounds: MemoryBounds,
        count_fuel: bool,
    ) -> Result<Self, String> {
        Ok(match compiler {
            Compiler::InProcess => Self::InProcess(engine.clone()),
            Compiler::Child | Compiler::ChildAhead => {
                let ahead = compiler == Compiler::ChildAhead;
                Self::Children(Box::new(Children::new(limits, bounds, count_fuel, ahead)?))
            }
        })
    }

    /// Machine code of a file. Dropping the future ends the child.
    pub(super) async fn compile(&self, bytes: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        // What is no WebAssembly at all needs no process.
        code::check_preamble(&bytes).map_err(CompileError::Invalid)?;
        match self {
            Self::InProcess(engine) => {
                let engine = engine.clone();
                let compiled = tokio::task::spawn_blocking(move || code::compile(&engine, &bytes)).await;
                let compiled = compiled.unwrap_or_else(|error| Err(format!("the compiler stopped: {error}")));
                compiled.map_err(CompileError::Invalid)
            }
            Self::Children(children) => children.compile(&bytes).await,
        }
    }

    /// Starts a child for the next file, where children are started ahead.
    pub(super) fn start_ahead(&self) {
        if let Self::Children(children) = self {
            children.start_ahead();
        }
    }
}
