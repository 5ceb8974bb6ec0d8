//! Finds the line of a guest's error output that explains why it ended.
//!
//! The last line rarely does: a stack, notes or `exit status 2` follow the message. The line is found by the words
//! with which language runtimes begin it.

/// Longest error line that an attempt's reason quotes.
pub(super) const ERROR_LINE_MAX_BYTES: usize = 500;

/// The first words of a runtime's last message: Go (`TinyGo` too), Swift, and C++.
const FATAL_PREFIXES: [&str; 5] =
    ["panic: ", "fatal error: ", "Fatal error: ", "terminate called", "libc++abi: "];

/// The header of a traceback in Python. The first line after it that is not indented names the exception.
const TRACEBACK: &str = "Traceback (most recent call last):";

/// The line to quote, of all lines so far.
#[derive(Debug, Default)]
pub(super) struct FatalLine {
    line: Option<String>,
    /// Whether the line explains the end by its form, so that no ordinary line replaces it.
    explains: bool,
    awaited: Awaited,
}

/// The line that the lines before announced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    #[default]
    Nothing,
    /// The message of a Rust panic, whose header has the place.
    PanicMessage,
    /// The exception of a traceback.
    Exception,
}

impl FatalLine {
    /// The line, if there was any.
    pub(super) fn get(&self) -> Option<&str> {
        self.line.as_deref()
    }

    /// Takes an error that the guest logged with the highest severity. It replaces what was printed before.
    pub(super) fn set_critical(&mut self, message: &str) {
        self.set(&first_lines(message), false);
        self.awaited = Awaited::Nothing;
    }

    /// Takes the next line of the guest's error output, masked.
    pub(super) fn push(&mut self, line: &str) {
        let text = line.trim();
        if text.is_empty() {
            return;
        }
        match self.awaited {
            Awaited::PanicMessage => {
                self.awaited = Awaited::Nothing;
                let header = self.line.take().unwrap_or_default();
                return self.set(&format!("{header} {text}"), true);
            }
            Awaited::Exception if !line.starts_with([' ', '\t']) => {
                self.awaited = Awaited::Nothing;
                return self.set(text, true);
            }
            _ => {}
        }
        if text == TRACEBACK {
            self.awaited = Awaited::Exception;
        } else if is_rust_header(text) {
            self.awaited = Awaited::PanicMessage;
            self.set(text, true);
        } else if is_fatal(text) {
            self.set(text, true);
        } else if !self.explains && (self.line.is_none() || !line.starts_with([' ', '\t'])) {
            // Stacks are indented in most languages.
            self.set(text, false);
        }
    }

    fn set(&mut self, line: &str, explains: bool) {
        let end = line.floor_char_boundary(ERROR_LINE_MAX_BYTES);
        (self.line, self.explains) = (Some(line[..end].to_owned()), explains);
    }
}

/// `thread 'main' panicked at src/lib.rs:1:2:`
fn is_rust_header(text: &str) -> bool {
    text.starts_with("thread '") && text.contains(" panicked at ") && text.ends_with(':')
}

fn is_fatal(text: &str) -> bool {
    // Zig writes `thread 1 panic: message`.
    let zig = text.strip_prefix("thread ").and_then(|rest| rest.split_once(" panic: "));
    let is_zig = zig.is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    is_zig || FATAL_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

/// The first line, and the second where the first ends with a colon, as in a Rust panic.
fn first_lines(message: &str) -> String {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default().trim();
    let next = lines.next().filter(|_| first.ends_with(':'));
    next.map_or_else(|| first.to_owned(), |next| format!("{first} {}", next.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(output: &str) -> String {
        let mut fatal = FatalLine::default();
        output.lines().for_each(|line| fatal.push(line));
        fatal.get().unwrap_or_default().to_owned()
    }

    #[test]
    fn finds_the_message_of_each_languages_runtime() {
        for (output, expected) in [
            (
                "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\n\
                 main.main()\n\t/app/main.go:12 +0x2\nexit status 2\n",
                "panic: runtime error: index out of range [5] with length 3",
            ),
            (
                "panic: first [recovered]\n\tpanic: second\n\ngoroutine 1 [running]:\nmain.f(...)\n",
                "panic: second",
            ),
            (
                "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [select (no cases)]:\nmain.main()\n",
                "fatal error: all goroutines are asleep - deadlock!",
            ),
            (
                "thread 1 panic: index out of bounds: index 5, len 3\nUnable to dump stack trace: not implemented\n",
                "thread 1 panic: index out of bounds: index 5, len 3",
            ),
            (
                "\nthread 'main' (1) panicked at src/lib.rs:2:5:\nno such office\nnote: run with \
                 `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
                "thread 'main' (1) panicked at src/lib.rs:2:5: no such office",
            ),
            (
                "before\nTraceback (most recent call last):\n  File \"p.py\", line 1, in f\n    g()\n    ~^^\n\
                 ValueError: two\nlines\n",
                "ValueError: two",
            ),
            (
                "Traceback (most recent call last):\n  File \"p.py\", line 1\nKeyError: 'x'\n\nDuring handling of \
                 the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \
                 \"p.py\", line 2\nTypeError: y\n",
                "TypeError: y",
            ),
            (
                "terminate called after throwing an instance of 'std::out_of_range'\n  what():  vector\n",
                "terminate called after throwing an instance of 'std::out_of_range'",
            ),
            (
                "Error: no such office\n    at handle (plugin.js:3:5)\n    at call (plugin.js:9:1)\n",
                "Error: no such office",
            ),
            ("Assertion failed: i < n (main.c: find: 12)\n", "Assertion failed: i < n (main.c: find: 12)"),
            ("one\ntwo\n\n", "two"),
            ("  indented only\n", "indented only"),
            ("", ""),
        ] {
            assert_eq!(found(output), expected, "{output}");
        }
    }

    #[test]
    fn a_critical_log_line_replaces_printed_ones() {
        let mut fatal = FatalLine::default();
        fatal.push("panic: earlier");
        fatal.set_critical("panicked at src/lib.rs:1:2:\nno such office");
        assert_eq!(fatal.get(), Some("panicked at src/lib.rs:1:2: no such office"));
        fatal.push("a later line");
        assert_eq!(fatal.get(), Some("a later line"));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(found(&format!("panic: {}", "é".repeat(400))).len(), ERROR_LINE_MAX_BYTES - 1);
    }
}
