//! Filters of bulk decisions as the log records them: long lists cut, and personal values left out.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::effect;
use crate::replay::{self, Selection};

/// Ids of a list that are recorded; of the others, the number is.
const LISTED_MAX: usize = 20;
/// Digits in a row that are left out of a text: a phone number has more.
const DIGITS_MAX: usize = 4;

static NOTHING: LazyLock<Selection> = LazyLock::new(Selection::default);

/// A selection of events or deliveries: only its conditions.
#[must_use]
pub fn describe_selection(selection: &Selection) -> Value {
    let mut shown = Map::new();
    let Selection { events, deliveries, event_type, source, plugin, since, until, reason, unhandled } =
        selection;
    add_list(&mut shown, "events", events.as_deref());
    add_list(&mut shown, "deliveries", deliveries.as_deref());
    add(&mut shown, "type", event_type.as_ref());
    add(&mut shown, "source", source.as_ref());
    add(&mut shown, "plugin", plugin.as_ref());
    add(&mut shown, "since", since.as_ref());
    add(&mut shown, "until", until.as_ref());
    add(&mut shown, "reason", reason.as_deref().map(without_values).as_ref());
    add(&mut shown, "unhandled", unhandled.then_some(&true));
    if *selection == *NOTHING {
        shown.insert("all".into(), true.into());
    }
    shown.into()
}

/// The request of a replay.
#[must_use]
pub fn describe_replay(request: &replay::Request) -> Value {
    let replay::Request { of, action, selection, to, again, dry_run } = request;
    json!({
        "of": of, "action": action, "filter": describe_selection(selection), "to": to, "again": again,
        "dry_run": dry_run,
    })
}

/// A selection of dead effects.
#[must_use]
pub fn describe_effects(selection: &effect::Selection) -> Value {
    let mut shown = Map::new();
    let effect::Selection { keys, plugin } = selection;
    add_list(&mut shown, "keys", keys.as_deref());
    add(&mut shown, "plugin", plugin.as_ref());
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

fn add_list<T: Serialize>(shown: &mut Map<String, Value>, name: &str, list: Option<&[T]>) {
    let Some(list) = list else { return };
    let first = list.get(..LISTED_MAX.min(list.len())).unwrap_or_default();
    add(shown, name, Some(&first));
    if first.len() < list.len() {
        shown.insert(format!("{name}_count"), list.len().into());
    }
}

/// A text without words that look like a phone number or an address of email. A reason that operators look for may be
/// one that a plugin gave, with a value of the payload in it.
fn without_values(text: &str) -> String {
    let is_value =
        |word: &str| word.contains('@') || word.chars().filter(char::is_ascii_digit).count() >= DIGITS_MAX;
    let words = text.split(' ').map(|word| if is_value(word) { "[masked]" } else { word });
    words.collect::<Vec<_>>().join(" ")
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
        assert_eq!((shown["events"].as_array().unwrap().len(), &shown["events_count"]), (20, &json!(1000)));
    }

    #[test]
    fn texts_are_recorded_without_values() {
        for (text, shown) in [
            ("no office for +224622000001", "no office for [masked]"),
            ("mail to awa@example.gn failed: 550", "mail to [masked] failed: 550"),
            ("no connection", "no connection"),
        ] {
            assert_eq!(without_values(text), shown);
        }
    }
}
