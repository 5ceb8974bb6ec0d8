//! The window of a signed time.

use super::reason::{PlaceName, Unauthorized};
use crate::config::TimestampUnit;

/// Longest text that is read as a time, in bytes.
const TEXT_MAX_BYTES: usize = 40;

/// Checks that a signed time is at most `tolerance_seconds` before or after now; 0 = no limit. Its form is checked anyway.
pub(super) fn check_window(
    text: &[u8],
    place: impl Fn() -> PlaceName,
    unit: TimestampUnit,
    tolerance_seconds: u64,
    now_ms: u64,
) -> Result<(), Unauthorized> {
    let form = match unit {
        TimestampUnit::Seconds => "a number of seconds since 1970",
        TimestampUnit::Milliseconds => "a number of milliseconds since 1970",
        TimestampUnit::Rfc3339 => "a time in RFC 3339",
    };
    let at_ms = read_ms(text, unit).ok_or_else(|| Unauthorized::Timestamp(place(), form))?;
    if tolerance_seconds == 0 {
        return Ok(());
    }
    let age_ms = i128::from(now_ms) - at_ms;
    let tolerance_ms = i128::from(tolerance_seconds) * 1000;
    // Rounded up: what is outside of the window is outside by a second at least.
    let seconds = |ms: i128| u64::try_from((ms + 999) / 1000).unwrap_or(u64::MAX);
    if age_ms > tolerance_ms {
        return Err(Unauthorized::TooOld(seconds(age_ms - tolerance_ms), seconds(age_ms)));
    }
    if -age_ms > tolerance_ms {
        return Err(Unauthorized::TooNew(seconds(-age_ms - tolerance_ms)));
    }
    Ok(())
}

/// A time in ms since the Unix epoch.
fn read_ms(text: &[u8], unit: TimestampUnit) -> Option<i128> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= TEXT_MAX_BYTES)?;
    let number = || {
        let digits = text.strip_prefix('-').unwrap_or(text);
        // `parse` takes a `+`, which no provider sends.
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok()).flatten().map(i128::from)
    };
    match unit {
        TimestampUnit::Seconds => number().map(|seconds| seconds * 1000),
        TimestampUnit::Milliseconds => number(),
        TimestampUnit::Rfc3339 => {
            text.parse::<jiff::Timestamp>().ok().map(|at| i128::from(at.as_millisecond()))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    const NOW_MS: u64 = 1_600_000_000_500;

    fn check(text: &str, unit: TimestampUnit, tolerance_seconds: u64) -> String {
        let place = || PlaceName::Header(HeaderName::from_static("x-time"));
        let checked = check_window(text.as_bytes(), place, unit, tolerance_seconds, NOW_MS);
        checked.err().map(|why| why.to_string()).unwrap_or_default()
    }

    #[test]
    fn accepts_times_within_the_window_and_says_how_far_others_are() {
        let seconds = "timestamp header x-time is not a number of seconds since 1970";
        for (text, expected) in [
            ("1600000000", ""),
            ("1599999701", ""),
            ("1600000300", ""),
            ("1599999700", "timestamp is too old by 1 s: the request is 301 s old"),
            ("1599999588", "timestamp is too old by 113 s: the request is 413 s old"),
            ("1600000301", "timestamp is too far in the future by 1 s"),
            ("9223372036854775807", "timestamp is too far in the future by 9223372035254775507 s"),
            ("-1", "timestamp is too old by 1599999702 s: the request is 1600000002 s old"),
            ("9223372036854775808", seconds),
            ("", seconds),
            ("-", seconds),
            ("NaN", seconds),
            ("1e9", seconds),
            ("+1600000000", seconds),
            (" 1600000000", seconds),
            ("1600000000.0", seconds),
            ("0x5f5e1000", seconds),
            ("１６００００００００", seconds),
        ] {
            assert_eq!(check(text, TimestampUnit::Seconds, 300), expected, "{text}");
        }
    }

    #[test]
    fn reads_milliseconds_and_rfc_3339() {
        assert_eq!(check("1600000000500", TimestampUnit::Milliseconds, 1), "");
        assert_ne!(check("1600000000", TimestampUnit::Milliseconds, 300), "");
        assert_eq!(check("2020-09-13T12:26:40Z", TimestampUnit::Rfc3339, 1), "");
        assert_ne!(check("2020-09-13T12:26:30Z", TimestampUnit::Rfc3339, 1), "");
        assert_ne!(check("2020-09-13", TimestampUnit::Rfc3339, 1), "");
    }

    #[test]
    fn without_a_tolerance_only_the_form_counts() {
        assert_eq!(check("1", TimestampUnit::Seconds, 0), "");
        assert_ne!(check("x", TimestampUnit::Seconds, 0), "");
    }
}
