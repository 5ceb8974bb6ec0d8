//! Follows a replay to its end, and describes its result.

use std::time::Duration;

use super::client::Client;
use super::failure::Failure;
use super::out;
use super::progress::Progress;
use super::table::{TextTable, format_table};
use crate::admin::api::{
    ReplayAction, ReplayExample, ReplayProgress, ReplayRequest, ReplayState, ReplayTarget,
};
use crate::delivery::DeliveryId;

/// Interval between requests for the progress.
const POLL: Duration = Duration::from_millis(50);

/// Begins a replay and waits until it has ended; prints its progress on stderr if that takes long.
///
/// # Errors
/// When the host refuses, or stops answering; then the replay continues by itself.
pub(super) async fn follow(client: &Client, request: &ReplayRequest) -> Result<ReplayProgress, Failure> {
    let mut progress: ReplayProgress = client.post(&["replays"], request).await?;
    let id = progress.id.to_string();
    let mut shown = Progress::new(format!("replay {id}"));
    while progress.state == ReplayState::Running {
        tokio::time::sleep(POLL).await;
        progress = client.get(&["replays", &id], &()).await?;
        shown.update(progress.made + progress.skipped, progress.found);
    }
    Ok(progress)
}

/// Prints the result of a replay.
///
/// # Errors
/// [`Failure::ReaderGone`] when the output is closed; [`Failure::Failed`] when the replay was
/// stopped.
pub(super) fn print(progress: &ReplayProgress, json: bool) -> Result<(), Failure> {
    if json {
        out::print_json(progress)?;
    } else {
        out::print(&describe(progress))?;
    }
    check_ended(progress)
}

/// Checks that a replay ended by itself.
///
/// # Errors
/// [`Failure::Failed`] when it was stopped.
pub(super) fn check_ended(progress: &ReplayProgress) -> Result<(), Failure> {
    match progress.state {
        ReplayState::Stopped => Err(Failure::Failed(format!("replay {} was stopped", progress.id))),
        ReplayState::Running | ReplayState::Done => Ok(()),
    }
}

/// The result of a replay, and its first deliveries.
#[must_use]
pub(super) fn describe(progress: &ReplayProgress) -> String {
    let ReplayProgress { request, made, skipped, .. } = progress;
    if request.of == ReplayTarget::Effects {
        return describe_effects(progress);
    }
    let deliveries = out::format_count(*made, "delivery", "deliveries");
    let did = match (request.action, request.dry_run) {
        (ReplayAction::Replay, false) => format!("made {deliveries} (replay {})", progress.id),
        (ReplayAction::Replay, true) => format!("would make {deliveries}"),
        (ReplayAction::Discard, false) => format!("resolved {deliveries}"),
        (ReplayAction::Discard, true) => format!("would resolve {deliveries}"),
    };
    let left = match (skipped, request.of, &request.revision) {
        (0, ..) => String::new(),
        (skipped, ReplayTarget::Events, _) => format!(
            "; skipped {}: open, done already (--again), erased, or handled by no such plugin",
            out::format_count(*skipped, "event", "events")
        ),
        (skipped, ReplayTarget::Deliveries | ReplayTarget::Effects, None) => {
            format!("; skipped {skipped}: open, erased, or resolved meanwhile")
        }
        (skipped, ReplayTarget::Deliveries | ReplayTarget::Effects, Some(revision)) => format!(
            "; skipped {skipped}: open, erased, resolved meanwhile, or not handled by revision {}",
            out::shorten_digest(revision)
        ),
    };
    let mut text = format!("{did}{left}");
    if !progress.first.is_empty() && (request.dry_run || *made > 0) {
        let some = if progress.first.len() as u64 == *made { "" } else { ", the first" };
        text = format!("{text}{some}:\n{}", table(&progress.first));
    }
    if request.dry_run {
        text.push_str("\nnothing was changed: this was a dry run");
    }
    text
}

