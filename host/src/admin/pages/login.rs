//! The log-in with a token, and the way out.

use askama::Template;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::forms::FormBody;
use super::shell::{Page, Section, Shell};
use super::visit::Visit;
use super::words::LoginWords;
use super::{cookies, guard, origin};
use crate::admin::api::extract::Query;
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::config::ADMIN_TOKEN;
use crate::event::now_ms;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    shell: Shell,
    w: LoginWords,
    /// Where to go on to.
    next: String,
    error: Option<String>,
    /// The file with the first token.
    token_file: String,
}

/// Where to go on to after the log-in.
#[derive(Default, Deserialize)]
pub(super) struct LoginQuery {
    next: Option<String>,
}

/// The form.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    token: String,
    next: Option<String>,
}

/// `GET /login`
pub(super) async fn show(
    State(admin): State<AdminState>,
    visit: Visit,
    Query(query): Query<LoginQuery>,
) -> Response {
    let next = query.next.as_deref().and_then(origin::local_path).unwrap_or("/");
    if visit.caller.is_some() {
        return Redirect::to(next).into_response();
    }
    page(&admin, &visit, next, None).into_response()
}

fn page(admin: &AdminState, visit: &Visit, next: &str, error: Option<String>) -> Page<LoginPage> {
    let w = LoginWords(visit.language);
    let shell = Shell::new(admin, visit, Section::None, w.title());
    let token_file = admin.config.borrow().data_dir().join(ADMIN_TOKEN).display().to_string();
    Page(LoginPage { shell, w, next: next.to_owned(), error, token_file })
}

/// `POST /login`
pub(super) async fn log_in(
    State(admin): State<AdminState>,
    visit: Visit,
    request: Request,
) -> Result<Response, Problem> {
    let peer = admin.access.peer(request.extensions());
    let headers = request.headers().clone();
    let FormBody(form) = FormBody::from_request(request, &()).await?;
    let LoginForm { token, next } = form;
    let next = next.as_deref().and_then(origin::local_path).unwrap_or("/");
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let logged_in = match admin.access.log_in(&token, peer, agent).await {
        Ok(logged_in) => logged_in,
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
            let w = LoginWords(visit.language);
            let why = match status {
                StatusCode::UNAUTHORIZED => w.wrong_token().to_owned(),
                StatusCode::TOO_MANY_REQUESTS => w.too_many_failures().to_owned(),
                _ => problem.detail,
            };
            return Ok((status, page(&admin, &visit, next, Some(why))).into_response());
        }
    };
    let is_secure = admin.config.borrow().admin.session_cookie_secure || origin::is_https(&headers);
    let seconds = logged_in.expires_at.saturating_sub(now_ms()) / 1000;
    let mut response = Redirect::to(next).into_response();
    guard::add_cookies(&mut response, cookies::session(&logged_in.secret, seconds, is_secure));
    Ok(response)
}

/// `POST /logout`
pub(super) async fn log_out(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
) -> Result<Response, Problem> {
    if let Some(session) = reader.caller().session().map(|session| session.stored.id) {
        admin.access.end_session(session, reader.own_decision()?).await?;
    }
    let mut response = Redirect::to("/login").into_response();
    guard::add_cookies(&mut response, cookies::no_session());
    Ok(response)
}
