//! Converts a response to the result of an effect.

use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use http::header::RETRY_AFTER;
use reqwest::Response;
use url::Url;

use super::exchange::FinalResponse;
use super::failure::excerpt;
use super::{EffectContext, EffectResult};
use crate::effect::EffectOutcome;

/// The longest recorded part of a response without success.
const EXCERPT_MAX_BYTES: usize = 500;
/// The part that is read for it. It is longer, because redaction and the removal of white space come first.
const READ_MAX_BYTES: usize = 16 * 1024;
/// The longest recorded target of a redirect.
const LOCATION_MAX_BYTES: usize = 200;
/// The longest time for reading the rest of a response, so that its connection can be reused.
const DRAIN_MAX: Duration = Duration::from_secs(1);

impl EffectResult {
    /// Reads a response and decides the outcome. `method` is the request's method.
    pub(super) async fn read_response(
        context: &EffectContext<'_>,
        method: &str,
        answered: FinalResponse,
        answer_max_bytes: usize,
        deadline: Instant,
    ) -> Self {
        let FinalResponse { response, by, redirected, location } = answered;
        let status = response.status();
        let outcome = outcome(status, context.progress.unanswered);
        let after = (outcome == EffectOutcome::Retry).then(|| retry_after(&response)).flatten();
        let (start, is_cut) =
            read_start(response, answer_max_bytes, deadline.min(Instant::now() + DRAIN_MAX)).await;
        let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
        let from = if redirected { format!(" from {}", by.origin) } else { String::new() };
        let said = match (outcome, location) {
            (EffectOutcome::Done, _) => String::new(),
            (_, Some(to)) => {
                let to = excerpt(context.mask, &redacted_url(&to), false, LOCATION_MAX_BYTES);
                format!("{method} is not repeated at the redirect's target {to}")
            }
            (_, None) => {
                let text = String::from_utf8_lossy(&start);
                // A replacement character at the end would hide half a secret before it.
                let text = if is_cut { text.trim_end_matches('\u{fffd}') } else { &text };
                excerpt(context.mask, text, is_cut, EXCERPT_MAX_BYTES)
            }
        };
        let colon = if said.is_empty() { "" } else { ": " };
        let detail = format!("{}{reason}{from}{colon}{said}", status.as_u16());
        let progress = context.unanswered_if(may_have_arrived(status));
        Self { outcome, detail, after, progress }
    }
}

/// `unanswered`: whether the other side may still process an earlier attempt with the same key. Only then, a conflict
/// (409) and a lock (423) mean "in progress".
fn outcome(status: StatusCode, unanswered: bool) -> EffectOutcome {
    match status.as_u16() {
        200..=299 => EffectOutcome::Done,
        408 | 425 | 429 | 500..=599 => EffectOutcome::Retry,
        409 | 423 if unanswered => EffectOutcome::Retry,
        _ => EffectOutcome::Refused,
    }
}

/// Whether a gateway got no response from the service behind it.
fn may_have_arrived(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT | StatusCode::TOO_EARLY)
}

/// The URL without the parts that may hold secrets.
fn redacted_url(url: &Url) -> String {
    let mut place = url.clone();
    place.set_query(None);
    place.set_fragment(None);
    // These fail for URLs that cannot have a user.
    let (_user, _password) = (place.set_username(""), place.set_password(None));
    place.into()
}

/// Reads a response up to `most` bytes, and returns its beginning and whether its end is missing.
async fn read_start(mut response: Response, most: usize, until: Instant) -> (Vec<u8>, bool) {
    let (mut start, mut read, mut ended) = (Vec::new(), 0, false);
    let rest = async {
        while let Ok(chunk) = response.chunk().await {
            let Some(chunk) = chunk else {
                ended = true;
                break;
            };
            let room = READ_MAX_BYTES.saturating_sub(start.len()).min(chunk.len());
            start.extend_from_slice(&chunk[..room]);
            read += chunk.len();
            if read >= most {
                break;
            }
        }
    };
    // The status alone decides the outcome.
    let _late = tokio::time::timeout_at(until.into(), rest).await;
    let is_cut = !ended || start.len() < read;
    (start, is_cut)
}

fn retry_after(response: &Response) -> Option<Duration> {
    parse_retry_after(response.headers().get(RETRY_AFTER)?.to_str().ok()?, SystemTime::now())
}

/// Parses seconds, or a date in any of the three forms that a recipient must accept (RFC 9110, 5.6.7 and 10.2.3). A
/// date in the past is a delay of zero.
fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_done_retried_or_refused() {
        use EffectOutcome::{Done, Refused, Retry};
        for (status, expected) in [
            (101, Refused),
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
            (423, Refused),
            (425, Retry),
            (429, Retry),
            (500, Retry),
            (503, Retry),
            (599, Retry),
            (600, Refused),
        ] {
            assert_eq!(outcome(StatusCode::from_u16(status).unwrap(), false), expected, "{status}");
        }
    }

    #[test]
    fn a_conflict_after_a_request_without_a_response_is_retried() {
        use EffectOutcome::{Done, Refused, Retry};
        for (status, expected) in [(409, Retry), (423, Retry), (425, Retry), (422, Refused), (200, Done)] {
            assert_eq!(outcome(StatusCode::from_u16(status).unwrap(), true), expected, "{status}");
        }
    }

    #[test]
    fn a_redirect_target_is_recorded_without_parts_that_may_hold_secrets() {
        let url = "https://user:hunter2@b.example/path?key=s3cret#x".parse().unwrap();
        assert_eq!(redacted_url(&url), "https://b.example/path");
        assert_eq!(redacted_url(&"mailto:a@b.example?x".parse().unwrap()), "mailto:a@b.example");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_in_any_form_of_http() {
        // 1994-11-06T08:49:00Z
        let now = SystemTime::UNIX_EPOCH + Duration::from_mins(13_068_529);
        for (text, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(252_618_189_059)),
            ("soon", None),
            ("-5", None),
            ("+5", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(parse_retry_after(text, now).map(|after| after.as_secs()), expected, "{text:?}");
        }
    }
}
