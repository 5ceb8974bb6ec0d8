//! Formats the service's local date and time for people.

use hookyard_plugin::Failure;

/// A date and time, local to the office.
pub struct When<'a> {
    year: &'a str,
    month: usize,
    day: &'a str,
    hour: &'a str,
    minute: &'a str,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl<'a> When<'a> {
    /// Parses `2026-01-25T14:30:00`.
    pub fn parse(text: &'a str) -> Result<Self, Failure> {
        let wrong = || Failure::reject(format!("{text:?} is no date and time"));
        let (date, time) = text.split_once('T').ok_or_else(wrong)?;
        let mut date = date.split('-');
        let mut time = time.split(':');
        let part = |parts: &mut std::str::Split<'a, char>| {
            parts.next().filter(|part| number(part)).ok_or_else(wrong)
        };
        let (year, month, day) = (part(&mut date)?, part(&mut date)?, part(&mut date)?);
        let (hour, minute) = (part(&mut time)?, part(&mut time)?);
        let month = month.parse().ok().filter(|month| (1..=12).contains(month)).ok_or_else(wrong)?;
        Ok(Self { year, month, day, hour, minute })
    }

    /// Formats as `25/01/2026 à 14 h 30`.
    pub fn french(&self) -> String {
        let Self { year, month, day, hour, minute } = self;
        format!("{day}/{month:02}/{year} à {hour} h {minute}")
    }

    /// Formats as `25 January 2026 at 14:30`.
    pub fn english(&self) -> String {
        let Self { year, month, day, hour, minute } = self;
        format!("{day} {} {year} at {hour}:{minute}", MONTHS[month - 1])
    }
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_and_refuses_what_is_none() {
        for (text, english) in [
            ("2026-01-25T14:30:00", Some("25 January 2026 at 14:30")),
            ("2026-12-01T08:05", Some("01 December 2026 at 08:05")),
            ("2026-13-01T08:05:00", None),
            ("2026-01-25", None),
            ("2026-01-xxT08:00", None),
            ("", None),
        ] {
            assert_eq!(When::parse(text).ok().map(|when| when.english()).as_deref(), english, "{text}");
        }
    }
}
