//! From JSON text to a guest's value, along the plan of its type.
//!
//! Keys match fields by [`same_name`]; a missing or null key is `none`; numbers and numeric strings
//! become each other; compound JSON in a string field stays JSON text; an unknown name becomes the
//! case `other(string)` of a variant that has one. Unknown keys are ignored. Of a repeated key the last
//! counts, and one spelled as the sender spells its keys counts before other spellings.
//!
//! Encoders that do not know the type write some values in another way: an empty list for an empty object
//! and the reverse, null for an empty list, an object with the keys 0, 1, … for a list, `"true"` or 1 for
//! true, `""` for none. All are read as what they mean.
//!
//! What does not fit is an error that names the path and both types, unless it is inside of an optional
//! value: then that value is `none`, and a note says so.

mod shape;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::time::Instant;

use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::plan::{Field, Fields, Int, Plan, Variant, heap_bytes, same_name};
use shape::{as_sent_name, camel, entries, found, has_sent_name, items, scalar, string, text};

/// A place where JSON and the handler's type differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// From the innermost outwards while it is built: `.name`, `[3]`.
    path: Vec<String>,
    expected: String,
    found: String,
    /// Of the payload as a whole: an optional value around it changes nothing.
    is_final: bool,
    /// There was no time to read all of it.
    pub(super) is_late: bool,
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
        Self {
            path: Vec::new(),
            expected: expected.into(),
            found: found.into(),
            is_final: false,
            is_late: false,
        }
    }
}

/// A payload, read.
#[derive(Debug, PartialEq)]
pub(super) struct Decoded {
    pub(super) value: Val,
    /// What it takes in memory.
    pub(super) memory_bytes: usize,
    /// What did not fit and was not needed: one line each.
    pub(super) notes: Vec<String>,
}

/// Most notes of one payload; the rest is counted.
const NOTES_MAX: usize = 10;

/// What did not fit, and what that led to.
struct Note {
    misfit: Misfit,
    consequence: &'static str,
}

/// How much memory a payload may become, and by when. A type with many optional fields makes hundreds of bytes of
/// two in the body, so the body's size is no limit for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) memory_max_bytes: usize,
    pub(super) deadline: Instant,
}

/// A value in its list, and one in its record.
const VALUE_BYTES: usize = size_of::<Val>();
const FIELD_BYTES: usize = size_of::<(String, Val)>();
/// A value behind a pointer.
const BOXED_BYTES: usize = VALUE_BYTES + 8;
/// Values between two looks at the clock.
const STEPS: usize = 1024;

/// What reading one payload has room for, and what it notes.
struct Room {
    limits: Limits,
    used_bytes: Cell<usize>,
    steps: Cell<usize>,
    notes: RefCell<Vec<Note>>,
    more_notes: Cell<usize>,
}

impl Room {
    /// Makes room for so many bytes more.
    fn take(&self, bytes: usize) -> Result<(), Misfit> {
        let used = self.used_bytes.get().saturating_add(bytes);
        if used > self.limits.memory_max_bytes {
            let most = self.limits.memory_max_bytes;
            let expected = format!("at most {most} bytes in memory (host_memory_max_bytes)");
            return Err(Misfit { is_final: true, ..Misfit::new(expected, "more") });
        }
        self.used_bytes.set(used);
        self.step()
    }

    /// Gives back what was needed for a while.
    fn give_back(&self, bytes: usize) {
        self.used_bytes.set(self.used_bytes.get().saturating_sub(bytes));
    }

    /// Counts one step towards the deadline.
    fn step(&self) -> Result<(), Misfit> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get().is_multiple_of(STEPS) && Instant::now() >= self.limits.deadline {
            let late = Misfit::new("to be read within call_timeout_ms", "more");
            return Err(Misfit { is_final: true, is_late: true, ..late });
        }
        Ok(())
    }

    /// A text as a value.
    fn text(&self, text: Cow<'_, str>) -> Result<String, Misfit> {
        self.take(heap_bytes(text.len()))?;
        Ok(text.into_owned())
    }

    fn name(&self, name: &str) -> Result<String, Misfit> {
        self.text(Cow::Borrowed(name))
    }

    fn note(&self, misfit: Misfit, consequence: &'static str) {
        let mut notes = self.notes.borrow_mut();
        if notes.len() < NOTES_MAX {
            notes.push(Note { misfit, consequence });
        } else {
            self.more_notes.set(self.more_notes.get() + 1);
        }
    }

    /// Reads a part of a value, and puts its place in front of what is said about it.
    fn within<T>(
        &self,
        part: impl Fn() -> String,
        read: impl FnOnce() -> Result<T, Misfit>,
    ) -> Result<T, Misfit> {
        let before = self.notes.borrow().len();
        let result = read();
        for note in self.notes.borrow_mut().iter_mut().skip(before) {
            note.misfit.path.push(part());
        }
        result.map_err(|mut misfit| {
            misfit.path.push(part());
            misfit
        })
    }

    fn into_notes(self) -> Vec<String> {
        let line = |note: &Note| format!("{}; {}", note.misfit, note.consequence);
        let mut lines: Vec<String> = self.notes.borrow().iter().map(line).collect();
        if self.more_notes.get() > 0 {
            lines.push(format!("{} more places of the payload did not fit", self.more_notes.get()));
        }
        lines
    }
}

