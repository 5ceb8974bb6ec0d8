//! Converts dates to day numbers, which can be subtracted.

use std::error::Error;
use std::fmt;

/// The day of a date (`2026-01-25…`) in the Gregorian calendar, counted from 0000-03-01.
pub fn day(text: &str) -> Result<i64, NoDate> {
    parse(text).ok_or_else(|| NoDate(text.into()))
}

fn parse(text: &str) -> Option<i64> {
    let mut parts = text.get(..10)?.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // A year that begins in March has its leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1)
}

/// The error for a text that does not begin with a date.
#[derive(Debug, PartialEq, Eq)]
pub struct NoDate(String);

impl fmt::Display for NoDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} begins with no date", self.0)
    }
}

impl Error for NoDate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_calendar() {
        for (from, to, days) in [
            ("2026-01-21T14:30:00Z", "2026-01-25T14:30:00", 4),
            ("2024-02-28", "2024-03-01", 2),
            ("2026-02-28", "2026-03-01", 1),
            ("2025-12-31", "2026-01-01", 1),
            ("1999-12-31", "2000-12-31", 366),
        ] {
            assert_eq!(day(to).unwrap_or_default() - day(from).unwrap_or_default(), days, "{from} {to}");
        }
        for wrong in ["", "2026-1-2", "2026-13-01", "2026-01-32", "yesterday…"] {
            assert_eq!(day(wrong), Err(NoDate(wrong.into())));
        }
    }
}
