//! Explains why a call ended without a result: the trap, and the guest's own function and line.

use wasmtime::component::ResourceTableError;
use wasmtime::{Error, FrameInfo, PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::budget::MemoryBudget;
use super::deadline::DeadlineExceeded;
use super::limits::ResourceLimits;
use super::logs::AttemptLog;
use super::text;
use crate::delivery::Cause;

/// Functions that a language's panic handling adds above the one at fault.
const PANIC_FUNCTIONS: [&str; 9] =
    ["core::", "std::", "alloc::", "rust_", "__rust", "<core::", "<std::", "abort", "~lib/"];

/// The function of a module that logs an error and traps, in `AssemblyScript`.
const ABORT: &str = "/abort";

/// Parts of the source paths of such functions, and of dependencies, when a plugin is built.
const FOREIGN_SOURCES: [&str; 9] = [
    "/library/core/",
    "/library/alloc/",
    "/library/std/",
    "/library/panic_abort/",
    "/registry/src/",
    // Zig, from its own archives and from packages of systems.
    "/lib/std/",
    "/lib/zig/std/",
    // C++, from Zig's archives and from packages of systems.
    "/libcxx/",
    "/c++/v1/",
];

/// The host's state of the instance whose call failed.
pub(super) struct FailureContext<'a> {
    pub(super) limits: &'a ResourceLimits,
    pub(super) log: &'a AttemptLog,
    pub(super) budget: &'a MemoryBudget,
    /// Handles that the instance may hold at once.
    pub(super) handles_max: usize,
}

/// Returns the cause of an error and its description.
pub(super) fn explain(error: &Error, context: &FailureContext<'_>) -> (Cause, String) {
    let FailureContext { limits, log, budget, handles_max } = context;
    if let Some(reason) = host_fault(error) {
        return (Cause::Host, reason);
    }
    if let Some(exceeded) = error.downcast_ref::<DeadlineExceeded>() {
        return (Cause::Timeout, format!("{exceeded}{}", location(error)));
    }
    // An exceeded limit is mostly the cause, but a guest can handle it and trap for another reason.
    let exceeded = limits.exceeded.as_ref().map(|exceeded| format!("{exceeded}; then ")).unwrap_or_default();
    if let Some(I32Exit(code)) = error.downcast_ref() {
        // The location is in the language's runtime, so it explains nothing.
        let error = announced(log);
        return (
            Cause::Trap,
            format!("trap: {exceeded}{error}the guest ended itself, with exit code {code}"),
        );
    }
    let what = match error.downcast_ref::<Trap>() {
        // Languages end a program so after they have printed why.
        Some(trap @ Trap::UnreachableCodeReached) => {
            format!("{}{}", announced(log), without_prefix(&trap.to_string()))
        }
        None if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) => {
            format!("handles: more than {handles_max} buckets, streams, timers and the like at once")
        }
        _ => {
            let cause = describe(error, limits.stack_max_bytes);
            if cause.contains(LIFTED_TOO_MUCH) { lifted_too_much(budget) } else { cause }
        }
    };
    (Cause::Trap, format!("trap: {exceeded}{what}{}", location(error)))
}

/// The reason of an error that is the host's fault, not the guest's.
pub(super) fn host_fault(error: &Error) -> Option<String> {
    if error.is::<PoolConcurrencyLimitError>() {
        return Some(format!("the host had no room for an instance: {error}"));
    }
    let is_memory = error.chain().any(|cause| cause.downcast_ref() == Some(&rustix::io::Errno::NOMEM));
    is_memory.then(|| format!("the host had no memory for an instance: {error:#}"))
}

/// The trap or the error in itself.
pub(super) fn describe(error: &Error, stack_max_bytes: usize) -> String {
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            format!("stack: the call went too deep, stack_max_bytes is {stack_max_bytes}")
        }
        Some(trap) => without_prefix(&trap.to_string()).to_owned(),
        None => text::format_within(error.root_cause(), text::REASON_MAX_BYTES),
    }
}

/// The text of wasmtime's error when a guest hands over more than
/// [`super::budget::MemoryBudget::lift_max_bytes`]; the error has no type of its own.
pub(super) const LIFTED_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

fn lifted_too_much(budget: &MemoryBudget) -> String {
    format!(
        "what it handed to the host in one call, or returned, is more than the {} bytes that one call may hand over: \
         the host holds {} bytes for this instance, host_memory_max_bytes is {}",
        budget.lift_max_bytes(),
        budget.held_bytes(),
        budget.max_bytes()
    )
}

/// Returns the guest's explanation of its end.
fn announced(log: &AttemptLog) -> String {
    log.fatal_line().map(|error| format!("{error}; then ")).unwrap_or_default()
}

fn without_prefix(trap: &str) -> &str {
    trap.strip_prefix("wasm trap: ").unwrap_or(trap)
}

/// ` in FUNCTION at FILE:LINE`, as far as the component carries names.
pub(super) fn location(error: &Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let all: Vec<CodeLocation> = trace.frames().iter().flat_map(CodeLocation::of).collect();
    let Some(own) = all.iter().find(|place| place.is_own()).or(all.first()) else { return String::new() };
    // A function's first instructions may have no line. A recursive function has one in another frame.
    let told = all.iter().find(|place| place.function == own.function && place.line.is_some());
    format!(" in {}{}", own.function, told.unwrap_or(own).at())
}

/// A longer mangled name is not demangled.
const MANGLED_MAX_BYTES: usize = 4 * 1024;
/// Longest path of a source file in a message.
const FILE_MAX_BYTES: usize = 1024;

/// A function in a backtrace, and the place in its source.
struct CodeLocation {
    function: String,
    file: Option<String>,
    line: Option<u32>,
}

impl CodeLocation {
    /// The functions of a frame: first the inlined ones, innermost first, and then the frame's own.
    fn of(frame: &FrameInfo) -> Vec<Self> {
        let whole = frame.func_name().map(demangled);
        let symbols = frame.symbols();
        if symbols.is_empty() {
            return whole.map(|function| Self { function, file: None, line: None }).into_iter().collect();
        }
        let places = symbols.iter().enumerate().filter_map(|(at, symbol)| {
            // Line tables leave out the module, which the name of the whole function has.
            let outermost = whole.clone().filter(|_| at + 1 == symbols.len());
            let function = outermost.or_else(|| symbol.name().map(demangled))?;
            Some(Self { function, file: symbol.file().map(file), line: symbol.line() })
        });
        places.collect()
    }

    fn is_own(&self) -> bool {
        let elsewhere =
            self.file.as_ref().is_some_and(|file| FOREIGN_SOURCES.iter().any(|part| file.contains(part)));
        let of_runtime = PANIC_FUNCTIONS.iter().any(|prefix| self.function.starts_with(prefix));
        !elsewhere && !of_runtime && !self.function.ends_with(ABORT)
    }

    fn at(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!(" at {file}:{line}"),
            (Some(file), None) => format!(" at {file}"),
            (None, _) => String::new(),
        }
    }
}

fn file(path: &str) -> String {
    text::truncate(path, FILE_MAX_BYTES).into_owned()
}

/// A Rust name as in its source, without the hash at its end. Other names stay as they are.
fn demangled(name: &str) -> String {
    if name.len() > MANGLED_MAX_BYTES {
        return text::truncate_name(name).into_owned();
    }
    // A short mangled name can expand to a very long one.
    text::format_within(format_args!("{:#}", rustc_demangle::demangle(name)), text::NAME_MAX_BYTES)
}
