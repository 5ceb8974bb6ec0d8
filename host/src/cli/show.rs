//! Formats an event for people: its deliveries, their attempts and effects, and the plugins' log
//! lines.

use std::fmt::Write as _;

use super::send::replay_command;
use super::{json_text, out, visible};
use crate::admin::api::{
    AttemptView, CauseView, DeliveryView, EffectAttemptView, EffectView, EventView, ReplayedView,
};
use crate::delivery::{DeliveryId, HoldReason, Resolution, State};

/// Formats an event with all its deliveries.
#[must_use]
pub(super) fn format_event(event: &EventView) -> String {
    let EventView { source, id, event_type, state, created, .. } = event;
    let (source, id) = (out::escape(source), out::escape(id));
    let (event_type, created) = (out::escape(event_type), out::escape(created));
    let received = out::format_time(event.received_at);
    let mut text = format!(
        "event     {id}\nsource    {source}\ntype      {event_type}\nstate     {state}\n\
         created   {created}\nreceived  {received}\n"
    );
    if let Some(content_type) = &event.content_type {
        let _ = writeln!(text, "content   {}", out::escape(content_type));
    }
    if let Some(at) = event.erased_at {
        let _ = writeln!(text, "erased    {}", out::format_time(at));
    }
    if let Some(CauseView { source, id, plugin, .. }) = &event.cause {
        let what = plugin.as_ref().map_or_else(|| "edited from".into(), |plugin| format!("{plugin} on"));
        let _ = writeln!(text, "cause     {what} {} of {}", out::escape(id), out::escape(source));
    }
    if !event.edits.is_empty() {
        let edits: Vec<_> = event.edits.iter().map(|id| out::escape(id)).collect();
        let _ = writeln!(text, "edited    {}", edits.join(", "));
    }
    if event.deliveries.is_empty() {
        let _ = writeln!(text, "\nNo plugin handles it. When one does: {}", replay_command(&event.id));
    }
    for delivery in &event.deliveries {
        text.push('\n');
        text.push_str(&format_delivery(delivery));
    }
    for conflict in &event.conflicts {
        let (received, bytes) = (out::format_time(conflict.received_at), conflict.body.len() as u64);
        let _ = writeln!(
            text,
            "\nconflict: another payload came with this id, {}, {received}",
            out::format_size(bytes)
        );
    }
    if !event.conflicts.is_empty() {
        text.push_str("  it is kept apart and nothing runs; --json shows it\n");
    }
    if !event.attributes.is_empty() {
        text.push_str("\nattributes:\n");
        for (name, value) in &event.attributes {
            let _ = writeln!(text, "  {}: {}", out::escape(name), out::escape(value));
        }
    }
    if let Some(payload) = &event.payload {
        let masked = match event.masked.as_slice() {
            [] => String::new(),
            masked => format!(" (--unmasked shows {} too)", masked.join(", ")),
        };
        let json = json_text::format(payload.get(), "  ");
        let _ = writeln!(text, "\npayload{masked}:\n{}", visible::escape_json(&json));
    }
    text
}

/// Formats a delivery with its attempts and effects.
#[must_use]
pub(super) fn format_delivery(delivery: &DeliveryView) -> String {
    let mut text = format!(
        "{}: {}",
        delivery.plugin,
        format_state(delivery.state, delivery.held_because, delivery.blocked_by)
    );
    match delivery.resolution {
        Some(Resolution::Replayed) => text.push_str(", replayed"),
        Some(Resolution::Discarded) => text.push_str(", discarded"),
        None => {}
    }
    if let Some(ReplayedView { replay, of, revision }) = &delivery.cause {
        let on = revision.as_ref().map(|of| format!(" on revision {}", out::shorten_digest(of)));
        let by = format!("by replay {replay}{}", on.unwrap_or_default());
        let _ = match of {
            Some(of) => write!(text, ", runs {of} again {by}"),
            None => write!(text, ", {by}"),
        };
    }
    if let Some(next) = delivery.due_at {
        let _ = write!(text, ", next attempt {}", out::format_time(next));
    }
    text.push('\n');
    for attempt in &delivery.attempts {
        write_attempt(&mut text, attempt);
    }
    for effect in &delivery.effects {
        write_effect(&mut text, effect);
    }
    text
}

/// Writes a line for an effect, and one for each attempt.
pub(super) fn write_effect(text: &mut String, effect: &EffectView) {
    let _ = write!(
        text,
        "  effect: {}, {}",
        out::escape(&effect.summary),
        format_state(effect.state, None, None)
    );
    if let Some(next) = effect.due_at {
        let _ = write!(text, ", next attempt {}", out::format_time(next));
    }
    text.push('\n');
    for attempt in &effect.attempts {
        let EffectAttemptView { number, duration_us, detail, started_at, .. } = attempt;
        let (took, at) = (out::format_duration(*duration_us), out::format_time(*started_at));
        let _ = writeln!(text, "    attempt {number}: {} in {took}, {at}", out::escape(detail));
    }
}

