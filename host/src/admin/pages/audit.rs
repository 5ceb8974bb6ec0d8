//! The audit log: the list, an entry with the states before and after it, the check of the chain, and the whole log as a
//! file.

use std::io;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use http_body_util::channel::{Channel, Sender};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::comparison::{self, Row};
use super::listing::{self, Chip, Chips, Choice, LIMIT, Pager, span_ms};
use super::shell::{Page, Section, Shell};
use super::ui::{StateTag, TimeTag, Tone};
use super::visit::Visit;
use super::words::{AuditWords, ListWords};
use crate::admin::api::audit::{self, AuditCheckQuery, AuditExportQuery, AuditQuery};
use crate::admin::api::extract::{Path, Query};
use crate::admin::api::{AuditEntry, AuditList, tokens};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::audit::{ChainFault, Head};

/// The families of actions, which the filter offers.
const FAMILIES: [&str; 14] = [
    "alert",
    "auth",
    "config",
    "confirmation",
    "database",
    "delivery",
    "effect",
    "erasure",
    "event",
    "log",
    "plugin",
    "replay",
    "session",
    "token",
];
/// The longest log that is checked whenever its list is opened. The check reads all of it.
const CHECKED_MAX: i64 = 10_000;
/// Entries that are read at once for the file.
const EXPORT_PAGE: u32 = 500;

/// The filters and the place in the list, as the address has them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    actor: String,
    action: String,
    target: String,
    within: String,
    cursor: String,
    trail: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    w: AuditWords,
    lists: ListWords,
    filters: Filters,
    choices: [Choice; 2],
    /// Names that the fields offer.
    actors: Vec<String>,
    plugins: Vec<String>,
    chips: Chips,
    rows: Vec<EntryRow>,
    pager: Pager,
    /// The first page with these filters.
    newest: String,
    /// Whether the news tell how many entries match.
    counts_news: bool,
    /// Whether the chain is checked at once.
    checks_chain: bool,
}

struct EntryRow {
    path: String,
    number: i64,
    action: String,
    target: String,
    actor: String,
    kind: &'static str,
    result: StateTagText,
    note: Option<String>,
    at: TimeTag,
}

/// A result in the log's own word, with the tone of its kind.
struct StateTagText {
    tone: &'static str,
    word: String,
}

#[derive(Template)]
#[template(path = "audit_entry.html")]
struct EntryPage {
    shell: Shell,
    w: AuditWords,
    entry: AuditEntry,
    kind: &'static str,
    result: StateTagText,
    at: TimeTag,
    exact: String,
    comparison: Vec<Row>,
    /// Whether there is a state before, and one after.
    sides: (bool, bool),
    before: Option<String>,
    after: Option<String>,
    /// The page of what the entry is about, if it has one.
    target_path: Option<String>,
    /// Other entries about it, and by whoever made it.
    of_target: String,
    of_actor: String,
    newer: Option<String>,
    older: Option<String>,
}

#[derive(Template)]
#[template(path = "audit_check.html")]
struct CheckPage {
    shell: Shell,
    w: AuditWords,
    state: StateTag,
    text: String,
    head: Option<String>,
    problem: Option<&'static str>,
    wrong: Option<String>,
    expect: String,
    command: &'static str,
}

