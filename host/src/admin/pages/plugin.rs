//! The page of a plugin: its state, what is wrong, how near it comes to its limits, its grants and its revisions.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::difference::{self, Difference};
use super::plugin_facts::{self, Grant, Meter};
use super::plugins::plugin_path;
use super::shell::{Page, Section, Shell};
use super::states;
use super::ui::{StateTag, TimeTag, Tone, bytes, duration, revision_digits};
use super::visit::Visit;
use super::words::PluginWords;
use crate::admin::api::extract::{Path, Query};
use crate::admin::api::revisions::DifferenceQuery;
use crate::admin::api::{
    PluginDetail, RevisionEntry, RevisionHistory, RevisionResult, RevisionState, WaitsFor, plugins, revisions,
};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// Revisions that are shown unless the reader wants all.
const ENTRIES: usize = 20;
/// Of the latest attempts, the share that fails from which on the page says so, in hundredths.
const FAILING: u64 = 20;

#[derive(Template)]
#[template(path = "plugin.html")]
struct PluginPage {
    shell: Shell,
    w: PluginWords,
    p: Content,
}

/// What the page says of the plugin.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Content {
    name: String,
    path: String,
    state: StateTag,
    facts: Facts,
    wrong: Vec<Wrong>,
    notice: Option<String>,
    /// Why the host refuses the file that was sent.
    push_error: Option<String>,
    is_paused: bool,
    is_pinned: bool,
    is_refused: bool,
    has_revision: bool,
    version: u64,
    difference: Option<Difference>,
    meters: Vec<Meter>,
    attempts: Option<Attempts>,
    at_once: String,
    dead_after: String,
    grants: Vec<Grant>,
    /// Imports that need no grant.
    free: Vec<String>,
    /// Origins that the file names and that are not granted.
    missing: Vec<String>,
    entries: Vec<Entry>,
    /// Whether the reader may go back to one of them.
    may_roll_back: bool,
    /// The link to all of them, if not all are shown.
    all: Option<String>,
}

/// What the first line says of the revision in force.
struct Facts {
    revision: Option<String>,
    origin: &'static str,
    since: String,
    size: String,
}

/// Something that is wrong, and what to do.
struct Wrong {
    is_bad: bool,
    what: String,
    reason: Option<String>,
    help: &'static str,
    link: Option<String>,
}

struct Attempts {
    all: String,
    failed: String,
    has_failed: bool,
    since: TimeTag,
}

/// An instruction about a revision.
struct Entry {
    digits: String,
    digest: String,
    state: StateTag,
    origin: &'static str,
    by: String,
    at: TimeTag,
    note: Option<String>,
    decision: Option<String>,
    refusal: Option<String>,
    is_kept: bool,
    compare: Option<String>,
    may_roll_back: bool,
}

/// The parameters of the page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PluginPageQuery {
    /// First digits of the revisions to compare.
    from: Option<String>,
    to: Option<String>,
    /// The revision that the reader pushed.
    pushed: Option<String>,
    /// Whether to show all revisions.
    all: bool,
}

/// What a push led to that put nothing in force.
pub(super) enum Pushed {
    /// A dry run.
    Difference(Box<RevisionResult>),
    /// The host refuses the file.
    Refused(String),
}

/// `GET /plugins/{name}`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(name): Path<String>,
    Query(query): Query<PluginPageQuery>,
) -> Result<Response, Problem> {
    page(reader, admin, visit, name, query, None).await
}

