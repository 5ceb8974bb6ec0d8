//! Replaying or discarding many dead letters or dead effects: first a dry run that counts them, then the replay, which has
//! a page of its own.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::dead_letter_filters::{Filters, GROUPS};
use super::dead_letter_sentences::Sentences;
use super::events::EventLink;
use super::forms::FormBody;
use super::shell::{Page, Section, Shell};
use super::ui::{TimeTag, revision_digits};
use super::visit::Visit;
use super::words::DeadLettersWords;
use crate::admin::api::extract::{JsonBody, Path};
use crate::admin::api::{
    ReplayAction, ReplayExample, ReplayProgress, ReplayRequest, ReplayState, ReplayTarget, effects, replays,
};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::event::now_ms;

/// Of those that a dry run names, the first that are shown.
const FIRST: usize = 5;

#[derive(Template)]
#[template(path = "dead_letter_plan.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct PlanPage {
    shell: Shell,
    w: DeadLettersWords,
    path: String,
    is_running: bool,
    is_replay: bool,
    sentences: Sentences,
    has_any: bool,
    /// Whether it is about effects.
    is_of_effects: bool,
    conditions: Vec<(&'static str, String)>,
    revision: Option<String>,
    first: Vec<FirstRow>,
}

/// One of the first deliveries or effects.
struct FirstRow {
    event: EventLink,
    /// The type of the event, or the request of the effect in a line.
    what: String,
    plugin: String,
    reason: Option<String>,
    received: TimeTag,
}

/// The form that asks for a dry run.
#[derive(Deserialize)]
pub(super) struct PlanForm {
    #[serde(flatten)]
    filters: Filters,
    action: ReplayAction,
    #[serde(default = "deliveries")]
    of: ReplayTarget,
    /// The revision to run on.
    #[serde(default)]
    revision: String,
}

fn deliveries() -> ReplayTarget {
    ReplayTarget::Deliveries
}

/// The form that begins what a dry run counted.
#[derive(Deserialize)]
pub(super) struct BeginForm {
    #[serde(default)]
    note: String,
}

/// `POST /dead-letters/plan`
pub(super) async fn plan(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    FormBody(form): FormBody<PlanForm>,
) -> Result<Redirect, Problem> {
    let revision = Some(form.revision.trim().to_owned()).filter(|digits| !digits.is_empty());
    let request = ReplayRequest {
        of: form.of,
        action: form.action,
        selection: form.filters.selection(now_ms()),
        to: None,
        again: false,
        revision: revision.filter(|_| form.action == ReplayAction::Replay),
        dry_run: true,
    };
    let (_, begun) = replays::begin(operator, admin, JsonBody(request)).await?;
    Ok(Redirect::to(&path(begun.0.id)))
}

fn path(id: i64) -> String {
    format!("{GROUPS}/plan/{id}")
}

/// `GET /dead-letters/plan/{id}`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    _operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let plan = find(reader.clone(), &admin, id).await?;
    let w = DeadLettersWords(visit.language);
    let sentences = Sentences::new(&plan, w);
    let shell = Shell::new(&admin, &visit, Section::DeadLetters, sentences.title);
    let mut first = Vec::new();
    for example in plan.first.into_iter().take(FIRST) {
        let request = match &example.effect {
            Some(effect) => describe_effect(&reader, &admin, effect).await,
            None => None,
        };
        first.push(first_row(example, request, &shell));
    }
    Ok(Page(PlanPage {
        path: path(id),
        is_running: plan.state == ReplayState::Running,
        sentences,
        has_any: plan.made > 0,
        is_of_effects: plan.request.of == ReplayTarget::Effects,
        conditions: conditions(&plan.request, &shell, w),
        revision: plan.request.revision.as_deref().map(|digest| revision_digits(digest).to_owned()),
        is_replay: plan.request.action == ReplayAction::Replay,
        first,
        shell,
        w,
    })
    .into_response())
}

/// `POST /dead-letters/plan/{id}`
pub(super) async fn begin(
    reader: AllowedFor<need::Read>,
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(id): Path<i64>,
    FormBody(form): FormBody<BeginForm>,
) -> Result<Redirect, Problem> {
    let plan = find(reader, &admin, id).await?;
    if plan.state == ReplayState::Running {
        return Err(Problem::conflict("the dry run still counts: wait until it has ended"));
    }
    let mut request = ReplayRequest { dry_run: false, ..plan.request };
    // Nothing that was received after it was counted.
    let until = &mut request.selection.until;
    *until = Some(until.map_or(plan.asked_at, |until| until.min(plan.asked_at)));
    let (_, begun) = replays::begin(operator.with_note(&form.note)?, admin, JsonBody(request)).await?;
    Ok(Redirect::to(&format!("/replays/{}", begun.0.id)))
}

/// The request of an effect in a line; nothing if it is gone.
async fn describe_effect(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    effect: &str,
) -> Option<String> {
    let found = effects::show(reader.clone(), State(admin.clone()), Path(effect.to_owned())).await;
    found.ok().map(|found| found.0.effect.summary)
}

/// The dry run with this number, if it is one of dead letters or dead effects.
async fn find(
    reader: AllowedFor<need::Read>,
    admin: &AdminState,
    id: i64,
) -> Result<ReplayProgress, Problem> {
    let found = replays::show(reader, State(admin.clone()), Path(id)).await?.0;
    if found.request.dry_run && found.request.of != ReplayTarget::Events {
        return Ok(found);
    }
    Err(Problem::not_found(format!("replay {id} is no dry run of dead letters")))
}

fn first_row(example: ReplayExample, request: Option<String>, shell: &Shell) -> FirstRow {
    let event = EventLink::new(shell, &example.source, example.event);
    FirstRow {
        event: match example.of {
            Some(of) => event.at(&of.to_string()),
            None => event,
        },
        received: TimeTag { at: example.received_at, now: shell.now, language: shell.language },
        what: request.unwrap_or(example.event_type),
        plugin: example.plugin.to_string(),
        reason: example.reason,
    }
}

/// What the request selects, in words.
fn conditions(request: &ReplayRequest, shell: &Shell, w: DeadLettersWords) -> Vec<(&'static str, String)> {
    let selection = &request.selection;
    let since = selection.since.map(|at| TimeTag { at, now: shell.now, language: shell.language }.relative());
    let reason = if request.of == ReplayTarget::Effects { w.answer() } else { w.reason() };
    let all = [
        (w.plugin(), selection.plugin.clone()),
        (w.event_type(), selection.event_type.clone()),
        (w.source(), selection.source.clone()),
        (w.since(), since),
        (
            reason,
            selection.reason.clone().map(|text| if text.is_empty() { w.no_reason().into() } else { text }),
        ),
        (w.failed_on(), selection.failed_on.clone()),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
