//! Small parts of pages: times, durations and states. They contain no text of senders or plugins, so templates show them
//! as they are.

use std::fmt;

use askama::filters::HtmlSafe;

use super::language::Language;
use super::words::TimeWords;
use crate::event::rfc3339;

/// Hexadecimal digits of a revision that are shown.
const REVISION_DIGITS: usize = 12;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A moment, shown by its distance from now, and exactly on hover and focus. Without scripts the exact one is in UTC; the
/// script writes it in the reader's zone.
pub(super) struct TimeTag {
    /// ms since the Unix epoch.
    pub(super) at: u64,
    pub(super) now: u64,
    pub(super) language: Language,
}

impl TimeTag {
    /// The distance, such as `3 min ago`.
    pub(super) fn relative(&self) -> String {
        let w = TimeWords(self.language);
        if self.at > self.now {
            let ahead = self.at - self.now;
            return if ahead < SECOND { w.now().into() } else { w.ahead(duration(self.language, ahead)) };
        }
        match self.now - self.at {
            0..SECOND => w.now().into(),
            past => w.ago(duration(self.language, past)),
        }
    }
}

impl fmt::Display for TimeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = rfc3339(self.at);
        let readable = readable_utc(&exact);
        let relative = self.relative();
        write!(
            f,
            "<time datetime=\"{exact}\" data-exact=\"{readable}\" title=\"{readable}\">{relative}</time>"
        )
    }
}

impl HtmlSafe for TimeTag {}

/// `2026-01-21 14:30:00 UTC` of an RFC 3339 time.
fn readable_utc(exact: &str) -> String {
    let seconds = exact.split('.').next().unwrap_or(exact).trim_end_matches('Z');
    format!("{} UTC", seconds.replacen('T', " ", 1))
}

/// A time span in its largest unit: `3 min`.
pub(super) fn duration(language: Language, ms: u64) -> String {
    let (number, unit) = match ms {
        0..SECOND => (ms, "ms"),
        SECOND..MINUTE => (ms / SECOND, "s"),
        MINUTE..HOUR => (ms / MINUTE, "min"),
        HOUR..DAY => (ms / HOUR, "h"),
        _ => (ms / DAY, TimeWords(language).day()),
    };
    language.with_unit(&language.number(number), unit)
}

/// A short time span: `850 µs`, `12.5 ms`, `1.2 s`.
pub(super) fn short_duration(language: Language, us: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let exact = us as f64;
    let (number, unit) = match us {
        0..1000 => (language.number(us), "µs"),
        1000..1_000_000 => (language.decimal(exact / 1000.0), "ms"),
        1_000_000..60_000_000 => (language.decimal(exact / 1_000_000.0), "s"),
        _ => return duration(language, us / 1000),
    };
    language.with_unit(&number, unit)
}

/// A number of bytes: `12 KB`.
pub(super) fn bytes(language: Language, bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let exact = bytes as f64;
    let (number, unit) = match bytes {
        0..1000 => (language.number(bytes), "B"),
        1000..1_000_000 => (language.decimal(exact / 1e3), "KB"),
        1_000_000..1_000_000_000 => (language.decimal(exact / 1e6), "MB"),
        _ => (language.decimal(exact / 1e9), "GB"),
    };
    language.with_unit(&number, unit)
}

/// The first digits of a revision's digest, enough to tell it from others.
pub(super) fn revision_digits(digest: &str) -> &str {
    digest.get(..REVISION_DIGITS).unwrap_or(digest)
}

/// A part of a sentence of the host.
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    /// Whether it is a command or a name, which the host writes in backticks.
    pub(super) is_code: bool,
}

/// Divides a sentence of the host at its backticks.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let parts = text.split('`').enumerate().filter(|(_, text)| !text.is_empty());
    parts.map(|(at, text)| Part { text, is_code: at % 2 == 1 }).collect()
}

/// The kind of a state, which its dot's form and colour show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// All is well.
    Done,
    /// Something is to come.
    Waiting,
    /// Somebody has to do something.
    Dead,
    /// It waits for an operator.
    Held,
    /// Nothing was to be done.
    Quiet,
}

/// A state: a dot, and its word.
pub(super) struct StateTag {
    pub(super) tone: Tone,
    pub(super) word: &'static str,
}

impl fmt::Display for StateTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tone = match self.tone {
            Tone::Done => "done",
            Tone::Waiting => "waiting",
            Tone::Dead => "dead",
            Tone::Held => "held",
            Tone::Quiet => "quiet",
        };
        write!(f, "<span class=\"state {tone}\"><i aria-hidden=\"true\"></i>{}</span>", self.word)
    }
}

impl HtmlSafe for StateTag {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_by_its_distance_and_exactly() {
        let tag = |at, now, language| TimeTag { at, now, language }.to_string();
        let at = 1_769_005_800_000;
        let shown = tag(at, at + 3 * MINUTE, Language::English);
        assert_eq!(
            shown,
            "<time datetime=\"2026-01-21T14:30:00Z\" data-exact=\"2026-01-21 14:30:00 UTC\" \
             title=\"2026-01-21 14:30:00 UTC\">3 min ago</time>"
        );
        let french = tag(at, at + 50 * HOUR, Language::French);
        assert!(french.ends_with(">il y a 2\u{202f}j</time>"), "{french}");
        assert!(tag(at + 61 * SECOND, at, Language::English).ends_with(">in 1 min</time>"));
        assert!(tag(at, at + 999, Language::English).ends_with(">just now</time>"));
        assert!(tag(at + 7, at, Language::English).contains("14:30:00 UTC"));
    }

    #[test]
    fn commands_in_a_sentence_are_parts_of_their_own() {
        let shown = |text| parts(text).iter().map(|part| (part.text, part.is_code)).collect::<Vec<_>>();
        assert_eq!(shown("see `hookyard x`, and"), [("see ", false), ("hookyard x", true), (", and", false)]);
        assert_eq!(shown("`a`"), [("a", true)]);
        assert_eq!(shown(""), []);
    }

    #[test]
    fn spans_and_sizes_are_in_their_largest_unit() {
        for (us, text) in [(850, "850 µs"), (12_500, "12.5 ms"), (1_200_000, "1.2 s"), (61_000_000, "1 min")]
        {
            assert_eq!(short_duration(Language::English, us), text);
        }
        for (size, text) in [(999, "999 B"), (12_345, "12.3 KB"), (5_000_000, "5 MB")] {
            assert_eq!(bytes(Language::English, size), text);
        }
    }
}
