//! Errors as pages: what failed, and whether trying again helps.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::shell::{Page, Section, Shell};
use super::visit::Visit;
use super::words::ErrorWords;
use crate::admin::{AdminState, Problem};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    shell: Shell,
    w: ErrorWords,
    status: u16,
    title: &'static str,
    advice: &'static str,
    detail: String,
}

/// Makes a page of an answer that is a problem; another answer stays as it is.
pub(super) fn present(admin: &AdminState, visit: &Visit, mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == StatusCode::UNAUTHORIZED {
        // The token ended after the request had begun.
        return Redirect::to("/login").into_response();
    }
    let w = ErrorWords(visit.language);
    let (title, advice) = match status {
        StatusCode::NOT_FOUND => (w.not_found(), w.not_found_advice()),
        StatusCode::GONE => (w.gone(), w.gone_advice()),
        StatusCode::FORBIDDEN => (w.forbidden(), w.forbidden_advice()),
        StatusCode::CONFLICT => (w.conflict(), w.conflict_advice()),
        StatusCode::PAYLOAD_TOO_LARGE => (w.too_large(), w.too_large_advice()),
        status if status.is_client_error() => (w.wrong(), w.wrong_advice()),
        _ => (w.failed(), w.failed_advice()),
    };
    let shell = Shell::new(admin, visit, Section::None, title);
    let page = ErrorPage { shell, w, status: status.as_u16(), title, advice, detail: problem.detail };
    let mut shown = (status, Page(page)).into_response();
    let kept = ["retry-after", "allow"];
    for name in kept {
        if let Some(value) = response.headers_mut().remove(name)
            && let Ok(name) = axum::http::HeaderName::try_from(name)
        {
            shown.headers_mut().insert(name, value);
        }
    }
    shown
}
