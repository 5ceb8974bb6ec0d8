//! Places where JSON and the handler's type differ, and the notes about those that do not fail the payload.

use std::cell::{Cell, RefCell};
use std::fmt;

/// A place where JSON and the handler's type differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::runtime) struct Mismatch {
    /// Parts such as `.name` and `[3]`, the innermost first.
    path: Vec<String>,
    expected: String,
    found: String,
    kind: MismatchKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MismatchKind {
    /// An optional value around it becomes `none`.
    Value,
    /// The payload as a whole has no room.
    TooLarge,
    /// There was no time to decode the whole payload.
    TooLate,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payload")?;
        self.path.iter().rev().try_for_each(|part| f.write_str(part))?;
        write!(f, ": expected {}, found {}", self.expected, self.found)
    }
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        let kind = MismatchKind::Value;
        Self { path: Vec::new(), expected: expected.into(), found: found.into(), kind }
    }

    pub(super) fn too_large(memory_max_bytes: usize) -> Self {
        let expected = format!("at most {memory_max_bytes} bytes in memory (host_memory_max_bytes)");
        Self { kind: MismatchKind::TooLarge, ..Self::new(expected, "more") }
    }

    pub(super) fn too_late() -> Self {
        Self { kind: MismatchKind::TooLate, ..Self::new("to be read within call_timeout_ms", "more") }
    }

    /// Whether it fails the payload even in an optional value.
    pub(super) fn is_final(&self) -> bool {
        self.kind != MismatchKind::Value
    }

    /// Whether there was no time to decode the whole payload.
    pub(in crate::runtime) fn is_late(&self) -> bool {
        self.kind == MismatchKind::TooLate
    }

    /// Whether this value itself, and no part of it, is null.
    pub(super) fn is_of_null(&self) -> bool {
        self.path.is_empty() && self.found == NULL
    }
}

const NULL: &str = "null";

/// The type of a JSON value and, where it is short, the value.
pub(super) fn describe(json: &str) -> String {
    const SHOWN_MAX_BYTES: usize = 40;
    let kind = match json.as_bytes().first() {
        Some(b'{') => return "an object".into(),
        Some(b'[') => return "an array".into(),
        Some(b'n') => return NULL.into(),
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        _ => "number",
    };
    if json.len() <= SHOWN_MAX_BYTES {
        format!("{kind} {json}")
    } else {
        format!("a {kind} of {} bytes", json.len())
    }
}

/// Most notes of one payload. The others are counted.
pub(super) const NOTES_MAX: usize = 10;

/// The mismatches that do not fail the payload.
#[derive(Default)]
pub(super) struct Notes {
    notes: RefCell<Vec<Note>>,
    more: Cell<usize>,
}

/// A mismatch, and the value that took its place.
struct Note {
    mismatch: Mismatch,
    consequence: &'static str,
}

impl Notes {
    pub(super) fn len(&self) -> usize {
        self.notes.borrow().len()
    }

    pub(super) fn truncate(&self, length: usize) {
        self.notes.borrow_mut().truncate(length);
    }

    pub(super) fn push(&self, mismatch: Mismatch, consequence: &'static str) {
        let mut notes = self.notes.borrow_mut();
        if notes.len() < NOTES_MAX {
            notes.push(Note { mismatch, consequence });
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    /// Puts a part of the path in front of a part's mismatch, and of the notes since there were `mark` of them.
    pub(super) fn locate<T>(
        &self,
        mark: usize,
        part: impl Fn() -> String,
        mut result: Result<T, Mismatch>,
    ) -> Result<T, Mismatch> {
        for note in self.notes.borrow_mut().iter_mut().skip(mark) {
            note.mismatch.path.push(part());
        }
        if let Err(mismatch) = &mut result {
            mismatch.path.push(part());
        }
        result
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        let line = |note: &Note| format!("{}; {}", note.mismatch, note.consequence);
        let mut lines: Vec<String> = self.notes.borrow().iter().map(line).collect();
        if self.more.get() > 0 {
            lines.push(format!("{} more places of the payload did not fit", self.more.get()));
        }
        lines
    }
}
