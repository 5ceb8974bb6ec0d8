//! Settings: the browsers that are logged in.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::shell::{Page, Section, Shell};
use super::ui::TimeTag;
use super::visit::Visit;
use super::words::SettingsWords;
use super::{cookies, guard};
use crate::admin::api::extract::Path;
use crate::admin::api::{SessionView, sessions};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    shell: Shell,
    w: SettingsWords,
    tabs: Vec<Tab>,
    sessions: Vec<SessionRow>,
}

struct SessionRow {
    session: SessionView,
    browser: String,
    since: TimeTag,
    used: TimeTag,
    expires: TimeTag,
}

/// `GET /settings`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
) -> Result<Response, Problem> {
    let w = SettingsWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::Settings, w.title());
    let mut items = sessions::list(reader, State(admin)).await?.0.items;
    // The newest use first, and the reader's own above all.
    items.sort_by_key(|session| std::cmp::Reverse((session.current, session.used_at)));
    let time = |at| TimeTag { at, now: shell.now, language: shell.language };
    let row = |session: SessionView| SessionRow {
        browser: describe_browser(&session.agent),
        since: time(session.created_at),
        used: time(session.used_at),
        expires: time(session.expires_at),
        session,
    };
    let sessions = items.into_iter().map(row).collect();
    let tabs = tabs(&shell, "/settings", w);
    Ok(Page(SettingsPage { shell, w, tabs, sessions }).into_response())
}

/// A page of the settings.
pub(super) struct Tab {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) is_current: bool,
}

/// The pages of the settings that the reader may see.
pub(super) fn tabs(shell: &Shell, current: &str, w: SettingsWords) -> Vec<Tab> {
    let all = [
        (true, "/settings", w.sessions()),
        (shell.may_manage_tokens(), "/settings/tokens", w.tokens()),
        (shell.sees_all(), "/settings/alerts", w.alerts()),
    ];
    let shown = all.into_iter().filter(|(is_shown, ..)| *is_shown);
    shown.map(|(_, path, name)| Tab { path, name, is_current: path == current }).collect()
}

/// `POST /settings/sessions/{id}/end`
pub(super) async fn end_session(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let is_current = reader.caller().session().is_some_and(|session| session.stored.id == id);
    sessions::revoke(reader, State(admin), Path(id)).await?;
    if !is_current {
        return Ok(Redirect::to("/settings").into_response());
    }
    let mut response = Redirect::to("/login").into_response();
    guard::add_cookies(&mut response, cookies::no_session());
    Ok(response)
}

/// The browser and the system of a `User-Agent`, as far as they are well known; otherwise its beginning.
fn describe_browser(agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name)
    };
    // Most browsers name those that they are compatible with too, so the order matters.
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => agent.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_described_by_its_name_and_its_system() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome, Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari, iPhone",
            ),
            ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox, Android"),
            ("curl/8.9", "curl/8.9"),
            ("", ""),
        ] {
            assert_eq!(describe_browser(agent), name);
        }
    }
}
