//! The list of replays.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::listing::{self, LIMIT, Pager, Place};
use super::shell::{Page, Section, Shell};
use super::ui::{StateTag, TimeTag, Tone};
use super::visit::Visit;
use super::words::{ListWords, ReplaysWords};
use crate::admin::api::extract::Query;
use crate::admin::api::replays::{self, ReplayQuery};
use crate::admin::api::{ReplayAction, ReplayProgress, ReplayRequest, ReplayState, ReplayTarget};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

#[derive(Template)]
#[template(path = "replays.html")]
struct ReplaysPage {
    shell: Shell,
    w: ReplaysWords,
    lists: ListWords,
    rows: Vec<ReplayRow>,
    pager: Pager,
}

struct ReplayRow {
    id: i64,
    path: String,
    state: StateTag,
    what: String,
    progress: Progress,
    asked: TimeTag,
}

/// How far a replay is.
pub(super) struct Progress {
    /// What it has dealt with, and what it found at the beginning.
    pub(super) passed: u64,
    pub(super) found: u64,
    pub(super) text: String,
}

/// `GET /replays`
pub(super) async fn list(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Query(place): Query<Place>,
) -> Result<Response, Problem> {
    let (w, lists) = (ReplaysWords(visit.language), ListWords(visit.language));
    let shell = Shell::new(&admin, &visit, Section::Replays, w.title());
    let query = Query(ReplayQuery { cursor: place.cursor(), limit: Some(LIMIT) });
    let page = replays::list(reader, State(admin), query).await?.0;
    let address = |more: &[(&str, &str)]| listing::address("/replays", more.iter().copied());
    let pager = Pager::new(lists, place.as_pair(), page.next_cursor.as_deref(), address);
    let rows = page.items.iter().map(|replay| row(replay, &shell, w)).collect();
    Ok(Page(ReplaysPage { shell, w, lists, rows, pager }).into_response())
}

fn row(replay: &ReplayProgress, shell: &Shell, w: ReplaysWords) -> ReplayRow {
    ReplayRow {
        id: replay.id,
        path: path_of(replay.id),
        state: state_of(replay.state, w),
        what: describe(&replay.request, w),
        progress: progress_of(replay, w),
        asked: TimeTag { at: replay.asked_at, now: shell.now, language: shell.language },
    }
}

/// The address of a replay's page.
pub(super) fn path_of(id: i64) -> String {
    format!("/replays/{id}")
}

/// The state of a replay.
pub(super) fn state_of(state: ReplayState, w: ReplaysWords) -> StateTag {
    let (tone, word) = match state {
        ReplayState::Running => (Tone::Waiting, w.running()),
        ReplayState::Done => (Tone::Done, w.done()),
        ReplayState::Stopped => (Tone::Held, w.stopped()),
    };
    StateTag { tone, word }
}

/// How far a replay is.
pub(super) fn progress_of(replay: &ReplayProgress, w: ReplaysWords) -> Progress {
    let number = |number| w.0.number(number);
    let passed = replay.made + replay.skipped;
    // Others may have acted on what was found, and events may have come.
    let found = replay.found.max(passed);
    Progress { passed, found, text: w.of(number(passed), number(found)) }
}

/// What a replay does, and to which events or deliveries: `replay dead letters of confirmation-sms`.
pub(super) fn describe(request: &ReplayRequest, w: ReplaysWords) -> String {
    let what = match (request.action, request.of, request.selection.deliveries.is_some()) {
        (ReplayAction::Replay, ReplayTarget::Effects, _) => w.repeat_effects(),
        (ReplayAction::Discard, ReplayTarget::Effects, _) => w.discard_effects(),
        (ReplayAction::Replay, ReplayTarget::Events, _) => w.replay_events(),
        (ReplayAction::Replay, ReplayTarget::Deliveries, true) => w.replay_deliveries(),
        (ReplayAction::Replay, ReplayTarget::Deliveries, false) => w.replay_dead_letters(),
        (ReplayAction::Discard, _, true) => w.discard_deliveries(),
        (ReplayAction::Discard, _, false) => w.discard_dead_letters(),
    };
    let of = request.selection.plugin.as_ref().map(|plugin| w.of_plugin(plugin));
    let to = request.to.as_ref().map(|plugin| w.to_plugin(plugin));
    let dry = request.dry_run.then(|| w.dry_run().to_owned());
    [Some(what.to_owned()), of, to, dry].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::ReplaySelection;
    use crate::admin::pages::language::Language;
    use crate::event::PluginName;

    fn request(of: ReplayTarget, selection: ReplaySelection) -> ReplayRequest {
        let (action, to, again) = (ReplayAction::Replay, None, false);
        ReplayRequest { of, action, selection, to, again, revision: None, dry_run: true }
    }

    #[test]
    fn a_replay_is_described_by_what_it_does_and_to_what() {
        let w = ReplaysWords(Language::English);
        let of = ReplaySelection { plugin: Some("sms".into()), ..ReplaySelection::default() };
        let dead = request(ReplayTarget::Deliveries, of);
        assert_eq!(describe(&dead, w), "Replay dead letters of sms (dry run)");
        let named = ReplaySelection { deliveries: Some(Vec::new()), ..ReplaySelection::default() };
        let named = ReplayRequest { dry_run: false, ..request(ReplayTarget::Deliveries, named) };
        assert_eq!(describe(&named, w), "Replay deliveries");
        let events = ReplayRequest {
            to: Some(PluginName::new("desk").unwrap()),
            ..request(ReplayTarget::Events, ReplaySelection::default())
        };
        assert_eq!(describe(&events, w), "Replay events to desk (dry run)");
        let effects = request(ReplayTarget::Effects, ReplaySelection::default());
        assert_eq!(describe(&effects, w), "Replay dead effects (dry run)");
        let effects = ReplayRequest { action: ReplayAction::Discard, dry_run: false, ..effects };
        assert_eq!(describe(&effects, w), "Discard dead effects");
    }

    #[test]
    fn progress_never_exceeds_what_was_found() {
        let replay = ReplayProgress {
            id: 1,
            asked_at: 0,
            request: request(ReplayTarget::Events, ReplaySelection::default()),
            state: ReplayState::Running,
            found: 3,
            made: 4,
            skipped: 1,
            first: Vec::new(),
        };
        let progress = progress_of(&replay, ReplaysWords(Language::English));
        assert_eq!((progress.passed, progress.found, progress.text.as_str()), (5, 5, "5 of 5"));
    }
}