fn write_attempt(text: &mut String, attempt: &AttemptView) {
    let AttemptView { number, duration_us, peak_memory_bytes, revision, .. } = attempt;
    let _ = writeln!(
        text,
        "  attempt {number}: {} in {}, {}, revision {}, {}",
        attempt.outcome.as_str(),
        out::format_duration(*duration_us),
        out::format_size(*peak_memory_bytes),
        out::shorten_digest(revision),
        out::format_time(attempt.started_at),
    );
    if let Some(reason) = &attempt.reason {
        let _ = writeln!(text, "    ! {}", visible::escape_continued(reason, "    ! "));
    }
    for log in &attempt.logs {
        let _ = writeln!(text, "    | {}", visible::escape_continued(log, "    |   "));
    }
}

/// The state of a delivery, with the reason why it is held.
#[must_use]
pub(super) fn format_state(
    state: State,
    because: Option<HoldReason>,
    blocked_by: Option<DeliveryId>,
) -> String {
    let word = match state {
        State::Pending => "pending",
        State::Running => "running",
        State::Waiting => "waiting",
        State::Held => "held",
        State::Done => "done",
        State::Dead => "dead",
    };
    if let Some(first) = blocked_by {
        return format!("{word} (behind {first})");
    }
    match because {
        None => word.into(),
        Some(because) => format!("{word} ({})", describe_hold(because)),
    }
}

fn describe_hold(because: HoldReason) -> &'static str {
    match because {
        HoldReason::Absent => "its plugin is not there",
        HoldReason::Paused => "its plugin is paused",
        HoldReason::SwitchedOff => "switched off",
        HoldReason::Breaker => "its plugin failed too often of late",
        HoldReason::Unmatched => "not matched yet",
        HoldReason::Order => "an earlier one of its ordering key is open",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_an_event_with_attempts_effects_and_conflicts() {
        let json = serde_json::json!({
            "source": "moncreneau", "id": "evt_1", "type": "appointment.created",
            "state": "dead", "created": "2026-01-21T14:30:00Z", "received_at": 1_769_005_800_000_u64,
            "body_bytes": 2, "ordering_key": null, "payload": { "id": 7, "phone": "[masked]" },
            "masked": ["/data/object/phone"],
            "cause": { "source": "moncreneau", "id": "evt_0", "plugin": "invoice", "depth": 1 },
            "conflicts": [{ "digest": "01", "received_at": 0, "body": "{}" }],
            "deliveries": [{ "id": "1-1", "plugin": "desk", "state": "dead", "attempts": [{
                "number": 1, "outcome": "rejected", "cause": "handler",
                "reason": "no such\u{1b}[31m office", "started_at": 1_769_005_800_001_u64,
                "duration_us": 1234, "revision": "0123456789abcdef", "peak_memory_bytes": 1_114_112,
                "logs": ["INFO Bonjour"],
            }], "effects": [{
                "key": "k.1", "kind": "http", "state": "waiting", "due_at": 1_769_005_800_000_u64,
                "summary": "POST https://sms.example.gn/send", "request": {}, "attempts": [{
                    "number": 1, "outcome": "retry", "started_at": 1_769_005_800_001_u64,
                    "duration_us": 1234, "detail": "503 Service Unavailable",
                }],
            }] }],
        });
        let text = format_event(&serde_json::from_value(json).unwrap());
        let expected = "\ndesk: dead\n  attempt 1: rejected in 1.23 ms, 1.1 MiB, revision \
                        0123456789ab, 2026-01-21T14:30:00.001Z\n    ! no such\\u{1b}[31m office\n    \
                        | INFO Bonjour\n  effect: POST https://sms.example.gn/send, waiting, next attempt \
                        2026-01-21T14:30:00.000Z\n    attempt 1: 503 Service Unavailable in 1.23 ms, \
                        2026-01-21T14:30:00.001Z\n";
        assert!(text.starts_with("event     evt_1\nsource    moncreneau\n"), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("\ncause     invoice on evt_0 of moncreneau\n"), "{text}");
        assert!(text.contains("\nconflict: another payload came with this id, 2 B, 1970-"), "{text}");
        let expected = "\npayload (--unmasked shows /data/object/phone too):\n  {\n    \"id\": 7,\n    \"phone\": \
                        \"[masked]\"\n  }\n";
        assert!(text.ends_with(expected), "{text}");
    }
}
