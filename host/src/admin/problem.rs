//! Errors at the HTTP edge: RFC 9457 problem details.

use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{Content, Ref, RefOr, Response as Description};
use utoipa::{IntoResponses, ToSchema};

use crate::db::DbError;

/// Media type of an RFC 9457 problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What went wrong, for programs and for people (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is, the same in every version: `/problems/` and a word for the status, such as
    /// `not-found`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of this status.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { kind: kind_of(title), title: title.into(), status: status.as_u16(), detail: detail.into() }
    }

    /// This problem with a type of its own: `/problems/` and this word.
    #[must_use]
    pub fn of_kind(self, word: &str) -> Self {
        Self { kind: format!("/problems/{word}"), ..self }
    }

    /// 400.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 409.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 412.
    #[must_use]
    pub fn precondition_failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, detail)
    }

    /// 422: a request of the right form that makes no sense.
    #[must_use]
    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 410.
    #[must_use]
    pub fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, detail)
    }

    /// 503.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

/// The type of problems with this title: `/problems/not-found` for `Not Found`.
fn kind_of(title: &str) -> String {
    format!("/problems/{}", title.to_ascii_lowercase().replace(' ', "-"))
}

impl Problem {
    /// The content of every answer that is an error, as the API's description has it.
    pub(super) fn content() -> (String, RefOr<Content>) {
        let schema = Ref::from_schema_name(Self::name());
        (PROBLEM_JSON.into(), RefOr::T(Content::new(Some(schema))))
    }
}

/// The errors that every endpoint of the API may answer.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Description>> {
        let usual = [
            ("401", "No token, or one that is not valid"),
            ("403", "The token lacks the permission, or is not for this plugin"),
            ("429", "Too many requests without a valid token from this address"),
            ("503", "The database does not answer"),
        ];
        usual.map(|(status, why)| (status.into(), RefOr::T(Description::new(why)))).into()
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        if let DbError::Revoked(_) = error {
            return Self::new(StatusCode::UNAUTHORIZED, error.to_string());
        }
        Self::unavailable(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        // The pages make a page of it.
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        match status {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"hookyard\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_members_of_rfc_9457() {
        let problem = Problem::not_found("no event `x`");
        let json = serde_json::to_value(&problem).unwrap();
        let expected = serde_json::json!({
            "type": "/problems/not-found", "title": "Not Found", "status": 404, "detail": "no event `x`",
        });
        assert_eq!(json, expected);
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
    }

    #[test]
    fn a_401_has_a_challenge() {
        let response = Problem::new(StatusCode::UNAUTHORIZED, "no token").into_response();
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    }

    #[test]
    fn a_503_of_the_database_has_a_retry_after() {
        let problem = Problem::from(DbError::Unavailable("disk full".into()));
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
