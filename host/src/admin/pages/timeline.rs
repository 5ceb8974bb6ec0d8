//! The story of an event's deliveries, as its page tells it.

use super::shell::Shell;
use super::states;
use super::ui::{StateTag, TimeTag, Tone, bytes, revision_digits, short_duration};
use super::words::EventWords;
use super::{events, replays};
use crate::admin::api::{AttemptView, DeliveryView, EffectView};
use crate::delivery::{Cause, Outcome, State};
use crate::effect::{EMITTED_PREFIX, EffectOutcome};

/// A delivery.
pub(super) struct Lane {
    pub(super) id: String,
    pub(super) plugin: String,
    pub(super) state: StateTag,
    /// What it waits for.
    pub(super) hold: Option<&'static str>,
    /// The delivery that blocks it.
    pub(super) blocked_by: Option<String>,
    /// The replay that made it, and of which delivery on which revision.
    pub(super) cause: Option<LaneCause>,
    pub(super) due: Option<TimeTag>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) effects: Vec<Effect>,
    /// Whether somebody may run it again, or discard it.
    pub(super) may_replay: bool,
    pub(super) may_discard: bool,
}

/// The replay that made a delivery.
pub(super) struct LaneCause {
    pub(super) replay: String,
    pub(super) path: String,
    /// Of which delivery, and on which revision.
    pub(super) more: String,
}

/// An attempt at a delivery.
pub(super) struct Attempt {
    pub(super) title: String,
    pub(super) outcome: StateTag,
    pub(super) started: TimeTag,
    pub(super) took: String,
    pub(super) memory: String,
    pub(super) revision: String,
    /// Why it is not done: whose failure it was, and in whose words.
    pub(super) cause: Option<&'static str>,
    pub(super) reason: Option<String>,
    pub(super) logs: Vec<String>,
    pub(super) logs_title: String,
}

/// An effect.
pub(super) struct Effect {
    pub(super) kind: String,
    pub(super) summary: String,
    /// The page of the event that it emitted.
    pub(super) emitted: Option<String>,
    pub(super) state: StateTag,
    pub(super) due: Option<TimeTag>,
    pub(super) attempts: Vec<EffectAttempt>,
    pub(super) request: String,
}

/// An attempt at an effect.
pub(super) struct EffectAttempt {
    pub(super) outcome: StateTag,
    pub(super) started: TimeTag,
    pub(super) took: String,
    pub(super) detail: String,
}

/// What is wrong with an event, and what to do.
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) reason: Option<String>,
    pub(super) help: Option<&'static str>,
    pub(super) is_dead: bool,
}

/// What is wrong: the first dead letter that is not resolved, or else the first delivery that failed and tries again.
pub(super) fn find_wrong(deliveries: &[DeliveryView], w: EventWords) -> Option<Wrong> {
    let reason = |delivery: &DeliveryView| delivery.attempts.last().and_then(|last| last.reason.clone());
    let is_dead = |delivery: &&DeliveryView| delivery.state == State::Dead && delivery.resolution.is_none();
    if let Some(dead) = deliveries.iter().find(is_dead) {
        let what = w.wrong_dead(&dead.plugin);
        return Some(Wrong { what, reason: reason(dead), help: Some(w.wrong_dead_help()), is_dead: true });
    }
    let waiting = deliveries
        .iter()
        .find(|delivery| delivery.state == State::Waiting && !delivery.attempts.is_empty())?;
    let what = w.wrong_waiting(&waiting.plugin);
    Some(Wrong { what, reason: reason(waiting), help: None, is_dead: false })
}

