//! Filters of bulk decisions as the log records them: long lists cut, and personal values left out.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::LISTED_MAX;
use crate::effect;
use crate::event::Digest;
use crate::replay::{self, Selection};

static NOTHING: LazyLock<Selection> = LazyLock::new(Selection::default);

/// A selection of events or deliveries: only its conditions.
#[must_use]
pub fn describe_selection(selection: &Selection) -> Value {
    let mut shown = Map::new();
    let Selection {
        events,
        deliveries,
        event_type,
        source,
        plugin,
        since,
        until,
        reason,
        whole_reason,
        unhandled,
        replay,
        failed_on,
        keys,
    } = selection;
    add_list(&mut shown, "events", events.as_deref());
    add_list(&mut shown, "deliveries", deliveries.as_deref());
    add(&mut shown, "type", event_type.as_deref().map(name_or_digest).as_ref());
    add(&mut shown, "source", source.as_deref().map(name_or_digest).as_ref());
    add(&mut shown, "plugin", plugin.as_deref().map(name_or_digest).as_ref());
    add(&mut shown, "since", since.as_ref());
    add(&mut shown, "until", until.as_ref());
    add(&mut shown, "reason", reason.as_deref().map(digest_of).as_ref());
    add(&mut shown, "whole_reason", whole_reason.then_some(&true));
    add(&mut shown, "unhandled", unhandled.then_some(&true));
    add(&mut shown, "replay", replay.as_ref());
    add(&mut shown, "failed_on", failed_on.as_ref());
    add_keys(&mut shown, keys.as_deref());
    if *selection == *NOTHING {
        shown.insert("all".into(), true.into());
    }
    shown.into()
}

/// The request of a replay.
#[must_use]
pub fn describe_replay(request: &replay::Request) -> Value {
    let replay::Request { of, action, selection, to, again, revision, dry_run } = request;
    let mut shown = json!({
        "of": of, "action": action, "filter": describe_selection(selection), "to": to, "again": again,
        "dry_run": dry_run,
    });
    if let (Some(shown), Some(revision)) = (shown.as_object_mut(), revision) {
        shown.insert("revision".into(), revision.to_string().into());
    }
    shown
}

/// A selection of dead effects.
#[must_use]
pub fn describe_effects(selection: &effect::Selection) -> Value {
    let mut shown = Map::new();
    let effect::Selection { keys, plugin } = selection;
    add_keys(&mut shown, keys.as_deref());
    add(&mut shown, "plugin", plugin.as_deref().map(name_or_digest).as_ref());
    if keys.is_none() && plugin.is_none() {
        shown.insert("all".into(), true.into());
    }
    shown.into()
}

fn add<T: Serialize>(shown: &mut Map<String, Value>, name: &str, value: Option<&T>) {
    if let Some(value) = value.and_then(|value| serde_json::to_value(value).ok()) {
        shown.insert(name.into(), value);
    }
}

/// Keys of effects.
fn add_keys(shown: &mut Map<String, Value>, keys: Option<&[String]>) {
    let keys: Option<Vec<_>> = keys.map(|keys| keys.iter().map(|key| name_or_digest(key)).collect());
    add_list(shown, "keys", keys.as_deref());
}

fn add_list<T: Serialize>(shown: &mut Map<String, Value>, name: &str, list: Option<&[T]>) {
    let Some(list) = list else { return };
    let first = list.get(..LISTED_MAX.min(list.len())).unwrap_or_default();
    add(shown, name, Some(&first));
    if first.len() < list.len() {
        shown.insert(format!("{name}_count"), list.len().into());
        let all = serde_json::to_string(list).unwrap_or_default();
        shown.insert(format!("{name}_sha256"), Digest::of(all.as_bytes()).to_string().into());
    }
}

/// The longest name that is recorded.
const NAME_MAX_BYTES: usize = 128;

/// A name as it is, and any other text by its length and digest: it may be a personal value.
fn name_or_digest(text: &str) -> Value {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.*/:".contains(c);
    let is_name = text.len() <= NAME_MAX_BYTES && text.chars().all(is_of_name);
    if is_name { text.into() } else { digest_of(text) }
}

/// A free text, which may be a reason that a plugin gave, with personal values in it: only its length and digest.
fn digest_of(text: &str) -> Value {
    json!({ "bytes": text.len(), "sha256": Digest::of(text.as_bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_shows_its_conditions_only() {
        let some = Selection { plugin: Some("p".into()), since: Some(5), ..Selection::default() };
        assert_eq!(describe_selection(&some), json!({ "plugin": "p", "since": 5 }));
        assert_eq!(describe_selection(&Selection::default()), json!({ "all": true }));
        let many = Selection { events: Some((0..1000).collect()), ..Selection::default() };
        let shown = describe_selection(&many);
        assert!(shown["events_sha256"].is_string(), "{shown}");
        assert_eq!(
            (shown["events"].as_array().unwrap().len(), &shown["events_count"]),
            (LISTED_MAX, &json!(1000))
        );
    }

    #[test]
    fn free_texts_are_recorded_by_their_digests() {
        for text in
            ["no office for +224622000001", "622 00 00 01", "622.00.00.01", "622-00-00-01", "Awa Diallo"]
        {
            let selection = Selection { reason: Some(text.into()), ..Selection::default() };
            let shown = describe_selection(&selection);
            let digest = Digest::of(text.as_bytes());
            assert_eq!(shown, json!({ "reason": { "bytes": text.len(), "sha256": digest } }));
        }
        let named = |plugin: &str| Selection { plugin: Some(plugin.into()), ..Selection::default() };
        assert_eq!(describe_selection(&named("confirmation-sms")), json!({ "plugin": "confirmation-sms" }));
        assert!(describe_selection(&named("+224 622 00 00 01"))["plugin"]["sha256"].is_string());
    }
}