impl Filters {
    fn fields(&self) -> [(&'static str, &str); 4] {
        [("actor", &self.actor), ("action", &self.action), ("target", &self.target), ("within", &self.within)]
    }

    /// The address of the list with these filters, but for one, and with these other parameters.
    fn address(&self, but_for: Option<&str>, more: &[(&str, &str)]) -> String {
        let set = self.fields().into_iter().filter(|(name, _)| but_for != Some(*name));
        listing::address("/audit", set.chain(more.iter().copied()))
    }

    fn into_query(self, now: u64) -> AuditQuery {
        let text = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        AuditQuery {
            cursor: text(self.cursor),
            limit: Some(LIMIT),
            since: span_ms(&self.within).map(|span| now.saturating_sub(span)),
            actor: text(self.actor),
            action: text(self.action),
            target: text(self.target),
        }
    }
}

/// The address of an entry's page.
pub(super) fn path_of(number: i64) -> String {
    format!("/audit/{number}")
}

/// `GET /audit`
pub(super) async fn list(
    admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
    visit: Visit,
    Query(filters): Query<Filters>,
) -> Result<Response, Problem> {
    let (w, lists) = (AuditWords(visit.language), ListWords(visit.language));
    let shell = Shell::new(&state, &visit, Section::Audit, w.title());
    let query = filters.clone().into_query(shell.now);
    let page = audit::list(admin.clone(), State(state.clone()), Query(query)).await?.0;
    let choices = choices(&filters, w);
    let chips = chips(&filters, &choices, w);
    let pager = Pager::new(lists, (&filters.cursor, &filters.trail), page.next_cursor.as_deref(), |more| {
        filters.address(None, more)
    });
    let is_unfiltered = chips.all.is_empty();
    let newest = page.items.first().map_or(0, |entry| entry.number);
    let rows = page.items.into_iter().map(|entry| row(entry, &shell, w)).collect();
    let mut plugins: Vec<_> = (state.plugins)().into_iter().map(|plugin| plugin.name).collect();
    plugins.sort_unstable();
    let tokens = tokens::list(admin, State(state.clone())).await?.0.items;
    let actors = tokens.into_iter().map(|token| token.name);
    let mut actors: Vec<_> = actors.chain(["hookyard".to_owned()]).collect();
    actors.sort_unstable();
    actors.dedup();
    Ok(Page(AuditPage {
        newest: filters.address(None, &[]),
        counts_news: is_unfiltered,
        checks_chain: is_unfiltered && filters.cursor.is_empty() && newest <= CHECKED_MAX,
        shell,
        w,
        lists,
        filters,
        choices,
        actors,
        plugins,
        chips,
        rows,
        pager,
    })
    .into_response())
}

fn choices(filters: &Filters, w: AuditWords) -> [Choice; 2] {
    let lists = ListWords(w.0);
    let families = FAMILIES.map(|family| (family.to_owned(), family.to_owned())).into();
    let spans = [
        ("1h", lists.within_hour()),
        ("24h", lists.within_day()),
        ("7d", lists.within_week()),
        ("30d", lists.within_month()),
    ];
    let spans = spans.map(|(word, name)| (word.to_owned(), name.to_owned())).into();
    [
        Choice::new("action", w.action(), families, &filters.action),
        Choice::new("within", w.time(), spans, &filters.within),
    ]
}

fn chips(filters: &Filters, choices: &[Choice], w: AuditWords) -> Chips {
    let set = filters.fields().into_iter().filter(|(_, value)| !value.trim().is_empty());
    let chip = |(field, value): (&'static str, &str)| {
        let choice = choices.iter().find(|choice| choice.field == field);
        let name = match field {
            "actor" => w.actor(),
            "target" => w.target(),
            _ => choice.map_or("", |choice| choice.name),
        };
        let value = choice.map_or(value.trim(), Choice::chosen).to_owned();
        Chip { name, value, without: filters.address(Some(field), &[]) }
    };
    Chips { w: ListWords(w.0), all: set.map(chip).collect(), clear: "/audit" }
}

fn row(entry: AuditEntry, shell: &Shell, w: AuditWords) -> EntryRow {
    EntryRow {
        path: path_of(entry.number),
        number: entry.number,
        kind: describe_kind(&entry.kind, w),
        result: result_of(entry.result),
        at: TimeTag { at: entry.at, now: shell.now, language: shell.language },
        action: entry.action,
        target: entry.target,
        actor: entry.actor,
        note: entry.note,
    }
}

/// The kind of an actor.
fn describe_kind(kind: &str, w: AuditWords) -> &'static str {
    match kind {
        "token" => w.kind_token(),
        "file" => w.kind_file(),
        "config" => w.kind_config(),
        "command" => w.kind_command(),
        _ => w.kind_host(),
    }
}