/// The page, with what a push led to.
pub(super) async fn page(
    reader: AllowedFor<need::Read>,
    admin: AdminState,
    visit: Visit,
    name: String,
    query: PluginPageQuery,
    pushed: Option<Pushed>,
) -> Result<Response, Problem> {
    let w = PluginWords(visit.language);
    let detail = plugins::show(reader.clone(), State(admin.clone()), Path(name.clone())).await?.0;
    let shell = Shell::new(&admin, &visit, Section::Plugins, &detail.plugin.name);
    // A plugin that was never loaded has no revisions.
    let history = revisions::history(reader.clone(), State(admin.clone()), Path(name.clone())).await;
    let history = match history {
        Ok((_, history)) => Some(history.0),
        Err(problem) if problem.status == StatusCode::NOT_FOUND => None,
        Err(problem) => return Err(problem),
    };
    let context = Context { shell: &shell, w, detail: &detail, history: history.as_ref() };
    let (difference, push_error) = match pushed {
        Some(Pushed::Difference(result)) => {
            (Some(difference::of_push(*result, history.as_ref(), &detail, &shell, w)), None)
        }
        Some(Pushed::Refused(reason)) => (None, Some(reason)),
        None => (context.difference(reader, &admin, name, &query).await?, None),
    };
    let p = Content { push_error, difference, ..context.content(&query) };
    Ok(Page(PluginPage { shell, w, p }).into_response())
}

struct Context<'a> {
    shell: &'a Shell,
    w: PluginWords,
    detail: &'a PluginDetail,
    history: Option<&'a RevisionHistory>,
}

