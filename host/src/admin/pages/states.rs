//! How states of events, deliveries and effects are shown.

use super::language::Language;
use super::ui::{StateTag, Tone};
use super::words::{EventWords, StateWords};
use crate::admin::api::{EventState, Plugin, PluginState};
use crate::delivery::{HoldReason, Resolution, State};

/// The state of an event.
pub(super) fn of_event(state: EventState, language: Language) -> StateTag {
    let w = StateWords(language);
    let (tone, word) = match state {
        EventState::Running => (Tone::Waiting, w.running()),
        EventState::Pending => (Tone::Waiting, w.pending()),
        EventState::Waiting => (Tone::Waiting, w.waiting()),
        EventState::Held => (Tone::Held, w.held()),
        EventState::Dead => (Tone::Dead, w.dead()),
        EventState::Done => (Tone::Done, w.done()),
        EventState::Unhandled => (Tone::Quiet, w.unhandled()),
    };
    StateTag { tone, word }
}

/// The state of a plugin.
pub(super) fn of_plugin(plugin: &Plugin, language: Language) -> StateTag {
    let w = StateWords(language);
    let (tone, word) = match plugin.state {
        _ if plugin.paused_at.is_some() => (Tone::Held, w.plugin_paused()),
        _ if plugin.breaker_until.is_some() => (Tone::Dead, w.plugin_broken()),
        PluginState::Running => (Tone::Done, w.plugin_running()),
        PluginState::Refused => (Tone::Dead, w.plugin_refused()),
        PluginState::Loading => (Tone::Waiting, w.plugin_loading()),
        PluginState::Waiting => (Tone::Held, w.plugin_waiting()),
    };
    StateTag { tone, word }
}

/// The state of a delivery.
pub(super) fn of_delivery(state: State, resolution: Option<Resolution>, language: Language) -> StateTag {
    let (w, of_event) = (StateWords(language), EventWords(language));
    let (tone, word) = match (state, resolution) {
        (_, Some(Resolution::Replayed)) => (Tone::Quiet, of_event.resolved_replayed()),
        (_, Some(Resolution::Discarded)) => (Tone::Quiet, of_event.resolved_discarded()),
        (State::Running, _) => (Tone::Waiting, w.running()),
        (State::Pending, _) => (Tone::Waiting, w.pending()),
        (State::Waiting, _) => (Tone::Waiting, w.waiting()),
        (State::Held, _) => (Tone::Held, w.held()),
        (State::Dead, _) => (Tone::Dead, w.dead()),
        (State::Done, _) => (Tone::Done, w.done()),
    };
    StateTag { tone, word }
}

/// The state of an effect.
pub(super) fn of_effect(state: State, language: Language) -> StateTag {
    let w = StateWords(language);
    let (tone, word) = match state {
        State::Done => (Tone::Done, EventWords(language).effect_done()),
        State::Dead => (Tone::Dead, w.dead()),
        State::Pending | State::Running | State::Waiting | State::Held => (Tone::Waiting, w.waiting()),
    };
    StateTag { tone, word }
}

/// What a held delivery waits for.
pub(super) fn describe_hold(reason: HoldReason, w: EventWords) -> &'static str {
    match reason {
        HoldReason::Absent => w.held_absent(),
        HoldReason::Paused => w.held_paused(),
        HoldReason::SwitchedOff => w.held_switched_off(),
        HoldReason::Breaker => w.held_breaker(),
        HoldReason::Unmatched => w.held_unmatched(),
        HoldReason::Order => w.held_order(),
    }
}

/// The words of a state in an address, and how the pages call it.
pub(super) fn event_states(language: Language) -> [(&'static str, &'static str); 7] {
    let w = StateWords(language);
    [
        ("running", w.running()),
        ("pending", w.pending()),
        ("waiting", w.waiting()),
        ("held", w.held()),
        ("dead", w.dead()),
        ("done", w.done()),
        ("unhandled", w.unhandled()),
    ]
}
