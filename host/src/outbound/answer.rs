//! What an answer means for an effect.

use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use http::header::RETRY_AFTER;
use reqwest::Response;
use url::Url;

use super::exchange::Answered;
use super::failure::excerpt;
use super::{EffectContext, Sent};
use crate::effect::TryOutcome;

/// What is kept of an answer that is no success.
const EXCERPT_MAX_BYTES: usize = 500;
/// What is read of it: secrets are looked for before it is cut, and white space is left out.
const READ_MAX_BYTES: usize = 16 * 1024;
/// What is told of the place that a redirect leads to.
const LOCATION_MAX_BYTES: usize = 200;
/// The rest of an answer is read, so that its connection can be used again, for so long at most.
const DRAIN_MAX: Duration = Duration::from_secs(1);

impl Sent {
    /// What an answer means for the effect. `method` is that of the request that it answers.
    pub(super) async fn answered(
        context: &EffectContext<'_>,
        method: &str,
        answered: Answered,
        answer_max_bytes: usize,
        deadline: Instant,
    ) -> Self {
        let Answered { response, by, redirected, location } = answered;
        let status = response.status();
        let outcome = outcome(status, context.progress.unanswered);
        let after = (outcome == TryOutcome::Retry).then(|| retry_after(&response)).flatten();
        let (start, is_cut) =
            start_of(response, answer_max_bytes, deadline.min(Instant::now() + DRAIN_MAX)).await;
        let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
        let from = if redirected { format!(" from {}", by.origin) } else { String::new() };
        let said = match (outcome, location) {
            (TryOutcome::Done, _) => String::new(),
            (_, Some(to)) => {
                let to = excerpt(context.mask, &place(&to), false, LOCATION_MAX_BYTES);
                format!("{method} is not repeated at {to}, where it redirects to")
            }
            (_, None) => {
                let text = String::from_utf8_lossy(&start);
                // Half a character at the end would hide that half a secret stands before it.
                let text = if is_cut { text.trim_end_matches('\u{fffd}') } else { &text };
                excerpt(context.mask, text, is_cut, EXCERPT_MAX_BYTES)
            }
        };
        let colon = if said.is_empty() { "" } else { ": " };
        let detail = format!("{}{reason}{from}{colon}{said}", status.as_u16());
        let progress = context.unanswered_if(is_unanswered(status));
        Self { outcome, detail, after, progress }
    }
}

/// `unanswered`: whether an earlier attempt with the same key may still be under way on the other side, which is
/// what a conflict (409) and a lock (423) then mean.
fn outcome(status: StatusCode, unanswered: bool) -> TryOutcome {
    match status.as_u16() {
        200..=299 => TryOutcome::Done,
        408 | 425 | 429 | 500..=599 => TryOutcome::Retry,
        409 | 423 if unanswered => TryOutcome::Retry,
        _ => TryOutcome::Refused,
    }
}

/// Whether a gateway tells that it waited in vain for whoever does the work.
fn is_unanswered(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT | StatusCode::TOO_EARLY)
}

/// Without what may hold secrets.
fn place(url: &Url) -> String {
    let mut place = url.clone();
    place.set_query(None);
    place.set_fragment(None);
    // They fail for URLs that have neither.
    let (_user, _password) = (place.set_username(""), place.set_password(None));
    place.into()
}

/// Reads all of an answer that may be read, and keeps its beginning. Whether its end is missing there.
async fn start_of(mut response: Response, most: usize, until: Instant) -> (Vec<u8>, bool) {
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
    // The status says what became of the effect, whatever becomes of the rest.
    let _late = tokio::time::timeout_at(until.into(), rest).await;
    let is_cut = !ended || start.len() < read;
    (start, is_cut)
}

fn retry_after(response: &Response) -> Option<Duration> {
    parse_retry_after(response.headers().get(RETRY_AFTER)?.to_str().ok()?, SystemTime::now())
}

/// Seconds, or a date in any of the three forms that a recipient must read (RFC 9110, 5.6.7 and 10.2.3). A date
/// in the past asks for no wait.
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
    fn statuses_are_done_tried_again_or_the_end() {
        use TryOutcome::{Done, Refused, Retry};
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
    fn after_a_request_without_an_answer_a_conflict_is_tried_again() {
        use TryOutcome::{Done, Refused, Retry};
        for (status, expected) in [(409, Retry), (423, Retry), (425, Retry), (422, Refused), (200, Done)] {
            assert_eq!(outcome(StatusCode::from_u16(status).unwrap(), true), expected, "{status}");
        }
    }

    #[test]
    fn of_a_place_what_may_hold_secrets_is_left_out() {
        let url = "https://user:hunter2@b.example/path?key=s3cret#x".parse().unwrap();
        assert_eq!(place(&url), "https://b.example/path");
        assert_eq!(place(&"mailto:a@b.example?x".parse().unwrap()), "mailto:a@b.example");
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