fn result_of(word: String) -> StateTagText {
    let tone = match word.as_str() {
        "done" | "delivered" => "done",
        "refused" | "failed" => "dead",
        _ => "quiet",
    };
    StateTagText { tone, word }
}

/// `GET /audit/{number}`
pub(super) async fn show(
    admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
    visit: Visit,
    Path(number): Path<i64>,
) -> Result<Response, Problem> {
    let w = AuditWords(visit.language);
    let shell = Shell::new(&state, &visit, Section::Audit, w.entry(number));
    // The list begins before its cursor.
    let after = number.saturating_add(2).to_string();
    let query = AuditQuery { cursor: Some(after), limit: Some(2), ..AuditQuery::default() };
    let found = audit::list(admin, State(state), Query(query)).await?.0.items;
    let newer = number.checked_add(1);
    let has_newer = found.iter().any(|entry| Some(entry.number) == newer);
    let Some(entry) = found.into_iter().find(|entry| entry.number == number) else {
        return Err(Problem::not_found(format!("the audit log has no entry {number}")));
    };
    let parse =
        |json: &Option<Box<RawValue>>| json.as_ref().and_then(|json| serde_json::from_str(json.get()).ok());
    let (before, after): (Option<Value>, Option<Value>) = (parse(&entry.before), parse(&entry.after));
    let pretty = |value: &Option<Value>| {
        value.as_ref().map(|value| serde_json::to_string_pretty(value).unwrap_or_default())
    };
    let page = EntryPage {
        kind: describe_kind(&entry.kind, w),
        result: result_of(entry.result.clone()),
        at: TimeTag { at: entry.at, now: shell.now, language: shell.language },
        exact: crate::event::rfc3339(entry.at),
        comparison: comparison::compare(before.as_ref(), after.as_ref()),
        sides: (before.is_some(), after.is_some()),
        before: pretty(&before),
        after: pretty(&after),
        target_path: target_path(&entry.action, &entry.target),
        of_target: listing::address("/audit", [("target", entry.target.as_str())]),
        of_actor: listing::address("/audit", [("actor", entry.actor.as_str())]),
        newer: has_newer.then(|| path_of(number + 1)),
        older: (number > 1).then(|| path_of(number - 1)),
        entry,
        shell,
        w,
    };
    Ok(Page(page).into_response())
}

/// The page of an entry's target, if there is one.
fn target_path(action: &str, target: &str) -> Option<String> {
    match action.split('.').next()? {
        "replay" => target.parse().ok().map(super::replays::path_of),
        "token" => Some("/settings/tokens".into()),
        "alert" => Some("/settings/alerts".into()),
        "session" => Some("/settings".into()),
        "confirmation" => target.split_once('/').map(|(source, _)| super::sources::path_of(source)),
        _ => None,
    }
}

/// `GET /audit/check`
pub(super) async fn check(
    admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
    visit: Visit,
    Query(query): Query<AuditCheckQuery>,
) -> Result<Response, Problem> {
    let w = AuditWords(visit.language);
    let shell = Shell::new(&state, &visit, Section::Audit, w.check());
    let expect = query.expect.as_deref().map(str::trim).unwrap_or_default().to_owned();
    let query = AuditCheckQuery { expect: Some(expect.clone()).filter(|expect| !expect.is_empty()) };
    let found = audit::check(&admin, &state, &query).await?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let (tone, word) = if found.is_ok() { (Tone::Done, w.whole()) } else { (Tone::Dead, w.broken()) };
    let wrong = found.as_ref().err();
    let page = CheckPage {
        state: StateTag { tone, word },
        text: match &found {
            Ok(head) => w.entries(count(head.number)),
            Err(error) => w.broken_at(error.number),
        },
        head: found.as_ref().ok().map(|Head { number, hash }| format!("{number}:{hash}")),
        wrong: wrong.map(|error| error.number).filter(|number| *number > 0).map(path_of),
        problem: wrong.map(|error| describe_fault(error.fault, w)),
        expect,
        command: "hookyard audit verify --expect NUMBER:HASH",
        shell,
        w,
    };
    Ok(Page(page).into_response())
}