/// A delivery's story.
pub(super) fn lane(delivery: DeliveryView, shell: &Shell, w: EventWords) -> Lane {
    let time = |at| TimeTag { at, now: shell.now, language: shell.language };
    let cause = delivery.cause.map(|cause| {
        let of = cause.of.map(|of| format!(" {}", w.replayed_of(of)));
        let on = cause.revision.map(|digits| format!(" {}", w.on_revision(revision_digits(&digits))));
        LaneCause {
            replay: w.replayed(cause.replay),
            path: replays::path_of(cause.replay),
            more: format!("{}{}", of.unwrap_or_default(), on.unwrap_or_default()),
        }
    });
    let is_open = !matches!(delivery.state, State::Done | State::Dead);
    let is_unresolved = delivery.state == State::Dead && delivery.resolution.is_none();
    Lane {
        state: states::of_delivery(delivery.state, delivery.resolution, shell.language),
        hold: delivery.held_because.map(|reason| states::describe_hold(reason, w)),
        blocked_by: delivery.blocked_by.map(|id| id.to_string()),
        cause,
        due: delivery.due_at.map(time),
        attempts: delivery.attempts.into_iter().map(|of| attempt(of, shell, w)).collect(),
        effects: delivery.effects.into_iter().map(|of| effect(of, &delivery.plugin, shell, w)).collect(),
        may_replay: is_unresolved && shell.may_operate(),
        may_discard: (is_unresolved || (is_open && delivery.state != State::Running)) && shell.may_operate(),
        id: delivery.id,
        plugin: delivery.plugin,
    }
}

fn attempt(attempt: AttemptView, shell: &Shell, w: EventWords) -> Attempt {
    let (tone, word) = match attempt.outcome {
        Outcome::Done => (Tone::Done, w.outcome_done()),
        Outcome::Retry => (Tone::Waiting, w.outcome_retry()),
        Outcome::Rejected => (Tone::Dead, w.outcome_rejected()),
    };
    let cause = attempt.cause.map(|cause| match cause {
        Cause::Handler => w.cause_handler(),
        Cause::Trap => w.cause_trap(),
        Cause::Timeout => w.cause_timeout(),
        Cause::Payload => w.cause_payload(),
        Cause::Host => w.cause_host(),
        Cause::Crash => w.cause_crash(),
    });
    Attempt {
        title: w.attempt(attempt.number),
        outcome: StateTag { tone, word },
        started: TimeTag { at: attempt.started_at, now: shell.now, language: shell.language },
        took: w.took(short_duration(shell.language, attempt.duration_us)),
        memory: w.memory(bytes(shell.language, attempt.peak_memory_bytes)),
        revision: revision_digits(&attempt.revision).to_owned(),
        cause,
        reason: attempt.reason,
        logs_title: w.logs(attempt.logs.len() as u64),
        logs: attempt.logs,
    }
}

fn effect(effect: EffectView, plugin: &str, shell: &Shell, w: EventWords) -> Effect {
    let time = |at| TimeTag { at, now: shell.now, language: shell.language };
    let attempts = effect.attempts.into_iter().map(|attempt| {
        let (tone, word) = match attempt.outcome {
            EffectOutcome::Done => (Tone::Done, w.effect_done()),
            EffectOutcome::Retry => (Tone::Waiting, w.effect_retry()),
            EffectOutcome::Refused => (Tone::Dead, w.effect_refused()),
            EffectOutcome::Crash => (Tone::Dead, w.effect_crash()),
        };
        EffectAttempt {
            outcome: StateTag { tone, word },
            started: time(attempt.started_at),
            took: w.took(short_duration(shell.language, attempt.duration_us)),
            detail: attempt.detail,
        }
    });
    // An emitted event has the key of its effect as its id, and is stored once the effect is done.
    let is_emitted = effect.kind == "event" && effect.state == State::Done;
    Effect {
        emitted: is_emitted.then(|| events::path_of(&format!("{EMITTED_PREFIX}{plugin}"), &effect.key)),
        state: states::of_effect(effect.state, shell.language),
        due: effect.due_at.map(time),
        attempts: attempts.collect(),
        request: serde_json::to_string_pretty(&effect.request).unwrap_or_default(),
        kind: effect.kind,
        summary: effect.summary,
    }
}
