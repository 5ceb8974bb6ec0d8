//! From JSON text to a guest's value, along the plan of its type.
//!
//! Keys match fields by [`same_name`]; a missing or null key is `none`; numbers and numeric strings
//! become each other; compound JSON in a string field stays JSON text; an unknown name becomes the
//! case `other(string)` of a variant that has one. Unknown keys are ignored; of a repeated key the
//! last counts. What does not fit is an error that names the path and both types.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::plan::{Field, Int, Plan, Variant, same_name};

/// A place where JSON and the handler's type differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// From the innermost outwards while it is built: `.name`, `[3]`.
    path: Vec<String>,
    expected: String,
    found: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payload")?;
        self.path.iter().rev().try_for_each(|part| f.write_str(part))?;
        write!(f, ": expected {}, found {}", self.expected, self.found)
    }
}

impl Misfit {
    fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { path: Vec::new(), expected: expected.into(), found: found.into() }
    }

    fn within(mut self, part: impl Into<String>) -> Self {
        self.path.push(part.into());
        self
    }
}

/// Most values that one payload may become: some 100 MB in the host at the worst. A type with many optional
/// fields makes hundreds of bytes of two in the body, so the body's size is no limit for it.
const VALUES_MAX: usize = 1_000_000;

/// How many more values may be made.
struct Room(Cell<usize>);

impl Room {
    fn take(&self, values: usize) -> Result<(), Misfit> {
        let left = self
            .0
            .get()
            .checked_sub(values)
            .ok_or_else(|| Misfit::new(format!("at most {VALUES_MAX} values in all"), "more"))?;
        self.0.set(left);
        Ok(())
    }
}

/// Reads a JSON text.
pub(super) fn decode(plan: &Plan, json: &[u8]) -> Result<Val, Misfit> {
    let raw: &RawValue =
        serde_json::from_slice(json).map_err(|error| Misfit::new("JSON", error.to_string()))?;
    value(plan, raw.get(), &Room(Cell::new(VALUES_MAX)))
}

fn value(plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let misfit = || Misfit::new(plan.type_name(), found(json));
    Ok(match plan {
        Plan::Option(_) if json == "null" => Val::Option(None),
        Plan::Option(inner) => Val::Option(Some(Box::new(value(inner, json, room)?))),
        Plan::String => Val::String(text(json).ok_or_else(misfit)?.into_owned()),
        Plan::Bool => Val::Bool(json.parse().map_err(|_| misfit())?),
        Plan::Int(int) => number(*int, scalar(json).ok_or_else(misfit)?.as_ref()).ok_or_else(misfit)?,
        Plan::Float32 => Val::Float32(scalar(json).and_then(|s| s.parse().ok()).ok_or_else(misfit)?),
        Plan::Float64 => Val::Float64(scalar(json).and_then(|s| s.parse().ok()).ok_or_else(misfit)?),
        Plan::Char => Val::Char(string(json).and_then(|s| s.parse().ok()).ok_or_else(misfit)?),
        Plan::List(item) => Val::List(items(json, plan, room, |_| Some(item))?),
        Plan::Tuple(parts) => {
            let values = items(json, plan, room, |i| parts.get(i))?;
            if values.len() != parts.len() {
                return Err(misfit());
            }
            Val::Tuple(values)
        }
        Plan::Map(inner) => map(inner, plan, json, room)?,
        Plan::Record(fields) => record(fields, plan, json, room)?,
        Plan::Variant(cases) => variant(cases, plan, json, room)?,
        Plan::Enum(names) => {
            Val::Enum(named(names, &string(json).ok_or_else(misfit)?).ok_or_else(misfit)?.clone())
        }
        Plan::Flags(names) => {
            let given = items(json, plan, room, |_| Some(&Plan::String))?;
            let names = given.iter().map(|flag| match flag {
                Val::String(flag) => named(names, flag).cloned().ok_or_else(misfit),
                _ => Err(misfit()),
            });
            Val::Flags(names.collect::<Result<_, _>>()?)
        }
    })
}

