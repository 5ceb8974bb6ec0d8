//! What an answer means for an effect.

use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use reqwest::Response;

use super::Sent;
use super::exchange::Answered;
use super::failure::excerpt;
use crate::effect::TryOutcome;

/// What is kept of an answer that is no success.
const EXCERPT_MAX_BYTES: usize = 500;
/// The rest of an answer is read, so that its connection can be used again, for so long at most.
const DRAIN_MAX: Duration = Duration::from_secs(1);

impl Sent {
    pub(super) async fn answered(answered: Answered, answer_max_bytes: usize, deadline: Instant) -> Self {
        let Answered { response, by, redirected } = answered;
        let status = response.status();
        let outcome = outcome(status);
        let after = (outcome == TryOutcome::Retry).then(|| retry_after(&response)).flatten();
        let start = start_of(response, answer_max_bytes, deadline.min(Instant::now() + DRAIN_MAX)).await;
        let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
        let from = if redirected { format!(" from {}", by.origin) } else { String::new() };
        let said = match outcome {
            TryOutcome::Done => String::new(),
            _ => excerpt(&String::from_utf8_lossy(&start), EXCERPT_MAX_BYTES),
        };
        let colon = if said.is_empty() { "" } else { ": " };
        let detail = format!("{}{reason}{from}{colon}{said}", status.as_u16());
        Self { outcome, detail, after }
    }
}

fn outcome(status: StatusCode) -> TryOutcome {
    match status.as_u16() {
        200..=299 => TryOutcome::Done,
        408 | 425 | 429 | 500..=599 => TryOutcome::Retry,
        _ => TryOutcome::Refused,
    }
}

/// Reads all of an answer that may be read, and keeps its beginning.
async fn start_of(mut response: Response, most: usize, until: Instant) -> Vec<u8> {
    let (mut start, mut read) = (Vec::new(), 0);
    let rest = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            // Some more than is shown: white space is left out there.
            let room = (2 * EXCERPT_MAX_BYTES).saturating_sub(start.len()).min(chunk.len());
            start.extend_from_slice(&chunk[..room]);
            read += chunk.len();
            if read >= most {
                break;
            }
        }
    };
    // The status says what became of the effect, whatever becomes of the rest.
    let _late = tokio::time::timeout_at(until.into(), rest).await;
    start
}

fn retry_after(response: &Response) -> Option<Duration> {
    parse_retry_after(response.headers().get(RETRY_AFTER)?.to_str().ok()?, Timestamp::now())
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_done_tried_again_or_the_end() {
        use TryOutcome::{Done, Refused, Retry};
        for (status, expected) in [
            (200, Done),
            (204, Done),
            (299, Done),
            (302, Refused),
            (304, Refused),
            (400, Refused),
            (401, Refused),
            (404, Refused),
            (408, Retry),
            (409, Refused),
            (425, Retry),
            (429, Retry),
            (500, Retry),
            (503, Retry),
            (599, Retry),
            (600, Refused),
        ] {
            assert_eq!(outcome(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (text, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(parse_retry_after(text, now).map(|after| after.as_secs()), expected, "{text:?}");
        }
    }
}
