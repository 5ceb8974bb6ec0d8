//! Why a call ended without a result, in words: the trap, the guest's own function and line.

use wasmtime::{Error, FrameInfo, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::limits::Limits;
use crate::delivery::Cause;

/// The guest was still running at its deadline.
#[derive(Debug, thiserror::Error)]
#[error("still running after call_timeout_ms")]
pub(super) struct Deadline;

/// Functions that a language's own panic machinery adds above the one at fault.
const MACHINERY: [&str; 8] = ["core::", "std::", "alloc::", "rust_", "__rust", "<core::", "<std::", "abort"];

/// Tells whose failure an error is, and describes it.
pub(super) fn explain(error: &Error, limits: &Limits) -> (Cause, String) {
    if error.is::<PoolConcurrencyLimitError>() {
        return (Cause::Host, format!("the host had no room for an instance: {error}"));
    }
    if error.is::<Deadline>() {
        return (Cause::Timeout, format!("{Deadline}{}", place(error)));
    }
    let what = match (error.downcast_ref::<Trap>(), &limits.crossed) {
        (_, Some(crossed)) => crossed.clone(),
        (Some(Trap::StackOverflow), None) => "stack: the call went deeper than stack_max_bytes".to_owned(),
        (Some(trap), None) => trap.to_string(),
        (None, None) => error.root_cause().to_string(),
    };
    (Cause::Trap, format!("trap: {what}{}", place(error)))
}

/// ` in FUNCTION at FILE:LINE`, as far as the component carries names.
fn place(error: &Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let names: Vec<(String, Option<String>)> = trace.frames().iter().filter_map(name).collect();
    let own = names.iter().find(|(function, _)| !MACHINERY.iter().any(|prefix| function.starts_with(prefix)));
    match own.or(names.first()) {
        Some((function, Some(line))) => format!(" in {function} at {line}"),
        Some((function, None)) => format!(" in {function}"),
        None => String::new(),
    }
}

fn name(frame: &FrameInfo) -> Option<(String, Option<String>)> {
    let symbol = frame.symbols().first();
    let named = symbol.and_then(|symbol| symbol.name()).or_else(|| frame.func_name())?;
    let line = symbol.and_then(|symbol| {
        let file = symbol.file()?;
        Some(format!("{file}:{}", symbol.line()?))
    });
    Some((wasmtime_demangle(named), line))
}

/// Rust's own mangling ends in a hash that says nothing to people.
fn wasmtime_demangle(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path.to_owned()
        }
        _ => name.to_owned(),
    }
}
