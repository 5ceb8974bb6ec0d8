//! The page of a replay: its progress, what fails of it, who asked for it, and what for.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::events::EventLink;
use super::forms::FormBody;
use super::listing::{self, Pager, Place};
use super::replay_failures::{self, FailureRow, Failures};
use super::replays::{Progress, describe, path_of, progress_of, state_of};
use super::shell::{Page, Section, Shell};
use super::ui::{StateTag, TimeTag};
use super::visit::Visit;
use super::words::{ListWords, ReplaysWords};
use crate::admin::api::audit::{self, AuditQuery};
use crate::admin::api::extract::{Path, Query};
use crate::admin::api::{
    AuditEntry, ReplayAction, ReplayExample, ReplayProgress, ReplayRequest, ReplayState, ReplayTarget,
    replays,
};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::event::rfc3339;

/// Entries of the audit log about a replay: it has three at most.
const ENTRIES: u32 = 10;
/// Ids that are shown of a request.
const IDS_MAX: usize = 5;

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    shell: Shell,
    w: ReplaysWords,
    id: i64,
    path: String,
    state: StateTag,
    is_running: bool,
    /// Whether it is running, or a delivery that it made has not ended: then more may fail.
    is_open: bool,
    what: String,
    asked: TimeTag,
    progress: Progress,
    /// What became of those that it has dealt with, and how many.
    made_name: &'static str,
    found_name: &'static str,
    no_failures: &'static str,
    made: String,
    skipped: String,
    found: String,
    /// The failed deliveries that it made or effects that it made due, and those that will be tried again.
    failures: Vec<FailureRow>,
    retrying: Vec<FailureRow>,
    pager: Pager,
    /// Whether what it makes can fail.
    can_fail: bool,
    first: Vec<FirstRow>,
    /// What was asked for: names and values.
    conditions: Vec<Condition>,
    decisions: Vec<DecisionRow>,
    request: String,
    command: String,
}

struct FirstRow {
    event: EventLink,
    event_type: String,
    plugin: String,
    reason: Option<String>,
    received: TimeTag,
}

struct Condition {
    name: &'static str,
    value: String,
    link: Option<String>,
}

/// An entry of the audit log about the replay.
struct DecisionRow {
    what: &'static str,
    path: String,
    actor: String,
    at: TimeTag,
    note: Option<String>,
}

/// The form to stop it.
#[derive(Deserialize)]
pub(super) struct StopForm {
    #[serde(default)]
    note: String,
}

/// `GET /replays/{id}`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(place): Query<Place>,
) -> Result<Response, Problem> {
    let (w, lists) = (ReplaysWords(visit.language), ListWords(visit.language));
    let replay = replays::show(reader.clone(), State(admin.clone()), Path(id)).await?.0;
    let shell = Shell::new(&admin, &visit, Section::Replays, w.one(id));
    let found = (id, place.cursor());
    let failures = match replay.request.of {
        ReplayTarget::Effects => replay_failures::of_effects(&reader, &admin, found, &shell).await?,
        ReplayTarget::Deliveries | ReplayTarget::Events => {
            replay_failures::of_deliveries(&reader, &admin, found, &shell).await?
        }
    };
    let address = |more: &[(&str, &str)]| listing::address(&path_of(id), more.iter().copied());
    let pager = Pager::new(lists, place.as_pair(), failures.next_cursor.as_deref(), address);
    let decisions = find_decisions(&reader, &admin, id, &shell, w).await?;
    Ok(Page(page(shell, w, replay, failures, pager, decisions)).into_response())
}

fn page(
    shell: Shell,
    w: ReplaysWords,
    replay: ReplayProgress,
    failures: Failures,
    pager: Pager,
    decisions: Vec<DecisionRow>,
) -> ReplayPage {
    let (language, is_running) = (shell.language, replay.state == ReplayState::Running);
    let is_replay = replay.request.action == ReplayAction::Replay;
    let is_of_effects = replay.request.of == ReplayTarget::Effects;
    let Failures { failed: failures, retrying, is_open, next_cursor: _ } = failures;
    ReplayPage {
        id: replay.id,
        path: path_of(replay.id),
        state: state_of(replay.state, w),
        is_running,
        is_open: is_running || is_open,
        what: describe(&replay.request, w),
        asked: TimeTag { at: replay.asked_at, now: shell.now, language },
        progress: progress_of(&replay, w),
        made_name: name_made(&replay.request, w),
        found_name: if is_of_effects { w.effects_found() } else { w.found() },
        no_failures: if is_of_effects { w.effects_failures_none() } else { w.failures_none() },
        made: language.number(replay.made),
        skipped: language.number(replay.skipped),
        found: language.number(replay.found),
        failures,
        retrying,
        pager,
        can_fail: is_replay && !replay.request.dry_run,
        conditions: conditions(&replay.request, w),
        request: serde_json::to_string_pretty(&replay.request).unwrap_or_default(),
        command: format!("hookyard replay show {}", replay.id),
        first: replay.first.into_iter().map(|example| first(example, &shell)).collect(),
        decisions,
        shell,
        w,
    }
}

/// How what it has dealt with is called.
fn name_made(request: &ReplayRequest, w: ReplaysWords) -> &'static str {
    match (request.of, request.action, request.dry_run) {
        (ReplayTarget::Effects, ReplayAction::Replay, false) => w.effects_made(),
        (ReplayTarget::Effects, ReplayAction::Replay, true) => w.effects_made_dry(),
        (ReplayTarget::Effects, ReplayAction::Discard, false) => w.effects_resolved(),
        (ReplayTarget::Effects, ReplayAction::Discard, true) => w.effects_resolved_dry(),
        (_, _, true) => w.made_dry(),
        (_, ReplayAction::Replay, false) => w.made(),
        (_, ReplayAction::Discard, false) => w.resolved(),
    }
}

