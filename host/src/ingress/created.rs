//! Converts a sender's timestamp from any usual notation to RFC 3339. Pure.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

use crate::event::rfc3339;

/// Longest text that is read as a time, in bytes.
const TEXT_MAX_BYTES: usize = 64;
/// A smaller number is no time: 0, 1 and `20260125` do not mean 1970. Seconds since the Unix epoch, in 1973.
const SECONDS_MIN: f64 = 1e8;
/// A number from here on is in milliseconds; from a thousand times as much on in microseconds, and so on.
const MILLISECONDS_MIN: f64 = 1e11;
/// A number that would be further in the future than this is no time. A year.
const AHEAD_MAX_MS: f64 = 366.0 * 24.0 * 3_600_000.0;

/// The time of an event, according to its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Created {
    /// RFC 3339.
    pub(super) text: String,
    /// Milliseconds since the Unix epoch.
    pub(super) at_ms: i64,
}

impl Created {
    /// Reads the JSON value at the source's `created`; `None` if it is no time.
    pub(super) fn read(json: &str, received_at: u64) -> Option<Self> {
        let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Self::from_number(json, received_at);
        };
        let text = if inner.contains('\\') {
            Cow::Owned(serde_json::from_str::<String>(json).ok()?)
        } else {
            Cow::Borrowed(inner)
        };
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.len() > TEXT_MAX_BYTES {
            return None;
        }
        if is_rfc3339(&text)
            && let Ok(at) = text.parse::<Timestamp>()
        {
            return Some(Self { at_ms: at.as_millisecond(), text: text.into_owned() });
        }
        Self::from_number(trimmed, received_at).or_else(|| Self::from_text(trimmed))
    }

    /// Seconds, milliseconds, microseconds or nanoseconds since the Unix epoch; the magnitude tells
    /// the unit.
    fn from_number(text: &str, received_at: u64) -> Option<Self> {
        let number: f64 = text.parse().ok()?;
        if !(number.is_finite() && number >= SECONDS_MIN) {
            return None;
        }
        let mut ms = number * 1000.0;
        let mut most = MILLISECONDS_MIN;
        while number >= most {
            ms /= 1000.0;
            most *= 1000.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact in a float for 285,000 years")]
        let latest = received_at as f64 + AHEAD_MAX_MS;
        if ms > latest {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "between 1973 and a year ahead, as just checked")]
        let at_ms = ms.round() as i64;
        Some(Self { text: rfc3339(u64::try_from(at_ms).ok()?), at_ms })
    }

    /// Other notations of a date and a time. Without an offset they are in UTC.
    fn from_text(text: &str) -> Option<Self> {
        // Older serialisers of .NET write `/Date(1769005800000)/`, with or without an offset.
        if let Some(inner) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
            let digits = inner.split(['+', '-']).next()?;
            return Self::from_timestamp(Timestamp::from_millisecond(digits.parse().ok()?).ok()?);
        }
        let local = ["UTC", "GMT"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text).trim_end();
        let at = text.parse::<Timestamp>().ok();
        let at = at
            .or_else(|| local.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp()));
        Self::from_timestamp(at.or_else(|| rfc2822::DateTimeParser::new().parse_timestamp(text).ok())?)
    }

    fn from_timestamp(at: Timestamp) -> Option<Self> {
        let at_ms = at.as_millisecond();
        Some(Self { text: rfc3339(u64::try_from(at_ms).ok()?), at_ms })
    }
}

