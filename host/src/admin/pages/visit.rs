//! What a page needs of the request that it answers.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use serde::Deserialize;

use super::cookies;
use super::language::Language;
use crate::admin::Problem;
use crate::admin::auth::Caller;
use crate::token::FormKey;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Theme {
    /// As the system has it.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn of_request(headers: &HeaderMap) -> Self {
        let chosen = cookies::read(headers, cookies::THEME);
        let known = Self::ALL.into_iter().find(|theme| chosen == Some(theme.as_str()));
        known.unwrap_or(Self::System)
    }
}

/// A request for a page. The guard makes it.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) language: Language,
    pub(super) theme: Theme,
    /// The path and the query, to come back to.
    pub(super) path: String,
    /// The name by which the browser reaches the host.
    pub(super) host: String,
    /// Whether the browser reaches it over HTTPS, as far as its session says so.
    pub(super) is_https: bool,
    /// Who is logged in.
    pub(super) caller: Option<Caller>,
    /// What the tokens of forms are made of.
    pub(super) form_key: Option<FormKey>,
}

impl Visit {
    /// A request of nobody yet.
    pub(super) fn new(uri: &Uri, headers: &HeaderMap) -> Self {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(Authority::as_str));
        Self {
            language: Language::of_request(headers),
            theme: Theme::of_request(headers),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            host: host.unwrap_or("hookyard").to_owned(),
            is_https: false,
            caller: None,
            form_key: None,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let visit = parts.extensions.get::<Self>().cloned();
        Ok(visit.unwrap_or_else(|| Self::new(&parts.uri, &parts.headers)))
    }
}
