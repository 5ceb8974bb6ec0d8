//! The child's side: limits itself, gets one file, gives its machine code back, and ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use wasmtime::Engine;

use super::code;
use super::frame::{CODE, ERROR, FILE, HEAD_BYTES, head, read_head};
use crate::config;
use crate::runtime::engine_config::{MemoryBounds, compiler_config};

/// Longest error given back, in bytes.
pub(super) const ERROR_MAX_BYTES: usize = 16 * 1024;
/// Address space beyond `compile_memory_max_bytes`, for what is reserved and never used: a second line
/// where the kernel counts memory in use by address space only.
const RESERVED_MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// The smallest component: compiling it makes the compiler's threads and tables ahead of the file.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// What a child needs to know ahead of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) limits: config::Runtime,
    pub(super) bounds: MemoryBounds,
    pub(super) count_fuel: bool,
    /// Processor time, all threads added up.
    pub(super) cpu_max_seconds: u64,
}

/// Compiles the one file that comes over standard input: what a child of [`super::Compiler::Child`] does.
/// `setup` is the argument after [`super::VERB`]. The process ends with its input, so it never outlives
/// its parent.
#[must_use]
pub fn compile_from_stdin(setup: &str) -> ExitCode {
    match run(setup) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(setup: &str) -> Result<(), String> {
    let setup: Setup = serde_json::from_str(setup).map_err(|error| format!("setup: {error}"))?;
    limit(&setup).map_err(|error| format!("limits: {error}"))?;
    // Without the buffer of `io::stdin`: what watches the input later must see all that comes.
    let stdin =
        io::stdin().as_fd().try_clone_to_owned().map_err(|error| format!("standard input: {error}"))?;
    let mut stdin = File::from(stdin);
    // Nothing is reserved for instances.
    let mut config = compiler_config(&setup.limits, setup.bounds);
    let engine = Engine::new(config.consume_fuel(setup.count_fuel));
    let engine = engine.map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(EMPTY).map_err(|error| format!("{error:#}"))?;
    let bytes = read_file(&mut stdin)?;
    end_with(stdin)?;
    let (tag, answer) = match code::compile(&engine, &bytes) {
        Ok(code) => (CODE, code),
        Err(mut error) => {
            error.truncate(error.floor_char_boundary(ERROR_MAX_BYTES));
            (ERROR, error.into_bytes())
        }
    };
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&head(tag, answer.len())).and_then(|()| stdout.write_all(&answer));
    written.and_then(|()| stdout.flush()).map_err(|error| format!("standard output: {error}"))
}

fn read_file(stdin: &mut File) -> Result<Vec<u8>, String> {
    let mut start = [0; HEAD_BYTES];
    stdin.read_exact(&mut start).map_err(|error| format!("standard input: {error}"))?;
    let (FILE, length) = read_head(start) else { return Err("standard input is not a file's frame".into()) };
    let mut bytes = Vec::new();
    let read =
        stdin.take(length).read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
    if read as u64 == length { Ok(bytes) } else { Err("standard input ended".into()) }
}

/// Ends the process when its input ends: the parent is gone, or does not want the answer any more.
fn end_with(mut stdin: File) -> Result<(), String> {
    let watch = move || {
        let _ = stdin.read(&mut [0]);
        std::process::exit(0);
    };
    let thread = std::thread::Builder::new().name("watch".into()).spawn(watch);
    thread.map(drop).map_err(|error| format!("no thread to watch the parent: {error}"))
}

fn limit(setup: &Setup) -> io::Result<()> {
    // Where memory ends, the system is to end this process first. It may always be told so.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let memory = setup.limits.compile_memory_max_bytes;
    let reserved = memory.saturating_add(RESERVED_MAX_BYTES);
    lower(Resource::Data, memory, memory)?;
    lower(Resource::As, reserved, reserved)?;
    // At the first limit the signal says why, at the second it is SIGKILL.
    lower(Resource::Cpu, setup.cpu_max_seconds, setup.cpu_max_seconds + 1)?;
    // It has no file to write, and its memory belongs into none either.
    lower(Resource::Fsize, 0, 0)?;
    lower(Resource::Core, 0, 0)
}

/// Sets both values of a limit, or leaves those that are lower.
fn lower(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let least = |old: Option<u64>, new: u64| Some(old.map_or(new, |old| old.min(new)));
    let old = getrlimit(resource);
    let new = Rlimit { current: least(old.current, current), maximum: least(old.maximum, maximum) };
    setrlimit(resource, new)?;
    Ok(())
}
