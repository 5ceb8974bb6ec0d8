//! Settings: the tokens. Creating one shows its secret once, and revoking one asks first.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::forms::FormBody;
use super::settings::{Tab, tabs};
use super::shell::{Page, Section, Shell};
use super::ui::{StateTag, TimeTag, Tone};
use super::visit::Visit;
use super::words::{SettingsWords, TokensWords};
use crate::admin::api::extract::{JsonBody, Path};
use crate::admin::api::{TokenRequest, TokenState, TokenView, sessions, tokens};
use crate::admin::auth::{Allowed, AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::event::Name;
use crate::token::{PluginPattern, Role};

/// The times that the form offers, in days.
const EXPIRIES: [u64; 5] = [1, 7, 30, 90, 365];
/// A day, in ms.
const DAY_MS: u64 = 86_400_000;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    shell: Shell,
    w: TokensWords,
    tabs: Vec<Tab>,
    rows: Vec<TokenRow>,
    /// Those that are over.
    past: Vec<TokenRow>,
    form: TokenForm,
    roles: [(&'static str, &'static str); 4],
    expiries: [(String, String); 5],
    error: Option<String>,
    created: Option<Created>,
}

struct TokenRow {
    name: String,
    role: &'static str,
    /// The patterns of its plugins; none for all.
    plugins: Option<String>,
    state: StateTag,
    created: TimeTag,
    created_by: String,
    used: Option<TimeTag>,
    expires: Option<TimeTag>,
    revoked: Option<TimeTag>,
    is_own: bool,
    /// Where it is revoked.
    revoke: String,
}

/// A new token.
struct Created {
    name: String,
    role: &'static str,
    secret: String,
}

#[derive(Template)]
#[template(path = "token_revoke.html")]
struct RevokePage {
    shell: Shell,
    w: TokensWords,
    token: TokenRow,
    /// The browsers that are logged in with it.
    sessions: String,
    has_sessions: bool,
    /// Whether nobody can make tokens afterwards.
    is_last_admin: bool,
}

/// The form of a new token.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenForm {
    name: String,
    role: String,
    plugins: String,
    /// Days; empty for no end.
    expires: String,
    note: String,
}

/// The form to revoke one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RevokeForm {
    note: String,
}

/// `GET /settings/tokens`
pub(super) async fn show(
    allowed: Allowed<need::Admin>,
    State(admin): State<AdminState>,
    visit: Visit,
) -> Result<Response, Problem> {
    page(allowed, admin, &visit, TokenForm::default(), None, None)
        .await
        .map(|page| Page(page).into_response())
}

async fn page(
    allowed: Allowed<need::Admin>,
    admin: AdminState,
    visit: &Visit,
    form: TokenForm,
    error: Option<String>,
    created: Option<Created>,
) -> Result<TokensPage, Problem> {
    let w = TokensWords(visit.language);
    let shell = Shell::new(&admin, visit, Section::Settings, w.title());
    let items = tokens::list(allowed, State(admin)).await?.0.items;
    let (past, present): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|token| token.state != TokenState::Valid);
    let rows = |tokens: Vec<TokenView>| tokens.into_iter().map(|token| row(token, &shell, w)).collect();
    let (rows, past) = (rows(present), rows(past));
    let roles = [
        (Role::Read.as_str(), w.role_read()),
        (Role::Operate.as_str(), w.role_operate()),
        (Role::Deploy.as_str(), w.role_deploy()),
        (Role::Admin.as_str(), w.role_admin()),
    ];
    let expiries = EXPIRIES.map(|days| (days.to_string(), w.days(days)));
    let tabs = tabs(&shell, "/settings/tokens", SettingsWords(visit.language));
    Ok(TokensPage { shell, w, tabs, rows, past, form, roles, expiries, error, created })
}

fn row(token: TokenView, shell: &Shell, w: TokensWords) -> TokenRow {
    let time = |at| TimeTag { at, now: shell.now, language: shell.language };
    let (tone, word) = match token.state {
        TokenState::Valid => (Tone::Done, w.valid()),
        TokenState::Expired => (Tone::Quiet, w.expired()),
        TokenState::Revoked => (Tone::Quiet, w.revoked()),
    };
    let plugins: Vec<_> = token.plugins.iter().map(ToString::to_string).collect();
    TokenRow {
        role: token.role.as_str(),
        plugins: (!plugins.is_empty()).then(|| plugins.join(", ")),
        state: StateTag { tone, word },
        created: time(token.created_at),
        created_by: token.created_by,
        used: token.used_at.map(time),
        expires: token.expires_at.map(time),
        revoked: token.revoked_at.map(time),
        is_own: shell.user.as_ref().is_some_and(|user| user.name == token.name),
        revoke: revoke_path(&token.name),
        name: token.name,
    }
}

fn revoke_path(name: &str) -> String {
    format!("/settings/tokens/{}/revoke", super::listing::encode(name))
}

