//! What surrounds the content of a page: navigation, the host's state, who is logged in, and the choices of the reader.

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::assets::{self, AssetPaths};
use super::forms;
use super::language::Language;
use super::visit::{Theme, Visit};
use super::words::{ShellWords, TimeWords};
use crate::admin::{AdminState, Problem};
use crate::event::now_ms;
use crate::token::Permission;

/// A place in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// None of them: the log-in, or an error.
    None,
    /// What needs somebody, and the last hour.
    Overview,
    /// The events, and one of them.
    Events,
    /// The dead letters, and what is done with many of them.
    DeadLetters,
    /// The plugins, and one of them.
    Plugins,
    /// The sources, and one of them.
    Sources,
    /// The replays, and one of them.
    Replays,
    /// The audit log.
    Audit,
    /// Tokens, alerts, sessions.
    Settings,
}

/// A link of the navigation.
pub(super) struct NavigationLink {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    /// The key after `g` that goes there.
    pub(super) key: Option<&'static str>,
    pub(super) is_current: bool,
}

/// Who is logged in.
pub(super) struct User {
    pub(super) name: String,
    pub(super) role: &'static str,
}

/// What surrounds the content of a page. Each page's template has it as `shell`.
pub(super) struct Shell {
    pub(super) w: ShellWords,
    pub(super) language: Language,
    /// The languages, for the choice.
    pub(super) languages: [Language; 2],
    pub(super) theme: Theme,
    pub(super) title: String,
    /// The path and the query of the page.
    pub(super) path: String,
    pub(super) host: String,
    /// The scheme and the name by which the browser reaches the host.
    pub(super) origin: String,
    /// Why the host takes no events, if it does not.
    pub(super) fault: Option<String>,
    pub(super) user: Option<User>,
    pub(super) form_token: String,
    pub(super) navigation: Vec<NavigationLink>,
    pub(super) assets: &'static AssetPaths,
    pub(super) version: &'static str,
    /// ms since the Unix epoch.
    pub(super) now: u64,
    permissions: &'static [Permission],
    /// Whether the reader's token is for all plugins.
    sees_all: bool,
}

impl Shell {
    /// The surroundings of a page with this title.
    pub(super) fn new(admin: &AdminState, visit: &Visit, section: Section, title: impl Into<String>) -> Self {
        let w = ShellWords(visit.language);
        let token = visit.caller.as_ref().map(|caller| &caller.token().token);
        let permissions = token.map_or(&[][..], |token| token.role.permissions());
        let sees_all = visit.caller.as_ref().is_some_and(|caller| !caller.is_for_some());
        let sees_audit = sees_all && permissions.contains(&Permission::Admin);
        Self {
            w,
            language: visit.language,
            languages: Language::ALL,
            theme: visit.theme,
            title: title.into(),
            path: visit.path.clone(),
            host: visit.host.clone(),
            origin: format!("{}://{}", if visit.is_https { "https" } else { "http" }, visit.host),
            fault: admin.db.fault().or_else(|| admin.readiness.reason()).or_else(|| (admin.fault)()),
            user: token.map(|token| User { name: token.name.to_string(), role: token.role.as_str() }),
            form_token: visit.form_key.map(forms::make_token).unwrap_or_default(),
            navigation: navigation(w, section, sees_all, sees_audit),
            assets: assets::paths(),
            version: env!("CARGO_PKG_VERSION"),
            now: now_ms(),
            permissions,
            sees_all,
        }
    }

    /// Whether the reader's token is for all plugins. What is about no plugin is for such tokens only.
    pub(super) fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// Whether the reader may see and change tokens, and see the audit log.
    pub(super) fn may_manage_tokens(&self) -> bool {
        self.sees_all && self.permissions.contains(&Permission::Admin)
    }

    /// Whether the reader may operate: pause, replay, discard.
    pub(super) fn may_operate(&self) -> bool {
        self.permissions.contains(&Permission::Operate)
    }

    /// Whether the reader may push revisions.
    pub(super) fn may_deploy(&self) -> bool {
        self.permissions.contains(&Permission::Deploy)
    }

    /// Whether the reader may approve and reject revisions.
    pub(super) fn may_administer(&self) -> bool {
        self.permissions.contains(&Permission::Admin)
    }

    /// Whether the reader may see personal values.
    pub(super) fn may_unmask(&self) -> bool {
        self.permissions.contains(&Permission::Unmask)
    }

    /// The words of times, for the script.
    pub(super) fn times(&self) -> TimeWords {
        TimeWords(self.language)
    }

    /// The themes, for the choice.
    pub(super) fn themes(&self) -> [(Theme, &'static str); 3] {
        [
            (Theme::System, self.w.theme_system()),
            (Theme::Light, self.w.theme_light()),
            (Theme::Dark, self.w.theme_dark()),
        ]
    }
}

/// The links of the navigation that the reader may follow, in order. A new page has its line here.
fn navigation(w: ShellWords, section: Section, sees_all: bool, sees_audit: bool) -> Vec<NavigationLink> {
    let links = [
        (true, Section::Overview, "/", w.overview(), Some("o")),
        (sees_all, Section::Events, "/events", w.events(), Some("e")),
        (true, Section::DeadLetters, "/dead-letters", w.dead_letters(), Some("d")),
        (true, Section::Plugins, "/plugins", w.plugins(), Some("p")),
        (sees_all, Section::Sources, "/sources", w.sources(), Some("s")),
        (true, Section::Replays, "/replays", w.replays(), None),
        (sees_audit, Section::Audit, "/audit", w.audit(), None),
        (true, Section::Settings, "/settings", w.settings(), None),
    ];
    let link = |(_, own, path, name, key)| NavigationLink { path, name, key, is_current: own == section };
    links.into_iter().filter(|(is_shown, ..)| *is_shown).map(link).collect()
}

/// A page as an answer.
pub(super) struct Page<T>(pub(super) T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
            Err(error) => Problem::new(
                axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                format!("the page could not be made: {error}"),
            )
            .into_response(),
        }
    }
}