/// Reads a JSON text.
pub(super) fn decode(plan: &Plan, json: &str, limits: Limits) -> Result<Decoded, Misfit> {
    let raw: &RawValue =
        serde_json::from_str(json).map_err(|error| Misfit::new("JSON", error.to_string()))?;
    let room = Room {
        limits,
        used_bytes: Cell::default(),
        steps: Cell::default(),
        notes: RefCell::default(),
        more_notes: Cell::default(),
    };
    let value = value(plan, raw.get(), &room)?;
    Ok(Decoded { value, memory_bytes: room.used_bytes.get(), notes: room.into_notes() })
}

fn value(plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let misfit = || Misfit::new(plan.type_name(), found(json));
    Ok(match plan {
        Plan::Option(inner) => Val::Option(optional(inner, json, room)?.map(Box::new)),
        Plan::String => Val::String(room.text(text(json).ok_or_else(misfit)?)?),
        Plan::Bool => Val::Bool(boolean(json).ok_or_else(misfit)?),
        Plan::Int(int) => number(*int, scalar(json).ok_or_else(misfit)?.trim()).ok_or_else(misfit)?,
        Plan::Float32 => Val::Float32(
            scalar(json)
                .and_then(|s| s.trim().parse().ok())
                .filter(|f: &f32| f.is_finite())
                .ok_or_else(misfit)?,
        ),
        Plan::Float64 => Val::Float64(
            scalar(json)
                .and_then(|s| s.trim().parse().ok())
                .filter(|f: &f64| f.is_finite())
                .ok_or_else(misfit)?,
        ),
        Plan::Char => Val::Char(string(json).and_then(|s| s.parse().ok()).ok_or_else(misfit)?),
        Plan::List(item) => Val::List(list(item, plan, json, room)?),
        Plan::Tuple(parts) => {
            let raws = items(json, plan, room)?;
            if raws.len() != parts.len() {
                return Err(misfit());
            }
            room.take(raws.len() * VALUE_BYTES)?;
            let mut values = Vec::with_capacity(raws.len());
            for (i, (raw, part)) in raws.iter().zip(parts).enumerate() {
                values.push(room.within(|| format!("[{i}]"), || value(part, raw.get(), room))?);
            }
            Val::Tuple(values)
        }
        Plan::Map(inner) => map(inner, plan, json, room)?,
        Plan::Record(fields) => record(fields, plan, json, room)?,
        Plan::Variant(cases) => variant(cases, plan, json, room)?,
        Plan::Enum(names) => {
            let name = names.find(&string(json).ok_or_else(misfit)?).ok_or_else(misfit)?;
            Val::Enum(room.name(name)?)
        }
        Plan::Flags(names) => {
            let given = list(&Plan::String, plan, json, room)?;
            let names = given.iter().map(|flag| match flag {
                Val::String(flag) => room.name(names.find(flag).ok_or_else(misfit)?),
                _ => Err(misfit()),
            });
            Val::Flags(names.collect::<Result<_, _>>()?)
        }
    })
}