/// `POST /replays/{id}/stop`
pub(super) async fn stop(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(id): Path<i64>,
    FormBody(form): FormBody<StopForm>,
) -> Result<Redirect, Problem> {
    let _stopped = replays::stop(operator.with_note(&form.note)?, admin, Path(id)).await?;
    Ok(Redirect::to(&path_of(id)))
}

/// Who began and who stopped it, for those who may see the audit log.
async fn find_decisions(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    id: i64,
    shell: &Shell,
    w: ReplaysWords,
) -> Result<Vec<DecisionRow>, Problem> {
    let Some(allowed) = reader.with::<need::Admin>() else { return Ok(Vec::new()) };
    let query = AuditQuery {
        action: Some("replay".into()),
        target: Some(id.to_string()),
        limit: Some(ENTRIES),
        ..AuditQuery::default()
    };
    let entries = audit::list(allowed, State(admin.clone()), Query(query)).await?.0.items;
    // The newest is first in the log; here the story is told in its order.
    let row = |entry: AuditEntry| DecisionRow {
        what: match entry.action.as_str() {
            "replay.begin" => w.begun(),
            "replay.stop" => w.stopped_by(),
            _ => w.ended(),
        },
        path: super::audit::path_of(entry.number),
        actor: entry.actor,
        at: TimeTag { at: entry.at, now: shell.now, language: shell.language },
        note: entry.note,
    };
    Ok(entries.into_iter().rev().map(row).collect())
}

fn first(example: ReplayExample, shell: &Shell) -> FirstRow {
    FirstRow {
        event: EventLink::new(shell, &example.source, example.event),
        event_type: example.event_type,
        plugin: example.plugin.to_string(),
        reason: example.reason,
        received: TimeTag { at: example.received_at, now: shell.now, language: shell.language },
    }
}

/// What was asked for, condition by condition.
fn conditions(request: &ReplayRequest, w: ReplaysWords) -> Vec<Condition> {
    let of = &request.selection;
    let text = |name, value: Option<String>| value.map(|value| Condition { name, value, link: None });
    let time = |at: Option<u64>| at.map(rfc3339);
    let some = |ids: Vec<String>| {
        let shown = ids.iter().take(IDS_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        if ids.len() > IDS_MAX { w.and_more(shown, w.0.number((ids.len() - IDS_MAX) as u64)) } else { shown }
    };
    let events = of.events.as_ref().map(|ids| some(ids.iter().map(ToString::to_string).collect()));
    let deliveries = of.deliveries.as_ref().map(|ids| some(ids.iter().map(ToString::to_string).collect()));
    let replay =
        of.replay.map(|id| Condition { name: w.of_replay(), value: w.one(id), link: Some(path_of(id)) });
    let mut all: Vec<_> = [
        text(w.numbers(), events),
        text(w.deliveries(), deliveries),
        text(w.plugin(), of.plugin.clone()),
        text(w.event_type(), of.event_type.clone()),
        text(w.source(), of.source.clone()),
        text(w.since(), time(of.since)),
        text(w.until(), time(of.until)),
        text(w.reason(), of.reason.clone()),
        text(w.keys(), of.keys.clone().map(some)),
        text(w.unhandled(), of.unhandled.then(|| w.yes().to_owned())),
        replay,
    ]
    .into_iter()
    .flatten()
    .collect();
    if all.is_empty() {
        let everything = match request.of {
            ReplayTarget::Events => w.all_events(),
            ReplayTarget::Deliveries => w.all_dead_letters(),
            ReplayTarget::Effects => w.all_dead_effects(),
        };
        all.extend(text(w.selection(), Some(everything.to_owned())));
    }
    all.extend(text(w.to(), request.to.as_ref().map(ToString::to_string)));
    all.extend(text(w.again(), request.again.then(|| w.yes().to_owned())));
    all.extend(text(w.revision(), request.revision.clone()));
    all.extend(text(w.only_counted(), request.dry_run.then(|| w.yes().to_owned())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::ReplaySelection;
    use crate::admin::pages::language::Language;

    #[test]
    fn a_request_is_told_condition_by_condition() {
        let selection = ReplaySelection {
            events: Some((1..=7).collect()),
            plugin: Some("sms".into()),
            since: Some(1_769_005_800_000),
            replay: Some(4),
            ..ReplaySelection::default()
        };
        let mut request = ReplayRequest {
            of: ReplayTarget::Events,
            action: ReplayAction::Replay,
            selection,
            to: None,
            again: true,
            revision: None,
            dry_run: false,
        };
        let w = ReplaysWords(Language::English);
        let told = |request: &ReplayRequest| -> Vec<(&str, String)> {
            conditions(request, w).into_iter().map(|condition| (condition.name, condition.value)).collect()
        };
        assert_eq!(
            told(&request),
            [
                ("Events", "1, 2, 3, 4, 5 and 2 more".to_owned()),
                ("Plugin", "sms".into()),
                ("Received since", "2026-01-21T14:30:00Z".into()),
                ("Made by", "Replay 4".into()),
                ("Also where done", "yes".into()),
            ]
        );
        request.selection = ReplaySelection::default();
        assert_eq!(told(&request)[0], ("Selection", "all events".into()));
        request.of = ReplayTarget::Effects;
        assert_eq!(told(&request)[0], ("Selection", "all dead effects".into()));
        request.selection.keys = Some(vec!["af.1".into()]);
        assert_eq!(told(&request)[0], ("Keys of effects", "af.1".into()));
    }
}