/// The result of a replay of effects; of a dry run also its first effects.
fn describe_effects(progress: &ReplayProgress) -> String {
    let ReplayProgress { request, made, skipped, first, .. } = progress;
    let effects = out::format_count(*made, "effect", "effects");
    let mut text = match (request.action, request.dry_run) {
        (ReplayAction::Replay, false) => format!("{effects}: to be tried again"),
        (ReplayAction::Replay, true) => format!("would try {effects} again"),
        (ReplayAction::Discard, false) => format!("{effects}: resolved"),
        (ReplayAction::Discard, true) => format!("would resolve {effects}"),
    };
    if *skipped > 0 {
        text = format!("{text}; skipped {skipped}: erased, or resolved meanwhile");
    }
    if !request.dry_run {
        return text;
    }
    if !first.is_empty() {
        let some = if first.len() as u64 == *made { "" } else { ", the first" };
        text = format!("{text}{some}:\n{}", effects_table(first));
    }
    format!("{text}\nnothing was changed: this was a dry run")
}

fn effects_table(examples: &[ReplayExample]) -> TextTable {
    let row = |example: &ReplayExample| {
        [
            out::format_time(example.received_at),
            example.event.clone(),
            example.event_type.clone(),
            example.plugin.to_string(),
            example.effect.clone().unwrap_or_else(|| "-".into()),
            example.reason.as_deref().map_or_else(|| "-".into(), out::first_line),
        ]
    };
    let rows: Vec<_> = examples.iter().map(row).collect();
    format_table(["RECEIVED", "EVENT", "TYPE", "PLUGIN", "EFFECT", "LAST TRY"], &rows)
}

fn table(examples: &[ReplayExample]) -> TextTable {
    let rows: Vec<_> = examples
        .iter()
        .map(|example| {
            [
                out::format_time(example.received_at),
                example.event.clone(),
                example.event_type.clone(),
                example.plugin.to_string(),
                example.of.map_or_else(|| "-".into(), |of: DeliveryId| of.to_string()),
                example.reason.as_deref().map_or_else(|| "-".into(), out::first_line),
            ]
        })
        .collect();
    format_table(["RECEIVED", "EVENT", "TYPE", "PLUGIN", "DELIVERY", "REASON"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::ReplaySelection;
    use crate::event::Name;

    fn progress(action: ReplayAction, dry_run: bool, skipped: u64) -> ReplayProgress {
        let selection = ReplaySelection::default();
        let request = ReplayRequest {
            of: ReplayTarget::Deliveries,
            action,
            selection,
            to: None,
            again: false,
            revision: None,
            dry_run,
        };
        let example = ReplayExample {
            source: "moncreneau".into(),
            event: "evt_1".into(),
            event_type: "appointment.created".into(),
            received_at: 0,
            plugin: Name::new("desk").unwrap(),
            of: Some(DeliveryId { event: 1, number: 1 }),
            effect: None,
            reason: Some("no office\nat all".into()),
        };
        let (state, first) = (ReplayState::Done, vec![example]);
        ReplayProgress { id: 3, asked_at: 0, request, state, found: 9, made: 2, skipped, first }
    }

    #[test]
    fn describes_the_result_of_a_replay() {
        let text = describe(&progress(ReplayAction::Replay, false, 1));
        assert!(text.starts_with("made 2 deliveries (replay 3); skipped 1: open"), "{text}");
        assert!(text.contains(", the first:\n") && text.contains("no office …"), "{text}");
        let text = describe(&progress(ReplayAction::Discard, true, 0));
        assert!(text.starts_with("would resolve 2 deliveries, the first:\n"), "{text}");
        assert!(text.ends_with("\nnothing was changed: this was a dry run"), "{text}");
    }

    #[test]
    fn describes_the_result_of_a_replay_of_effects() {
        let of_effects = |action, dry_run, skipped| {
            let mut progress = progress(action, dry_run, skipped);
            progress.request.of = ReplayTarget::Effects;
            progress.first[0].effect = Some("1-1-1".into());
            describe(&progress)
        };
        assert_eq!(of_effects(ReplayAction::Replay, false, 0), "2 effects: to be tried again");
        assert_eq!(
            of_effects(ReplayAction::Discard, false, 1),
            "2 effects: resolved; skipped 1: erased, or resolved meanwhile"
        );
        let text = of_effects(ReplayAction::Replay, true, 0);
        assert!(text.starts_with("would try 2 effects again, the first:\n"), "{text}");
        assert!(text.contains("1-1-1") && text.contains("no office …"), "{text}");
        assert!(text.ends_with("\nnothing was changed: this was a dry run"), "{text}");
        assert!(
            of_effects(ReplayAction::Discard, true, 0).starts_with("would resolve 2 effects, the first:")
        );
    }
}
