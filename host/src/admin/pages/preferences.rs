//! The reader's choices of language and theme, kept in cookies.

use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::forms::FormBody;
use super::language::Language;
use super::visit::Theme;
use super::{cookies, guard, origin};

/// The form.
#[derive(Deserialize)]
pub(super) struct Preferences {
    language: Option<Language>,
    theme: Option<Theme>,
    /// The page to come back to.
    next: Option<String>,
}

/// `POST /preferences`
pub(super) async fn set(FormBody(chosen): FormBody<Preferences>) -> Response {
    let Preferences { language, theme, next } = chosen;
    let next = next.as_deref();
    // The log-in is no page to go on to after a log-in, but it has this form too.
    let back =
        next.filter(|path| path.starts_with("/login?") && path.bytes().all(|byte| byte.is_ascii_graphic()));
    let to = next.and_then(origin::local_path).or(back).unwrap_or("/");
    let mut response = Redirect::to(to).into_response();
    let language = language.and_then(|language| cookies::choice(cookies::LANGUAGE, language.tag()));
    let theme = theme.and_then(|theme| cookies::choice(cookies::THEME, theme.as_str()));
    guard::add_cookies(&mut response, language.into_iter().chain(theme));
    response
}