/// What an optional value is: `none` where there is nothing, and where what is there does not fit.
fn optional(inner: &Plan, json: &str, room: &Room) -> Result<Option<Val>, Misfit> {
    let is_nothing = json == "null" || (json == r#""""# && !matches!(inner, Plan::String));
    if is_nothing {
        return Ok(None);
    }
    let before = room.notes.borrow().len();
    room.take(BOXED_BYTES)?;
    match value(inner, json, room) {
        Ok(value) => Ok(Some(value)),
        Err(misfit) if misfit.is_final => Err(misfit),
        Err(misfit) => {
            // What was noted inside is gone with it.
            room.notes.borrow_mut().truncate(before);
            room.note(misfit, "taken as none");
            Ok(None)
        }
    }
}

fn boolean(json: &str) -> Option<bool> {
    match json {
        "true" => return Some(true),
        "false" => return Some(false),
        _ => {}
    }
    match scalar(json)?.trim() {
        "1" => Some(true),
        "0" => Some(false),
        word if word.eq_ignore_ascii_case("true") => Some(true),
        word if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The values of a JSON array. PHP writes a list with a gap as an object with its numbers as keys.
fn list(item: &Plan, plan: &Plan, json: &str, room: &Room) -> Result<Vec<Val>, Misfit> {
    if json == "null" {
        return Ok(Vec::new());
    }
    let raws = if json.starts_with('{') { None } else { Some(items(json, plan, room)?) };
    let mut values = Vec::with_capacity(raws.as_ref().map_or(0, Vec::len));
    let takes_null = matches!(item, Plan::Option(_) | Plan::List(_) | Plan::Map(_));
    let mut push = |at: &dyn fmt::Display, json: &str| {
        // A list doubles while it grows.
        room.take(2 * VALUE_BYTES)?;
        let part = || format!("[{at}]");
        if json == "null" && !takes_null {
            let misfit = Misfit::new(item.type_name(), found(json));
            return room.within(part, || {
                room.note(misfit, "left out");
                Ok(())
            });
        }
        values.push(room.within(part, || value(item, json, room))?);
        Ok(())
    };
    if let Some(raws) = raws {
        raws.iter().enumerate().try_for_each(|(at, raw)| push(&at, raw.get()))?;
    } else {
        let misfit = || Misfit::new(plan.type_name(), found(json));
        entries(json, plan, |key, json| match key.parse::<usize>() {
            Ok(at) => push(&at, json),
            Err(_) => Err(misfit()),
        })?;
    }
    Ok(values)
}

/// A record's field while its object is read.
struct Slot {
    value: Result<Val, Misfit>,
    /// Whether its key was spelled as the sender spells keys.
    has_sent_name: bool,
}

fn record(record: &Fields, plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let fields = &record.all;
    let slots_bytes = fields.len() * size_of::<Option<Slot>>();
    room.take(fields.len() * FIELD_BYTES + record.names_bytes + slots_bytes)?;
    let mut slots: Vec<Option<Slot>> = fields.iter().map(|_| None).collect();
    let mut next = 0;
    let read = |key: &str, json: &str| {
        // Senders mostly keep to one order, and types mostly follow it: the next field is most likely
        // the next key's.
        let is_keys = |field: &Field| same_name(key, &field.name);
        let guessed = fields.get(next).is_some_and(is_keys).then_some(next);
        room.step()?;
        let Some(at) = guessed.or_else(|| record.find(key)) else { return Ok(()) };
        next = at + 1;
        let field = &fields[at];
        let has_sent_name = has_sent_name(key, &field.name);
        if slots[at].as_ref().is_some_and(|slot| slot.has_sent_name && !has_sent_name) {
            return Ok(());
        }
        // A misfit does not count where the key comes again.
        let value = room.within(|| as_sent_name(key), || value(&field.plan, json, room));
        if let Err(misfit) = &value
            && misfit.is_final
        {
            return Err(misfit.clone());
        }
        slots[at] = Some(Slot { value, has_sent_name });
        Ok(())
    };
    // An empty object, as PHP writes it.
    if !is_empty_array(json) {
        entries(json, plan, read)?;
    }
    let mut filled = Vec::with_capacity(fields.len());
    for (field, slot) in fields.iter().zip(slots) {
        let value = match (slot, &field.plan) {
            (Some(slot), _) => slot.value?,
            (None, Plan::Option(_)) => Val::Option(None),
            (None, plan) => {
                let missing = Misfit::new(plan.type_name(), "nothing");
                return room.within(|| format!(".{}", camel(&field.name)), || Err(missing));
            }
        };
        filled.push((field.name.clone(), value));
    }
    room.give_back(slots_bytes);
    Ok(Val::Record(filled))
}

fn is_empty_array(json: &str) -> bool {
    json.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.trim().is_empty())
}

fn map(inner: &Plan, plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let mut pairs = Vec::new();
    let mut push = |key: &str, json: &str| {
        // A pair in the list while it is read and a tuple afterwards, a key, and what tells keys apart.
        room.take(3 * FIELD_BYTES + 3 * VALUE_BYTES + heap_bytes(key.len()) + 48)?;
        let item = room.within(|| as_sent_name(key), || value(inner, json, room))?;
        pairs.push((key.to_owned(), item));
        Ok(())
    };
    if json.starts_with('[') {
        // PHP writes an object whose keys are 0, 1, … as a list, and an empty one too.
        items(json, plan, room)?
            .iter()
            .enumerate()
            .try_for_each(|(at, raw)| push(&at.to_string(), raw.get()))?;
    } else if json != "null" {
        entries(json, plan, push)?;
    }
    let mut seen = HashSet::new();
    let last: Vec<bool> = pairs.iter().rev().map(|(key, _)| seen.insert(key.as_str())).collect();
    let mut last = last.into_iter().rev();
    pairs.retain(|_| last.next() == Some(true));
    let pair = |(key, item)| Val::Tuple(vec![Val::String(key), item]);
    Ok(Val::List(pairs.into_iter().map(pair).collect()))
}

/// A name alone is a case without a payload; `{"case": payload}` is one with.
fn variant(variant: &Variant, plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let misfit = || Misfit::new(plan.type_name(), found(json));
    if let Some(name) = scalar(json) {
        let case = variant.find(&name).find(|(_, payload)| payload.is_none());
        return match case {
            Some((case, _)) => Ok(Val::Variant(room.name(case)?, None)),
            None if variant.has_other => {
                room.take(BOXED_BYTES)?;
                Ok(Val::Variant("other".into(), Some(Box::new(Val::String(room.text(name)?)))))
            }
            None => Err(misfit()),
        };
    }
    let mut chosen = None;
    entries(json, plan, |key, json| {
        room.step()?;
        let case = variant.find(key).find(|(_, payload)| payload.is_some());
        if let Some((case, Some(payload))) = case {
            room.take(BOXED_BYTES)?;
            let payload = room.within(|| as_sent_name(key), || value(payload, json, room))?;
            chosen = Some(Val::Variant(room.name(case)?, Some(Box::new(payload))));
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

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
