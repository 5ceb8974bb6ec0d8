//! JSON text taken apart: what kind of value it is, its keys, its items.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::plan::Plan;
use super::{Misfit, Room};

/// A JSON string's characters.
pub(super) fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// A JSON string's characters or a number's digits.
pub(super) fn scalar(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        Some(Cow::Borrowed(json))
    } else {
        string(json)
    }
}

/// What a string field takes: a string, a number's digits, a bool's name, or compound JSON as text.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with(['{', '[', 't', 'f']) { Some(Cow::Borrowed(json)) } else { scalar(json) }
}

/// A JSON value's type and, where it is short, the value.
pub(super) fn found(json: &str) -> String {
    const SHOWN_MAX_BYTES: usize = 40;
    let kind = match json.as_bytes().first() {
        Some(b'{') => return "an object".into(),
        Some(b'[') => return "an array".into(),
        Some(b'n') => return "null".into(),
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        _ => "number",
    };
    if json.len() <= SHOWN_MAX_BYTES {
        format!("{kind} {json}")
    } else {
        format!("a {kind} of {} bytes", json.len())
    }
}

/// `department-id` as the sender writes it.
pub(super) fn camel(wit: &str) -> String {
    let mut upper = false;
    let mut name = String::with_capacity(wit.len());
    for c in wit.chars() {
        match c {
            '-' => upper = true,
            c if std::mem::take(&mut upper) => name.push(c.to_ascii_uppercase()),
            c => name.push(c),
        }
    }
    name
}

/// Whether a key is spelled as the sender spells this field: `departmentId` for `department-id`.
pub(super) fn has_sent_name(key: &str, wit: &str) -> bool {
    let mut upper = false;
    let mut key = key.chars();
    for c in wit.chars() {
        let wanted = match c {
            '-' => {
                upper = true;
                continue;
            }
            c if std::mem::take(&mut upper) => c.to_ascii_uppercase(),
            c => c,
        };
        if key.next() != Some(wanted) {
            return false;
        }
    }
    key.next().is_none()
}

/// A key as a part of a path.
pub(super) fn as_sent_name(key: &str) -> String {
    const SHOWN_MAX_CHARS: usize = 64;
    match key.char_indices().nth(SHOWN_MAX_CHARS) {
        Some((end, _)) => format!(".{}…", &key[..end]),
        None => format!(".{key}"),
    }
}

/// Calls `each` for every key of a JSON object.
pub(super) fn entries(
    json: &str,
    plan: &Plan,
    each: impl FnMut(&str, &str) -> Result<(), Misfit>,
) -> Result<(), Misfit> {
    if !json.starts_with('{') {
        return Err(Misfit::new(plan.type_name(), found(json)));
    }
    let mut parser = serde_json::Deserializer::from_str(json);
    let read = parser.deserialize_map(Entries(each));
    read.unwrap_or_else(|error| Err(Misfit::new(plan.type_name(), error.to_string())))
}

struct Entries<F>(F);

impl<'de, F: FnMut(&str, &str) -> Result<(), Misfit>> Visitor<'de> for Entries<F> {
    type Value = Result<(), Misfit>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut result = Ok(());
        // Read to the end even after a misfit: serde wants the whole map.
        while let Some((key, json)) = map.next_entry::<Key<'de>, &RawValue>()? {
            if result.is_ok() {
                result = (self.0)(&key.0, json.get());
            }
        }
        Ok(result)
    }
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// What an item takes while its list is read, which doubles while it grows.
const ITEM_BYTES: usize = 3 * size_of::<&RawValue>();

/// The values of a JSON array.
pub(super) fn items<'j>(json: &'j str, plan: &Plan, room: &Room) -> Result<Vec<&'j RawValue>, Misfit> {
    if !json.starts_with('[') {
        return Err(Misfit::new(plan.type_name(), found(json)));
    }
    let mut parser = serde_json::Deserializer::from_str(json);
    let items = parser.deserialize_seq(Items(room));
    let items = items.map_err(|error| Misfit::new(plan.type_name(), error.to_string()))??;
    // They go as soon as they are read.
    room.give_back(items.len() * ITEM_BYTES);
    Ok(items)
}

struct Items<'r>(&'r Room);

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Result<Vec<&'de RawValue>, Misfit>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        let mut result = Ok(());
        // Read to the end even where there is no room for more: serde wants the whole list.
        while let Some(item) = seq.next_element()? {
            if result.is_ok() {
                items.push(item);
                result = self.0.take(ITEM_BYTES);
            }
        }
        Ok(result.map(|()| items))
    }
}
