//! What every request for a page passes: who is logged in, whether its form is one of this host's, the headers of its
//! answer, and errors as pages.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::forms::{FORM_MAX_BYTES, LOGIN_MAX_BYTES, TOKEN_FIELD, has_token, is_token};
use super::visit::Visit;
use super::{cookies, errors, origin};
use crate::admin::auth::Resumed;
use crate::admin::{AdminState, Problem};
use crate::event::now_ms;
use crate::token::{FormKey, Permission};

/// What a page may load, run and send: files of this host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Pages that need no log-in.
const OPEN: [&str; 2] = ["/login", "/preferences"];

/// A browser's session, and whether its cookie is for HTTPS only.
type Found = Option<(Resumed, bool)>;

/// Passes requests on that may go on, and makes pages of errors.
pub(super) async fn require(State(admin): State<AdminState>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (visit, found) = recognize(&admin, &parts).await;
    let mut request = Request::from_parts(parts, body);
    if let Some(caller) = &visit.caller {
        request.extensions_mut().insert(caller.clone());
    }
    request.extensions_mut().insert(visit.clone());
    let is_stream = is_stream(request.headers());
    let response = match admit(&admin, &visit, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    };
    let mut response = if is_stream { response } else { errors::present(&admin, &visit, response) };
    renew_cookie(&mut response, found);
    add_headers(response)
}

/// The page of an error outside the pages.
pub(super) async fn show_error(admin: AdminState, parts: Parts, problem: Problem) -> Response {
    let (visit, found) = recognize(&admin, &parts).await;
    let mut response = errors::present(&admin, &visit, problem.into_response());
    renew_cookie(&mut response, found);
    add_headers(response)
}

/// The visit that a request is part of, and its session.
async fn recognize(admin: &AdminState, parts: &Parts) -> (Visit, Found) {
    let mut visit = Visit::new(&parts.uri, &parts.headers);
    let is_secure_only = admin.config.borrow().admin.session_cookie_secure;
    let peer = admin.access.peer(&parts.extensions);
    let mut found = None;
    for (secret, is_secure) in cookies::session_secrets(&parts.headers, is_secure_only) {
        if let Some(resumed) = admin.access.resume(secret, peer).await {
            found = Some((resumed, is_secure));
            break;
        }
    }
    if let Some((resumed, is_secure)) = &found {
        visit.form_key = Some(resumed.session.stored.session.form_key);
        visit.caller = Some(resumed.caller.clone());
        visit.is_https = *is_secure;
    }
    (visit, found)
}

/// Gives the browser the new secret of a session that has one.
fn renew_cookie(response: &mut Response, found: Found) {
    if let Some((Resumed { session, rotated: Some(secret), .. }, is_secure)) = found {
        let seconds = session.stored.session.expires_at.saturating_sub(now_ms()) / 1000;
        add_cookies(response, cookies::session(&secret, seconds, is_secure));
    }
}

/// Whether a request may go on; otherwise its answer.
async fn admit(admin: &AdminState, visit: &Visit, request: Request) -> Result<Request, Response> {
    let is_open = OPEN.contains(&request.uri().path());
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    if is_change && !origin::is_own(request.headers(), &admin.config.borrow()) {
        let detail =
            "a form of another page may not change anything here: open this page itself, and send its form";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).into_response());
    }
    if visit.caller.is_none() && !is_open {
        return Err(to_login(&request));
    }
    if !is_change {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let limit = match &visit.caller {
        Some(caller) if is_push(&parts) && caller.has(Permission::Deploy) => {
            let file = admin.config.borrow().plugins.file_max_bytes;
            usize::try_from(file).unwrap_or(usize::MAX).saturating_add(FORM_MAX_BYTES)
        }
        Some(_) => FORM_MAX_BYTES,
        None => LOGIN_MAX_BYTES,
    };
    let body = to_bytes(body, limit).await.map_err(|_| {
        let detail = format!("the form did not arrive whole, or has more than {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response()
    })?;
    if let Some(key) = visit.form_key
        && !has_form_token(&parts, &body, key).await
    {
        let detail = "the form is not from this log-in: load the page again, and send its form";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).into_response());
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Whether it is the form with a plugin's file.
fn is_push(parts: &Parts) -> bool {
    let path = parts.uri.path();
    is_file(&parts.headers) && path.starts_with("/plugins/") && path.ends_with("/push")
}

/// Whether a form has a token of this key: in its first field, if it has a file.
async fn has_form_token(parts: &Parts, body: &Bytes, key: FormKey) -> bool {
    if !is_file(&parts.headers) {
        return has_token(body, key);
    }
    let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
    let Ok(mut form) = Multipart::from_request(request, &()).await else { return false };
    let Ok(Some(field)) = form.next_field().await else { return false };
    let is_token_field = field.name() == Some(TOKEN_FIELD);
    is_token_field && field.text().await.is_ok_and(|token| is_token(&token, key))
}

/// Whether a form is sent in the way of those with files.
fn is_file(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

/// The way to the log-in, and from there back to a page that was asked for.
fn to_login(request: &Request) -> Response {
    if is_stream(request.headers()) {
        return Problem::new(StatusCode::UNAUTHORIZED, "nobody is logged in").into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let next = (*request.method() == Method::GET).then(|| origin::local_path(path)).flatten();
    let query = next.filter(|path| *path != "/").map(|path| {
        let encoded: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        format!("?next={encoded}")
    });
    let to = format!("/login{}", query.unwrap_or_default());
    // A part of a page that a script asks for is no page: the script goes to the log-in.
    if request.headers().contains_key("hx-request") {
        return ([("hx-redirect", to)], "").into_response();
    }
    Redirect::to(&to).into_response()
}

fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes() == b"text/event-stream")
}

/// Adds cookies to an answer.
pub(super) fn add_cookies(response: &mut Response, cookies: impl IntoIterator<Item = HeaderValue>) {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // An answer is for one reader, in one language.
    headers.append(header::VARY, HeaderValue::from_static("cookie, accept-language, accept"));
    response
}
