//! Compiles plugin files in a child process with limits, because a file can be made to take all time and memory that
//! there is.
//!
//! The child is this program with the argument [`COMMAND`]. It reads a file from its standard input and writes machine
//! code to its standard output, or the handlers that the file exports. It has nothing of the host's environment, files and sockets.

mod child;
mod code;
mod exports;
mod frame;
mod merge;
mod parent;

use wasmtime::Engine;

use super::engine_config::MemoryBounds;
use crate::config;
use parent::ChildCompiler;

pub use child::compile_from_stdin;
pub use exports::HandlerExports;

/// The argument with which this program runs as a compiler.
pub const COMMAND: &str = "compile";

/// The place where the compiler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CompilerMode {
    /// In this process, without limits. For tests, whose program does not have [`COMMAND`].
    #[default]
    InProcess,
    /// In a child process for each file.
    Child,
    /// Like [`CompilerMode::Child`], for a host: the next child is started ahead, so that a swap does not
    /// wait for it. Files on which a child crashed are recorded in the cache.
    ChildAhead,
}

/// The reason why a file was not compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CompileError {
    /// The file cannot be compiled.
    Invalid(String),
    /// The compiler exceeded a limit or crashed, and would do so again with the same bytes.
    Crashed(String),
    /// The compiler could not run, which is not the file's fault.
    Unavailable(String),
}

/// The compiler of one runtime.
pub(super) enum Compiler {
    InProcess(Engine),
    Child(Box<ChildCompiler>),
}

impl Compiler {
    pub(super) fn new(
        mode: CompilerMode,
        engine: &Engine,
        limits: &config::Runtime,
        bounds: MemoryBounds,
        count_fuel: bool,
    ) -> Result<Self, String> {
        Ok(match mode {
            CompilerMode::InProcess => Self::InProcess(engine.clone()),
            CompilerMode::Child | CompilerMode::ChildAhead => {
                let starts_ahead = mode == CompilerMode::ChildAhead;
                Self::Child(Box::new(ChildCompiler::new(limits, bounds, count_fuel, starts_ahead)?))
            }
        })
    }

    /// Compiles a file to machine code. Dropping the future ends the child.
    pub(super) async fn compile(&self, bytes: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        // A file that is no WebAssembly needs no process.
        code::check_preamble(&bytes).map_err(CompileError::Invalid)?;
        match self {
            Self::InProcess(engine) => {
                let engine = engine.clone();
                let compiled = tokio::task::spawn_blocking(move || code::compile(&engine, &bytes)).await;
                let compiled = compiled.unwrap_or_else(|error| Err(format!("the compiler stopped: {error}")));
                compiled.map_err(CompileError::Invalid)
            }
            Self::Child(compiler) => compiler.compile(&bytes).await,
        }
    }

    /// Reads which handlers a file exports, without compiling it. Dropping the future ends the child.
    pub(super) async fn read_exports(&self, bytes: Vec<u8>) -> Result<HandlerExports, CompileError> {
        code::check_preamble(&bytes).map_err(CompileError::Invalid)?;
        match self {
            Self::InProcess(_) => {
                let read = tokio::task::spawn_blocking(move || exports::read(&bytes)).await;
                let read = read.unwrap_or_else(|error| Err(format!("reading it stopped: {error}")));
                read.map_err(CompileError::Invalid)
            }
            Self::Child(compiler) => compiler.read_exports(&bytes).await,
        }
    }

    /// Starts a child for the next file, where children are started ahead.
    pub(super) fn start_ahead(&self) {
        if let Self::Child(compiler) = self {
            compiler.start_ahead();
        }
    }
}
