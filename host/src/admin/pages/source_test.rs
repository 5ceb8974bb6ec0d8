//! A test of a request on the page of its source: what would become of it, without storing anything.

use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, State};
use axum::response::Response;
use jiff::Timestamp;

use super::language::Language;
use super::sources;
use super::ui::{StateTag, Tone};
use super::visit::Visit;
use super::words::SourcesWords;
use crate::admin::api::extract::{JsonBody, Path};
use crate::admin::api::sources as api;
use crate::admin::api::{SourceTestRequest, SourceTestResult, SourceTestStep, TestedEvent};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};

/// What was asked, and what came of it; nothing before the first test.
#[derive(Default)]
pub(super) struct Tested {
    /// The request as it was written; not the content of a file.
    pub(super) request: String,
    /// The time of its receipt as it was written.
    pub(super) at: String,
    pub(super) answer: Option<TestAnswer>,
}

/// What would become of a request.
pub(super) struct TestAnswer {
    pub(super) state: StateTag,
    pub(super) reason: Option<String>,
    /// Which secret verified it.
    pub(super) verified_by: Option<String>,
    pub(super) events: Vec<TestedEvent>,
}

#[derive(Default)]
struct TestForm {
    request: String,
    at: String,
    file: Bytes,
}

impl TestForm {
    async fn read(mut form: Multipart) -> Result<Self, Problem> {
        let wrong = |error: MultipartError| Problem::bad_request(error.body_text());
        let mut read = Self::default();
        while let Some(field) = form.next_field().await.map_err(wrong)? {
            match field.name().unwrap_or_default() {
                "request" => read.request = field.text().await.map_err(wrong)?,
                "at" => field.text().await.map_err(wrong)?.trim().clone_into(&mut read.at),
                "file" => read.file = field.bytes().await.map_err(wrong)?,
                _ => {}
            }
        }
        Ok(read)
    }

    /// The request, or why it is none.
    fn parse(&self, w: SourcesWords) -> Result<SourceTestRequest, String> {
        let at = self.time().map_err(|()| w.test_time_wrong().to_owned())?;
        if !self.file.is_empty() {
            return SourceTestRequest::parse(&self.file, at);
        }
        // A browser ends each line with two characters, whatever they were.
        SourceTestRequest::parse(self.request.replace("\r\n", "\n").trim_start().as_bytes(), at)
    }

    /// The time of receipt, in ms since the Unix epoch; `None` is now.
    fn time(&self) -> Result<Option<u64>, ()> {
        if self.at.is_empty() {
            return Ok(None);
        }
        let ms = match self.at.parse::<Timestamp>() {
            Ok(time) => u64::try_from(time.as_millisecond()).ok(),
            Err(_) => self.at.parse().ok(),
        };
        ms.map(Some).ok_or(())
    }
}

/// `POST /sources/{name}/test`
pub(super) async fn test(
    operator: Allowed<need::Operate>,
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    mut visit: Visit,
    Path(name): Path<String>,
    form: Multipart,
) -> Result<Response, Problem> {
    let form = TestForm::read(form).await?;
    let answer = match form.parse(SourcesWords(visit.language)) {
        Ok(request) => {
            let Json(result) =
                api::test(operator, State(admin.clone()), Path(name.clone()), JsonBody(request)).await?;
            TestAnswer::of(result, visit.language)
        }
        Err(why) => TestAnswer::not_a_request(why, visit.language),
    };
    visit.path = sources::path_of(&name);
    let tested = Tested { request: form.request, at: form.at, answer: Some(answer) };
    sources::page(reader, &admin, &visit, name, tested).await
}

impl TestAnswer {
    fn of(result: SourceTestResult, language: Language) -> Self {
        let w = SourcesWords(language);
        let (tone, word) = match result.step {
            SourceTestStep::Request => (Tone::Dead, w.test_no_request()),
            SourceTestStep::Handshake => (Tone::Done, w.test_handshake()),
            SourceTestStep::Verification => (Tone::Dead, w.test_unverified()),
            SourceTestStep::Verifier => (Tone::Dead, w.test_unanswered()),
            SourceTestStep::Body => (Tone::Dead, w.test_no_event()),
            SourceTestStep::Accepted => (Tone::Done, w.test_accepted()),
        };
        Self {
            state: StateTag { tone, word },
            reason: result.reason,
            verified_by: result.secret.map(|secret| w.test_secret(language.number(u64::from(secret)))),
            events: result.events,
        }
    }

    fn not_a_request(why: String, language: Language) -> Self {
        let state = StateTag { tone: Tone::Dead, word: SourcesWords(language).test_no_request() };
        Self { state, reason: Some(why), verified_by: None, events: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(request: &str, at: &str, file: &'static [u8]) -> Result<SourceTestRequest, String> {
        let form =
            TestForm { request: request.to_owned(), at: at.to_owned(), file: Bytes::from_static(file) };
        form.parse(SourcesWords(Language::English))
    }

    #[test]
    fn a_request_is_a_text_or_a_file_and_came_now_or_at_a_time() {
        let text = "\r\nPOST /webhooks/desk HTTP/1.1\r\nX-A: 1\r\n\r\n{\r\n}";
        let of = |form: Result<SourceTestRequest, String>| form.map(|of| (of.body_base64, of.at));
        assert_eq!(of(form(text, "", b"")), Ok(("ewp9".into(), None)), "lines end as JSON's usually do");
        let file = b"POST / HTTP/1.1\r\n\r\n{\r\n}";
        assert_eq!(of(form("", "7", file)), Ok(("ew0KfQ==".into(), Some(7))), "a file is sent as it is");
        assert_eq!(of(form(text, "2023-11-14T22:13:20Z", b"")), Ok(("ewp9".into(), Some(1_700_000_000_000))));
        for at in ["yesterday", "-1", "1.5", "1960-01-01T00:00:00Z", "99999999999999999999"] {
            assert!(of(form(text, at, b"")).is_err_and(|why| why.contains("RFC 3339")), "{at}");
        }
        assert!(of(form("", "", b"")).is_err_and(|why| why.contains("request line")));
    }
}