/// Whether a text is RFC 3339 with its separators in upper case: then it is passed on unchanged.
fn is_rfc3339(text: &str) -> bool {
    const TO_SECONDS: &str = "0000-00-00T00:00:00";
    let fits = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                wanted => byte == wanted,
            })
    };
    let (Some(start), Some(rest)) = (text.get(..TO_SECONDS.len()), text.get(TO_SECONDS.len()..)) else {
        return false;
    };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if offset.len() == fraction.len() {
                return false;
            }
            offset
        }
        None => rest,
    };
    let seconds_are_leap = start.ends_with(":60");
    let has_offset = offset == "Z" || fits(offset, "+00:00") || fits(offset, "-00:00");
    fits(start, TO_SECONDS) && has_offset && !seconds_are_leap
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-25T14:30:00Z, a day before.
    const RECEIVED_AT: u64 = 1_769_437_800_000;

    fn text(json: &str) -> Option<String> {
        Created::read(json, RECEIVED_AT).map(|created| created.text)
    }

    #[test]
    fn passes_rfc_3339_on_unchanged() {
        for written in [
            "2026-01-25T14:30:00Z",
            "2026-01-25T14:30:00.123456789Z",
            "2026-01-25T14:30:00+01:00",
            "2026-01-25T14:30:00.5-11:30",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(text(&format!("\"{written}\"")).as_deref(), Some(written));
        }
    }

    #[test]
    fn other_notations_become_rfc_3339() {
        const AT: &str = "2026-01-25T14:30:00Z";
        for json in [
            "1769351400",
            "1769351400.0",
            "1.7693514e9",
            "1769351400000",
            "1769351400000000",
            "1769351400000000000",
            r#""1769351400""#,
            r#""1769351400000""#,
            r#"" 1769351400 ""#,
            r#""2026-01-25t14:30:00z""#,
            r#""2026-01-25 14:30:00Z""#,
            r#""2026-01-25T14:30:00""#,
            r#""2026-01-25 14:30:00""#,
            r#""2026-01-25T14:30""#,
            r#""2026-01-25 14:30:00 UTC""#,
            r#""2026-01-25T14:30:00+0000""#,
            r#""2026-01-25T15:30:00+01""#,
            r#""20260125T143000Z""#,
            r#""2026-01-25T14:30:00Z[UTC]""#,
            r#""Sun, 25 Jan 2026 14:30:00 GMT""#,
            r#""Sun, 25 Jan 2026 15:30:00 +0100""#,
            r#""25 Jan 2026 14:30:00 GMT""#,
            r#""\/Date(1769351400000)\/""#,
            r#""/Date(1769351400000+0100)/""#,
        ] {
            assert_eq!(text(json).as_deref(), Some(AT), "{json}");
        }
        assert_eq!(text("1769351400.25").as_deref(), Some("2026-01-25T14:30:00.25Z"));
        assert_eq!(text("1769351400123").as_deref(), Some("2026-01-25T14:30:00.123Z"));
        assert_eq!(text(r#""2026-01-25""#).as_deref(), Some("2026-01-25T00:00:00Z"));
        assert_eq!(text(r#""20260125""#).as_deref(), Some("2026-01-25T00:00:00Z"));
    }

    #[test]
    fn rejects_what_is_no_time() {
        let long = format!("\"2026-01-25T14:30:00.{}Z\"", "0".repeat(100));
        for json in [
            "null",
            "true",
            "{}",
            "[2026,1,25]",
            "0",
            "1",
            "-1769351400",
            "20260125",
            "20260125143000",
            "1e999",
            r#""""#,
            r#""yesterday""#,
            r#""14:30""#,
            r#""2026-13-25T14:30:00Z""#,
            r#""2026-01-25T25:00:00Z""#,
            r#""NaN""#,
            r#""\ufffd""#,
            r#""inf""#,
            r#""/Date(x)/""#,
            &long,
        ] {
            assert_eq!(text(json), None, "{json}");
        }
    }

    #[test]
    fn at_ms_is_the_time_of_the_text() {
        for (json, at_ms) in
            [(r#""2026-01-25T15:30:00+01:00""#, 1_769_351_400_000), ("1769351400.5", 1_769_351_400_500)]
        {
            assert_eq!(Created::read(json, RECEIVED_AT).map(|created| created.at_ms), Some(at_ms));
        }
    }
}