/// `POST /settings/tokens`
pub(super) async fn create(
    allowed: Allowed<need::Admin>,
    State(admin): State<AdminState>,
    visit: Visit,
    FormBody(form): FormBody<TokenForm>,
) -> Result<Response, Problem> {
    let w = TokensWords(visit.language);
    let made = match form.request(w) {
        Ok(request) => {
            let noted = allowed.clone().with_note(&form.note)?;
            tokens::create(noted, State(admin.clone()), JsonBody(request)).await
        }
        Err(error) => Err(Problem::bad_request(error)),
    };
    match made {
        Ok((_, _, created)) => {
            let token = created.0.token;
            let created = created.0.secret.map(|secret| Created {
                name: token.name,
                role: token.role.as_str(),
                secret,
            });
            let page = page(allowed, admin, &visit, TokenForm::default(), None, created).await?;
            Ok((StatusCode::CREATED, Page(page)).into_response())
        }
        // What was typed stays, with the reason beside it.
        Err(problem) if (400..500).contains(&problem.status) && ![401, 403].contains(&problem.status) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let page = page(allowed, admin, &visit, form, Some(problem.detail), None).await?;
            Ok((status, Page(page)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

impl TokenForm {
    /// The request that it stands for.
    ///
    /// # Errors
    /// What is wrong with a field.
    fn request(&self, w: TokensWords) -> Result<TokenRequest, String> {
        let name = Name::new(self.name.trim()).map_err(|error| error.to_string())?;
        let role = Role::ALL.into_iter().find(|role| role.as_str() == self.role);
        let role = role.ok_or_else(|| w.no_role().to_owned())?;
        let patterns =
            self.plugins.split(|c: char| c == ',' || c.is_whitespace()).filter(|text| !text.is_empty());
        let plugins: Result<Vec<_>, _> = patterns.map(PluginPattern::new).collect();
        let plugins = plugins.map_err(|error| error.to_string())?;
        if plugins.is_empty() && !self.plugins.trim().is_empty() {
            return Err(w.no_pattern().to_owned());
        }
        let days = EXPIRIES.into_iter().find(|days| days.to_string() == self.expires);
        if days.is_none() && !self.expires.is_empty() {
            return Err(w.no_expiry().to_owned());
        }
        Ok(TokenRequest { name, role, plugins, expires_in_ms: days.map(|days| days * DAY_MS) })
    }
}

/// `GET /settings/tokens/{name}/revoke`
pub(super) async fn ask_to_revoke(
    reader: AllowedFor<need::Read>,
    allowed: Allowed<need::Admin>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let w = TokensWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::Settings, w.revoke());
    let all = tokens::list(allowed, State(admin.clone())).await?.0.items;
    let is_admin = |token: &&TokenView| {
        let is_for_all = token.plugins.is_empty() || token.plugins.iter().any(PluginPattern::matches_all);
        token.state == TokenState::Valid && token.role == Role::Admin && is_for_all
    };
    let admins: Vec<_> = all.iter().filter(is_admin).map(|token| token.name.clone()).collect();
    let is_last_admin = matches!(admins.as_slice(), [only] if *only == name);
    let found = all.into_iter().find(|token| token.name == name && token.state != TokenState::Revoked);
    let Some(token) = found else {
        return Err(Problem::not_found(format!("no token `{name}`, or it was revoked before")));
    };
    let sessions = sessions::list(reader, State(admin)).await?.0.items;
    let count = sessions.iter().filter(|session| session.token == name).count() as u64;
    let page = RevokePage {
        token: row(token, &shell, w),
        sessions: w.sessions(count),
        has_sessions: count > 0,
        is_last_admin,
        shell,
        w,
    };
    Ok(Page(page).into_response())
}

/// `POST /settings/tokens/{name}/revoke`
pub(super) async fn revoke(
    allowed: Allowed<need::Admin>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<RevokeForm>,
) -> Result<Redirect, Problem> {
    let _revoked = tokens::revoke(allowed.with_note(&form.note)?, State(admin), Path(name)).await?;
    Ok(Redirect::to("/settings/tokens"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::pages::language::Language;

    fn form(name: &str, role: &str, plugins: &str, expires: &str) -> TokenForm {
        let (name, role) = (name.to_owned(), role.to_owned());
        TokenForm {
            name,
            role,
            plugins: plugins.to_owned(),
            expires: expires.to_owned(),
            note: String::new(),
        }
    }

    #[test]
    fn a_form_is_a_request_or_says_what_is_wrong() {
        let w = TokensWords(Language::English);
        let request = form(" ops ", "operate", "sms-*, desk\nroom", "7").request(w).unwrap();
        let plugins: Vec<_> = request.plugins.iter().map(ToString::to_string).collect();
        assert_eq!((request.name.as_str(), request.role), ("ops", Role::Operate));
        assert_eq!(
            (plugins, request.expires_in_ms),
            (["sms-*", "desk", "room"].map(String::from).into(), Some(604_800_000))
        );
        assert_eq!(form("ops", "read", "", "").request(w).unwrap().expires_in_ms, None);
        for wrong in [
            form("a b", "read", "", ""),
            form("a", "", "", ""),
            form("a", "read", "a*b", ""),
            form("a", "read", " , ", ""),
            form("a", "read", "", "45"),
            form("a", "read", "", "0"),
        ] {
            assert!(wrong.request(w).is_err(), "{wrong:?}");
        }
    }
}
