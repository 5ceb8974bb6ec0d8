//! For unit tests of handlers, natively.

use std::cell::RefCell;

use crate::Result;

thread_local! {
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Runs handlers, and returns what they logged, `LEVEL text`.
///
/// # Panics
/// When one of them fails: a test of a failure calls the handler itself.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn logged(run: impl FnOnce() -> Result) -> Vec<String> {
    crate::logger::begin();
    LINES.set(Some(Vec::new()));
    let result = run();
    let lines = LINES.take().unwrap_or_default();
    if let Err(failure) = result {
        panic!("{failure}; logged until then: {lines:?}");
    }
    lines
}

/// Takes a line, if a test collects them on this thread.
pub(crate) fn collect(line: &str) {
    LINES.with_borrow_mut(|lines| {
        if let Some(lines) = lines {
            lines.push(line.to_owned());
        }
    });
}
