//! The progress of a replay of dead letters, and what fails of it as it comes.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::dead_letter_filters::GROUPS;
use super::events::path_of;
use super::forms::FormBody;
use super::shell::{Page, Section, Shell};
use super::ui::{StateTag, TimeTag, Tone};
use super::visit::Visit;
use super::words::DeadLettersWords;
use crate::admin::api::deliveries::{self, DeliveryQuery};
use crate::admin::api::extract::{Path, Query};
use crate::admin::api::{ListedDelivery, ReplayState, replays};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// Failures that are shown.
const FAILURES: u32 = 50;

#[derive(Template)]
#[template(path = "dead_letter_replay.html")]
struct ReplayPage {
    shell: Shell,
    w: DeadLettersWords,
    path: String,
    title: String,
    state: StateTag,
    is_running: bool,
    asked: TimeTag,
    /// How many it has dealt with, and how many it found.
    passed: u64,
    found: u64,
    progress: String,
    made: String,
    skipped: String,
    failures: Vec<FailureRow>,
    may_stop: bool,
}

struct FailureRow {
    event: String,
    path: String,
    event_type: String,
    plugin: String,
    reason: Option<String>,
    received: TimeTag,
}

/// The form to stop it.
#[derive(Deserialize)]
pub(super) struct StopForm {
    #[serde(default)]
    note: String,
}

/// The address of a replay's progress.
pub(super) fn path(id: i64) -> String {
    format!("{GROUPS}/replays/{id}")
}

/// `GET /dead-letters/replays/{id}`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let w = DeadLettersWords(visit.language);
    let replay = replays::show(reader.clone(), State(admin.clone()), Path(id)).await?.0;
    let (state, limit) = (Some("dead".to_owned()), Some(FAILURES));
    let query = DeliveryQuery { replay: Some(id), state, limit, ..DeliveryQuery::default() };
    let failed = deliveries::list(reader, State(admin.clone()), Query(query)).await?.0.items;
    let shell = Shell::new(&admin, &visit, Section::DeadLetters, w.replay_title(id));
    let (tone, word) = match replay.state {
        ReplayState::Running => (Tone::Waiting, w.state_running()),
        ReplayState::Done => (Tone::Done, w.state_done()),
        ReplayState::Stopped => (Tone::Held, w.state_stopped()),
    };
    let is_running = replay.state == ReplayState::Running;
    let passed = replay.made + replay.skipped;
    // More may match by now than when it was asked for.
    let found = replay.found.max(passed);
    let number = |number| shell.language.number(number);
    Ok(Page(ReplayPage {
        path: path(id),
        title: w.replay_title(id),
        state: StateTag { tone, word },
        asked: TimeTag { at: replay.asked_at, now: shell.now, language: shell.language },
        progress: w.of_number(number(passed), number(found)),
        made: number(replay.made),
        skipped: number(replay.skipped),
        failures: failed.into_iter().map(|failure| row(failure, &shell)).collect(),
        may_stop: is_running && shell.may_operate(),
        is_running,
        passed,
        found,
        shell,
        w,
    })
    .into_response())
}

fn row(failure: ListedDelivery, shell: &Shell) -> FailureRow {
    FailureRow {
        path: format!("{}#d{}", path_of(&failure.source, &failure.event), failure.delivery.id),
        received: TimeTag { at: failure.received_at, now: shell.now, language: shell.language },
        event: failure.event,
        event_type: failure.event_type,
        plugin: failure.delivery.plugin,
        reason: failure.reason,
    }
}

/// `POST /dead-letters/replays/{id}/stop`
pub(super) async fn stop(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(id): Path<i64>,
    FormBody(form): FormBody<StopForm>,
) -> Result<Redirect, Problem> {
    let _stopped = replays::stop(operator.with_note(&form.note)?, admin, Path(id)).await?;
    Ok(Redirect::to(&path(id)))
}
