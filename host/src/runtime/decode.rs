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

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::plan::{Field, Int, Plan, Variant, same_name};
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
        Self { path: Vec::new(), expected: expected.into(), found: found.into(), is_final: false }
    }
}

/// A payload, read.
#[derive(Debug, PartialEq)]
pub(super) struct Decoded {
    pub(super) value: Val,
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

/// Most values that one payload may become: some 100 MB in the host at the worst. A type with many optional
/// fields makes hundreds of bytes of two in the body, so the body's size is no limit for it.
const VALUES_MAX: usize = 1_000_000;

/// What reading one payload has room for, and what it notes.
struct Room {
    /// How many more values may be made.
    values: Cell<usize>,
    notes: RefCell<Vec<Note>>,
    more_notes: Cell<usize>,
}

impl Room {
    fn take(&self, values: usize) -> Result<(), Misfit> {
        let left = self.values.get().checked_sub(values).ok_or_else(|| Misfit {
            is_final: true,
            ..Misfit::new(format!("at most {VALUES_MAX} values in all"), "more")
        })?;
        self.values.set(left);
        Ok(())
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
pub(super) fn decode(plan: &Plan, json: &str) -> Result<Decoded, Misfit> {
    let raw: &RawValue =
        serde_json::from_str(json).map_err(|error| Misfit::new("JSON", error.to_string()))?;
    let room = Room { values: Cell::new(VALUES_MAX), notes: RefCell::default(), more_notes: Cell::default() };
    let value = value(plan, raw.get(), &room)?;
    Ok(Decoded { value, notes: room.into_notes() })
}

fn value(plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let misfit = || Misfit::new(plan.type_name(), found(json));
    Ok(match plan {
        Plan::Option(inner) => Val::Option(optional(inner, json, room)?.map(Box::new)),
        Plan::String => Val::String(text(json).ok_or_else(misfit)?.into_owned()),
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
            let raws = items(json, plan)?;
            if raws.len() != parts.len() {
                return Err(misfit());
            }
            room.take(raws.len())?;
            let values =
                raws.iter().zip(parts).enumerate().map(|(i, (raw, part))| {
                    room.within(|| format!("[{i}]"), || value(part, raw.get(), room))
                });
            Val::Tuple(values.collect::<Result<_, _>>()?)
        }
        Plan::Map(inner) => map(inner, plan, json, room)?,
        Plan::Record(fields) => record(fields, plan, json, room)?,
        Plan::Variant(cases) => variant(cases, plan, json, room)?,
        Plan::Enum(names) => {
            Val::Enum(named(names, &string(json).ok_or_else(misfit)?).ok_or_else(misfit)?.clone())
        }
        Plan::Flags(names) => {
            let given = list(&Plan::String, plan, json, room)?;
            let names = given.iter().map(|flag| match flag {
                Val::String(flag) => named(names, flag).cloned().ok_or_else(misfit),
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
    let mut values = Vec::new();
    let takes_null = matches!(item, Plan::Option(_) | Plan::List(_) | Plan::Map(_));
    let mut push = |at: &dyn fmt::Display, json: &str| {
        room.take(1)?;
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
    if json.starts_with('{') {
        let misfit = || Misfit::new(plan.type_name(), found(json));
        entries(json, plan, |key, json| match key.parse::<usize>() {
            Ok(at) => push(&at, json),
            Err(_) => Err(misfit()),
        })?;
    } else {
        let raws = items(json, plan)?;
        raws.iter().enumerate().try_for_each(|(at, raw)| push(&at, raw.get()))?;
    }
    Ok(values)
}

/// A record's field while its object is read.
struct Slot {
    value: Result<Val, Misfit>,
    /// Whether its key was spelled as the sender spells keys.
    has_sent_name: bool,
}

fn record(fields: &[Field], plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    room.take(fields.len())?;
    let mut slots: Vec<Option<Slot>> = fields.iter().map(|_| None).collect();
    let mut next = 0;
    let read = |key: &str, json: &str| {
        // Senders mostly keep to one order, and types mostly follow it: the next field is most likely
        // the next key's.
        let is_keys = |field: &Field| same_name(key, &field.name);
        let guessed = fields.get(next).is_some_and(is_keys).then_some(next);
        let Some(at) = guessed.or_else(|| fields.iter().position(is_keys)) else { return Ok(()) };
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
    let filled = fields.iter().zip(slots).map(|(field, slot)| {
        let value = match (slot, &field.plan) {
            (Some(slot), _) => slot.value?,
            (None, Plan::Option(_)) => Val::Option(None),
            (None, plan) => {
                let missing = Misfit::new(plan.type_name(), "nothing");
                return room.within(|| format!(".{}", camel(&field.name)), || Err(missing));
            }
        };
        Ok((field.name.clone(), value))
    });
    Ok(Val::Record(filled.collect::<Result<_, _>>()?))
}

fn is_empty_array(json: &str) -> bool {
    json.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.trim().is_empty())
}

fn map(inner: &Plan, plan: &Plan, json: &str, room: &Room) -> Result<Val, Misfit> {
    let mut pairs = Vec::new();
    let mut push = |key: &str, json: &str| {
        // A tuple, its key and its value.
        room.take(3)?;
        let item = room.within(|| as_sent_name(key), || value(inner, json, room))?;
        pairs.push((key.to_owned(), item));
        Ok(())
    };
    if json.starts_with('[') {
        // PHP writes an object whose keys are 0, 1, … as a list, and an empty one too.
        items(json, plan)?.iter().enumerate().try_for_each(|(at, raw)| push(&at.to_string(), raw.get()))?;
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
            let payload = room.within(|| as_sent_name(key), || value(payload, json, room))?;
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

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