impl Context<'_> {
    fn time(&self, at: u64) -> TimeTag {
        TimeTag { at, now: self.shell.now, language: self.shell.language }
    }

    /// The difference that the reader wants to see, or that of a revision that waits.
    async fn difference(
        &self,
        reader: AllowedFor<need::Read>,
        admin: &AdminState,
        name: String,
        query: &PluginPageQuery,
    ) -> Result<Option<Difference>, Problem> {
        let is_wanted = query.from.is_some() || query.to.is_some();
        let waits = self.detail.plugin.waiting.is_some();
        let pushed = query.pushed.as_ref().filter(|_| !is_wanted);
        if !is_wanted && !waits && pushed.is_none() {
            return Ok(None);
        }
        let wanted = DifferenceQuery { from: query.from.clone(), to: query.to.clone().or(pushed.cloned()) };
        let found = revisions::diff(reader, State(admin.clone()), Path(name), Query(wanted)).await;
        match (found, self.history) {
            (Ok(found), Some(history)) => {
                Ok(difference::of_kept(found.0, history, self.detail, self.shell, self.w))
            }
            (Err(problem), _) if is_wanted || problem.status != StatusCode::NOT_FOUND => Err(problem),
            _ => Ok(None),
        }
    }

    fn content(&self, query: &PluginPageQuery) -> Content {
        let (w, language) = (self.w, self.shell.language);
        let PluginDetail { plugin, limits, recent, grants } = self.detail;
        let items = self.history.map_or(&[][..], |history| &history.items);
        let shown = if query.all { items.len() } else { ENTRIES.min(items.len()) };
        let kept = items.iter().find(|entry| Some(&entry.digest) == plugin.revision.as_ref());
        let kept = kept.and_then(|entry| entry.revision.as_ref());
        let attempts = recent.since.map(|since| Attempts {
            all: w.attempts(recent.attempts),
            failed: w.failed(recent.failed),
            has_failed: recent.failed > 0,
            since: self.time(since),
        });
        let entries: Vec<_> = items.iter().take(shown).map(|entry| self.entry(entry)).collect();
        Content {
            path: plugin_path(&plugin.name),
            state: states::of_plugin(plugin, language),
            facts: self.facts(),
            wrong: self.wrong(),
            notice: query.pushed.as_deref().map(|digest| w.pushed(revision_digits(digest))),
            push_error: None,
            is_paused: plugin.paused_at.is_some(),
            is_pinned: plugin.pinned,
            is_refused: plugin.refusal.is_some(),
            has_revision: plugin.revision.is_some(),
            version: plugin.version,
            difference: None,
            meters: plugin_facts::meters(limits, recent, language, w).into(),
            attempts,
            at_once: w.at_once(limits.concurrency),
            dead_after: {
                let age = w.or_after(duration(language, limits.age_max_ms));
                format!("{} {age}", w.dead_after(u64::from(limits.attempts_max)))
            },
            grants: plugin_facts::grants(plugin, grants, w),
            free: plugin_facts::free(plugin),
            missing: plugin_facts::missing_origins(kept, grants),
            may_roll_back: entries.iter().any(|entry| entry.may_roll_back),
            entries,
            all: (shown < items.len()).then(|| w.all_revisions(items.len() as u64)),
            name: plugin.name.clone(),
        }
    }

    fn facts(&self) -> Facts {
        let plugin = &self.detail.plugin;
        let revision = plugin.revision.as_deref().map(|digest| revision_digits(digest).to_owned());
        let origin = plugin.origin.as_deref().filter(|_| revision.is_some());
        Facts {
            origin: origin.map_or("", |origin| self.origin(origin)),
            since: if revision.is_some() {
                self.w.since(self.time(plugin.since).relative())
            } else {
                String::new()
            },
            size: if revision.is_some() {
                bytes(self.shell.language, plugin.size_bytes)
            } else {
                String::new()
            },
            revision,
        }
    }

    fn origin(&self, origin: &str) -> &'static str {
        match origin {
            "push" => self.w.by_push(),
            "rollback" => self.w.by_rollback(),
            _ => self.w.by_file(),
        }
    }

    /// What is wrong, the worst first.
    fn wrong(&self) -> Vec<Wrong> {
        let (w, plugin, recent) = (self.w, &self.detail.plugin, &self.detail.recent);
        let mut wrong = Vec::new();
        let mut add =
            |is_bad, what, reason, help| wrong.push(Wrong { is_bad, what, reason, help, link: None });
        if let Some(refusal) = &plugin.refusal {
            add(true, w.wrong_refused().to_owned(), Some(refusal.clone()), w.wrong_refused_help());
        }
        if let Some(until) = plugin.breaker_until {
            add(true, w.wrong_broken(self.time(until).relative()), None, w.wrong_broken_help());
        }
        if let Some(since) = plugin.paused_at {
            add(false, w.wrong_paused(self.time(since).relative()), None, w.wrong_paused_help());
        }
        if let Some(waiting) = &plugin.waiting {
            let digits = revision_digits(&waiting.digest);
            let (what, help) = match waiting.waits_for {
                WaitsFor::Approval => (w.wrong_approval(digits), w.wrong_approval_help()),
                WaitsFor::Unpin => (w.wrong_unpin(digits), w.wrong_unpin_help()),
            };
            add(false, what, None, help);
        }
        if recent.failed * 100 >= recent.attempts * FAILING && recent.failed > 0 {
            let number = |number| self.shell.language.number(number);
            let what = w.wrong_failing(number(recent.failed), number(recent.attempts));
            let link = Some(format!("/dead-letters?plugin={}", plugin.name));
            wrong.push(Wrong { is_bad: true, what, reason: None, help: "", link });
        }
        wrong
    }

    fn entry(&self, entry: &RevisionEntry) -> Entry {
        let (w, plugin) = (self.w, &self.detail.plugin);
        let (tone, word) = match entry.state {
            RevisionState::InForce => (Tone::Done, w.state_in_force()),
            RevisionState::Waiting => (Tone::Held, w.state_waiting()),
            RevisionState::Superseded => (Tone::Quiet, w.state_superseded()),
            RevisionState::Rejected => (Tone::Dead, w.state_rejected()),
        };
        let decision = entry.decision.as_ref().map(|decision| {
            let who =
                if decision.approved { w.approved_by(&decision.by) } else { w.rejected_by(&decision.by) };
            decision.note.as_ref().map_or(who.clone(), |note| format!("{who}: {note}"))
        });
        let (is_kept, is_in_force) =
            (entry.revision.is_some(), plugin.revision.as_ref() == Some(&entry.digest));
        let may_roll_back =
            self.shell.may_operate() && is_kept && !is_in_force && entry.in_force_at.is_some();
        Entry {
            digits: revision_digits(&entry.digest).to_owned(),
            digest: entry.digest.clone(),
            state: StateTag { tone, word },
            origin: self.origin(&entry.origin),
            by: entry.by.clone(),
            at: self.time(entry.at),
            note: entry.note.clone(),
            decision,
            refusal: entry.refusal.clone(),
            is_kept,
            compare: is_kept.then(|| format!("{}?to={}#difference", plugin_path(&plugin.name), entry.digest)),
            may_roll_back,
        }
    }
}
