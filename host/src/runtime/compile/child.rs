//! The child's side: limits itself, reads one file, writes its machine code or its exports, and ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use wasmtime::Engine;

use super::frame::{CODE, ERROR, EXPORTS, FILE, HEADER_BYTES, decode_header, encode_header};
use super::{code, exports};
use crate::config;
use crate::runtime::engine_config::{MemoryBounds, compiler_config};

/// Longest error that a child returns.
pub(super) const ERROR_MAX_BYTES: usize = 16 * 1024;
/// Address space beyond `compile_memory_max_bytes`, for memory that is reserved and never used. Some kernels limit
/// memory in use by address space only.
const RESERVED_MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// The smallest component. Compiling it ahead of the file creates the compiler's threads and tables.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// A child's task with its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Task {
    Compile,
    ReadExports,
}

/// The settings that a child gets ahead of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) task: Task,
    pub(super) limits: config::Runtime,
    pub(super) bounds: MemoryBounds,
    pub(super) count_fuel: bool,
    /// Processor time, all threads added up.
    pub(super) cpu_max_seconds: u64,
}

/// Compiles the one file on standard input, or reads its exports. It is the body of a child of
/// [`super::CompilerMode::Child`]. `setup` is the argument after [`super::COMMAND`]. The process ends with
/// its input, so it does not outlive its parent.
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
    apply_limits(&setup).map_err(|error| format!("limits: {error}"))?;
    // `io::stdin` has a buffer: the thread that watches the input later would miss its bytes.
    let stdin =
        io::stdin().as_fd().try_clone_to_owned().map_err(|error| format!("standard input: {error}"))?;
    let stdin = File::from(stdin);
    let answer = match setup.task {
        Task::Compile => compile(&setup, stdin)?.map(|code| (CODE, code)),
        Task::ReadExports => read_exports(stdin)?.map(|exports| (EXPORTS, exports)),
    };
    let (tag, answer) = answer.unwrap_or_else(|mut error| {
        error.truncate(error.floor_char_boundary(ERROR_MAX_BYTES));
        (ERROR, error.into_bytes())
    });
    let mut stdout = io::stdout().lock();
    let written =
        stdout.write_all(&encode_header(tag, answer.len())).and_then(|()| stdout.write_all(&answer));
    written.and_then(|()| stdout.flush()).map_err(|error| format!("standard output: {error}"))
}

/// Compiles the file. The inner error is the file's.
fn compile(setup: &Setup, mut stdin: File) -> Result<Result<Vec<u8>, String>, String> {
    // Without a pool: the child makes no instances.
    let mut config = compiler_config(&setup.limits, setup.bounds);
    let engine = Engine::new(config.consume_fuel(setup.count_fuel));
    let engine = engine.map_err(|error| format!("{error:#}"))?;
    engine.precompile_component(EMPTY).map_err(|error| format!("{error:#}"))?;
    let bytes = read_file(&mut stdin)?;
    exit_at_end_of(stdin)?;
    Ok(code::compile(&engine, &bytes))
}

/// Reads the file's exports, as JSON. The inner error is the file's.
fn read_exports(mut stdin: File) -> Result<Result<Vec<u8>, String>, String> {
    let bytes = read_file(&mut stdin)?;
    exit_at_end_of(stdin)?;
    let exports = exports::read(&bytes);
    Ok(exports.and_then(|exports| serde_json::to_vec(&exports).map_err(|error| error.to_string())))
}

fn read_file(stdin: &mut File) -> Result<Vec<u8>, String> {
    let mut header = [0; HEADER_BYTES];
    stdin.read_exact(&mut header).map_err(|error| format!("standard input: {error}"))?;
    let (FILE, length) = decode_header(header) else {
        return Err("standard input is not a file's frame".into());
    };
    let mut bytes = Vec::new();
    let read =
        stdin.take(length).read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
    if read as u64 == length { Ok(bytes) } else { Err("standard input ended".into()) }
}

/// Ends the process when its input ends: the parent has ended, or no longer waits for the answer.
fn exit_at_end_of(mut stdin: File) -> Result<(), String> {
    let watch = move || {
        let _ = stdin.read(&mut [0]);
        std::process::exit(0);
    };
    let thread = std::thread::Builder::new().name("watch".into()).spawn(watch);
    thread.map(drop).map_err(|error| format!("no thread to watch the parent: {error}"))
}

fn apply_limits(setup: &Setup) -> io::Result<()> {
    // When memory runs out, the system ends this process first. Any process may set this for
    // itself.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let memory = setup.limits.compile_memory_max_bytes;
    let reserved = memory.saturating_add(RESERVED_MAX_BYTES);
    lower(Resource::Data, memory, memory)?;
    lower(Resource::As, reserved, reserved)?;
    // The first limit ends it by SIGXCPU, which the parent can explain, the second by SIGKILL.
    lower(Resource::Cpu, setup.cpu_max_seconds, setup.cpu_max_seconds + 1)?;
    // The child writes no file, and no core dump of its memory.
    lower(Resource::Fsize, 0, 0)?;
    lower(Resource::Core, 0, 0)
}

/// Lowers both values of a limit. Lower ones stay.
fn lower(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let least = |old: Option<u64>, new: u64| Some(old.map_or(new, |old| old.min(new)));
    let old = getrlimit(resource);
    let new = Rlimit { current: least(old.current, current), maximum: least(old.maximum, maximum) };
    setrlimit(resource, new)?;
    Ok(())
}