fn describe_fault(fault: ChainFault, w: AuditWords) -> &'static str {
    match fault {
        ChainFault::Missing => w.fault_missing(),
        ChainFault::WrongHash => w.fault_wrong_hash(),
        ChainFault::Rewritten => w.fault_rewritten(),
        ChainFault::MissingToEnd => w.fault_missing_to_end(),
        ChainFault::BeyondHead => w.fault_beyond_head(),
        ChainFault::OtherHead => w.fault_other_head(),
        ChainFault::BeforeExpected => w.fault_before_expected(),
    }
}

/// `GET /audit/export`
pub(super) async fn export(
    admin: Allowed<need::Admin>,
    State(state): State<AdminState>,
) -> Result<Response, Problem> {
    // The first page is read before the answer begins, so that a failure is one.
    let query = AuditExportQuery { cursor: None, limit: Some(EXPORT_PAGE) };
    let first = audit::export(admin.clone(), State(state.clone()), Query(query)).await?.0;
    let (sender, body) = Channel::<Bytes, io::Error>::new(1);
    tokio::spawn(send_all(sender, admin, state, first));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    Ok((headers, Body::new(body)).into_response())
}

/// Sends all entries, one JSON document a line. The answer is broken off where one cannot be read, so that the download
/// fails too.
async fn send_all(
    mut sender: Sender<Bytes, io::Error>,
    admin: Allowed<need::Admin>,
    state: AdminState,
    mut page: AuditList,
) {
    loop {
        let lines: Result<Vec<_>, _> = page.items.iter().map(serde_json::to_string).collect();
        let text = match lines {
            Ok(lines) => lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect::<String>(),
            Err(error) => return sender.abort(error.into()),
        };
        if sender.send_data(text.into()).await.is_err() {
            return;
        }
        let Some(cursor) = page.next_cursor.take() else { return };
        let query = AuditExportQuery { cursor: Some(cursor), limit: Some(EXPORT_PAGE) };
        match audit::export(admin.clone(), State(state.clone()), Query(query)).await {
            Ok(next) => page = next.0,
            Err(problem) => {
                tracing::warn!("the download of the audit log breaks off: {}", problem.detail);
                return sender.abort(io::Error::other(problem.detail));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_in_the_address_and_in_the_query() {
        let filters = Filters {
            actor: "night-shift".into(),
            action: "plugin".into(),
            within: "24h".into(),
            ..Filters::default()
        };
        assert_eq!(filters.address(None, &[]), "/audit?actor=night-shift&action=plugin&within=24h");
        assert_eq!(
            filters.address(Some("actor"), &[("cursor", "7")]),
            "/audit?action=plugin&within=24h&cursor=7"
        );
        let query = filters.into_query(100_000_000);
        assert_eq!(
            (query.since, query.target, query.actor.as_deref()),
            (Some(13_600_000), None, Some("night-shift"))
        );
    }

    #[test]
    fn a_target_with_a_page_has_a_link() {
        assert_eq!(target_path("replay.begin", "12"), Some("/replays/12".into()));
        assert_eq!(target_path("replay.begin", "x"), None);
        assert_eq!(target_path("token.create", "ops"), Some("/settings/tokens".into()));
        assert_eq!(target_path("confirmation.open", "alarms/3"), Some("/sources/alarms".into()));
        assert_eq!(target_path("log.level", "info"), None);
    }
}
