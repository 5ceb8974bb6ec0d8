//! Why a call ended without a result, in words: the trap, the guest's own function and line.

use std::time::Duration;

use wasmtime::component::ResourceTableError;
use wasmtime::{Error, FrameInfo, PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::guest::Guest;
use super::logs::Logs;
use super::text;
use crate::delivery::Cause;

/// The guest was still running at its deadline, after so long.
#[derive(Debug, thiserror::Error)]
#[error("still running after call_timeout_ms ({} ms)", .0.as_millis())]
pub(super) struct Deadline(pub(super) Duration);

/// Functions that a language's own panic machinery adds above the one at fault.
const MACHINERY: [&str; 8] = ["core::", "std::", "alloc::", "rust_", "__rust", "<core::", "<std::", "abort"];

/// Where the sources of such functions, and of other people's crates, are when a plugin is built.
const ELSEWHERE: [&str; 5] =
    ["/library/core/", "/library/alloc/", "/library/std/", "/library/panic_abort/", "/registry/src/"];

/// Tells whose failure an error is, and describes it.
pub(super) fn explain(error: &Error, guest: &Guest) -> (Cause, String) {
    let (limits, logs) = (&guest.limits, &guest.logs);
    if error.is::<PoolConcurrencyLimitError>() {
        return (Cause::Host, format!("the host had no room for an instance: {error}"));
    }
    if error.chain().any(|cause| cause.downcast_ref() == Some(&rustix::io::Errno::NOMEM)) {
        return (Cause::Host, format!("the host had no memory for an instance: {error:#}"));
    }
    if let Some(deadline) = error.downcast_ref::<Deadline>() {
        return (Cause::Timeout, format!("{deadline}{}", place(error)));
    }
    // A limit that was met is mostly why, but a guest may have lived with it and trapped for another reason.
    let crossed = limits.crossed.as_ref().map(|crossed| format!("{crossed}; then ")).unwrap_or_default();
    if let Some(I32Exit(code)) = error.downcast_ref() {
        // Where in its language's runtime it did so tells nothing.
        let said = said(logs);
        return (Cause::Trap, format!("trap: {crossed}{said}the guest ended itself, with exit code {code}"));
    }
    let what = match error.downcast_ref::<Trap>() {
        // What languages end a program with, once they have said why.
        Some(trap @ Trap::UnreachableCodeReached) => {
            format!("{}{}", said(logs), without_prefix(&trap.to_string()))
        }
        Some(Trap::StackOverflow) => {
            format!("stack: the call went too deep, stack_max_bytes is {}", limits.stack_max_bytes)
        }
        Some(trap) => without_prefix(&trap.to_string()).to_owned(),
        None if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) => {
            let most = guest.table.max_capacity();
            format!("handles: more than {most} buckets, streams, timers and the like at once")
        }
        None => {
            let cause = text::display_within(error.root_cause(), text::REASON_MAX_BYTES);
            if cause.contains(LIFTED_TOO_MUCH) { lifted_too_much(guest) } else { cause }
        }
    };
    (Cause::Trap, format!("trap: {crossed}{what}{}", place(error)))
}

/// What wasmtime says when a guest hands over more than [`super::budget::MemoryBudget::lift_max_bytes`]; it has
/// no type for this.
const LIFTED_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

fn lifted_too_much(guest: &Guest) -> String {
    let budget = &guest.budget;
    format!(
        "what it handed to the host in one call, or returned, is more than the {} bytes that one call may hand over: \
         the host holds {} bytes for this instance, host_memory_max_bytes is {}",
        budget.lift_max_bytes(),
        budget.held_bytes(),
        budget.max_bytes()
    )
}

/// What the guest said before it ended itself.
fn said(logs: &Logs) -> String {
    logs.last_words().map(|words| format!("{words}; then ")).unwrap_or_default()
}

fn without_prefix(trap: &str) -> &str {
    trap.strip_prefix("wasm trap: ").unwrap_or(trap)
}

/// ` in FUNCTION at FILE:LINE`, as far as the component carries names.
fn place(error: &Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let all: Vec<Place> = trace.frames().iter().flat_map(Place::of).collect();
    let Some(own) = all.iter().find(|place| place.is_own()).or(all.first()) else { return String::new() };
    // A function's first instructions may have no line; one that called itself has one further up.
    let told = all.iter().find(|place| place.function == own.function && place.line.is_some());
    format!(" in {}{}", own.function, told.unwrap_or(own).at())
}

/// A mangled name that is longer is not taken apart.
const MANGLED_MAX_BYTES: usize = 4 * 1024;
/// Longest path of a source file that is shown.
const FILE_MAX_BYTES: usize = 1024;

/// A function, where it was when the call ended.
struct Place {
    function: String,
    file: Option<String>,
    line: Option<u32>,
}

impl Place {
    /// The function of a frame and, before it, those that were inlined into it, innermost first.
    fn of(frame: &FrameInfo) -> Vec<Self> {
        let whole = frame.func_name().map(demangled);
        let symbols = frame.symbols();
        if symbols.is_empty() {
            return whole.map(|function| Self { function, file: None, line: None }).into_iter().collect();
        }
        let places = symbols.iter().enumerate().filter_map(|(at, symbol)| {
            // The name of the whole function has its module, which line tables alone leave out.
            let outermost = whole.clone().filter(|_| at + 1 == symbols.len());
            let function = outermost.or_else(|| symbol.name().map(demangled))?;
            Some(Self { function, file: symbol.file().map(file), line: symbol.line() })
        });
        places.collect()
    }

    fn is_own(&self) -> bool {
        let elsewhere =
            self.file.as_ref().is_some_and(|file| ELSEWHERE.iter().any(|part| file.contains(part)));
        !elsewhere && !MACHINERY.iter().any(|prefix| self.function.starts_with(prefix))
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
    text::cut(path, FILE_MAX_BYTES).into_owned()
}

/// Rust's names as they are written, without the hash at their end; others as they are.
fn demangled(name: &str) -> String {
    if name.len() > MANGLED_MAX_BYTES {
        return text::name(name).into_owned();
    }
    // A short name may stand for a very long one.
    text::display_within(format_args!("{:#}", rustc_demangle::demangle(name)), text::NAME_MAX_BYTES)
}