fn record(fields: &[Field], plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    room.take(fields.len())?;
    let mut values: Vec<Option<Val>> = vec![None; fields.len()];
    let mut next = 0;
    entries(json, plan, |key, json| {
        // Senders mostly keep to one order, and types mostly follow it: the next field is most likely
        // the next key's.
        let is_keys = |field: &Field| same_name(key, &field.name);
        let guessed = fields.get(next).is_some_and(is_keys).then_some(next);
        let Some(at) = guessed.or_else(|| fields.iter().position(is_keys)) else { return Ok(()) };
        next = at + 1;
        values[at] =
            Some(value(&fields[at].plan, json, room).map_err(|misfit| misfit.within(format!(".{key}")))?);
        Ok(())
    })?;
    let filled = fields.iter().zip(values).map(|(field, value)| {
        let value = match (value, &field.plan) {
            (Some(value), _) => value,
            (None, Plan::Option(_)) => Val::Option(None),
            (None, plan) => {
                return Err(
                    Misfit::new(plan.type_name(), "nothing").within(format!(".{}", camel(&field.name)))
                );
            }
        };
        Ok((field.name.clone(), value))
    });
    Ok(Val::Record(filled.collect::<Result<_, _>>()?))
}

fn map(inner: &Plan, plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let mut pairs = Vec::new();
    entries(json, plan, |key, json| {
        // A tuple, its key and its value.
        room.take(3)?;
        let item = value(inner, json, room).map_err(|misfit| misfit.within(format!(".{key}")))?;
        pairs.push(Val::Tuple(vec![Val::String(key.to_owned()), item]));
        Ok(())
    })?;
    Ok(Val::List(pairs))
}

/// A name alone is a case without a payload; `{"case": payload}` is one with.
fn variant(variant: &Variant, plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let misfit = || Misfit::new(plan.type_name(), found(json));
    if let Some(name) = scalar(json) {
        let case = variant.cases.iter().find(|(case, payload)| payload.is_none() && same_name(&name, case));
        return match case {
            Some((case, _)) => Ok(Val::Variant(case.clone(), None)),
            None if variant.has_other => {
                Ok(Val::Variant("other".into(), Some(Box::new(Val::String(name.into_owned())))))
            }
            None => Err(misfit()),
        };
    }
    let mut chosen = None;
    entries(json, plan, |key, json| {
        let case = variant.cases.iter().find(|(case, payload)| payload.is_some() && same_name(key, case));
        if let Some((case, Some(payload))) = case {
            let payload = value(payload, json, room).map_err(|misfit| misfit.within(format!(".{key}")))?;
            chosen = Some(Val::Variant(case.clone(), Some(Box::new(payload))));
        }
        Ok(())
    })?;
    chosen.ok_or_else(misfit)
}

fn number(int: Int, text: &str) -> Option<Val> {
    // `30.0` is a whole number too; past 2^53 a float no longer tells which.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = text.parse::<i128>().ok().or_else(|| {
        let float = text.parse::<f64>().ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, as just checked")]
        (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i128)
    })?;
    Some(match int {
        Int::U8 => Val::U8(whole.try_into().ok()?),
        Int::U16 => Val::U16(whole.try_into().ok()?),
        Int::U32 => Val::U32(whole.try_into().ok()?),
        Int::U64 => Val::U64(whole.try_into().ok()?),
        Int::S8 => Val::S8(whole.try_into().ok()?),
        Int::S16 => Val::S16(whole.try_into().ok()?),
        Int::S32 => Val::S32(whole.try_into().ok()?),
        Int::S64 => Val::S64(whole.try_into().ok()?),
    })
}

fn named<'a>(names: &'a [String], name: &str) -> Option<&'a String> {
    names.iter().find(|wit| same_name(name, wit))
}

/// A JSON string's characters.
fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// A JSON string's characters or a number's digits.
fn scalar(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        Some(Cow::Borrowed(json))
    } else {
        string(json)
    }
}

/// What a string field takes: a string, a number's digits, or compound JSON as text.
fn text(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with(['{', '[']) { Some(Cow::Borrowed(json)) } else { scalar(json) }
}

/// A JSON value's type and, where it is short, the value.
fn found(json: &str) -> String {
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
fn camel(wit: &str) -> String {
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

/// Calls `each` for every key of a JSON object.
fn entries(
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

/// The values of a JSON array, each along its plan.
fn items<'p>(
    json: &str,
    plan: &Plan,
    room: &Room,
    plan_of: impl Fn(usize) -> Option<&'p Plan>,
) -> Result<Vec<Val>, Misfit> {
    if !json.starts_with('[') {
        return Err(Misfit::new(plan.type_name(), found(json)));
    }
    let mut parser = serde_json::Deserializer::from_str(json);
    let raws =
        parser.deserialize_seq(Items).map_err(|error| Misfit::new(plan.type_name(), error.to_string()))?;
    room.take(raws.len())?;
    let values = raws.iter().enumerate().map(|(i, raw)| {
        let item = plan_of(i).ok_or_else(|| Misfit::new(plan.type_name(), "more"))?;
        value(item, raw.get(), room).map_err(|misfit| misfit.within(format!("[{i}]")))
    });
    values.collect()
}

struct Items;

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
