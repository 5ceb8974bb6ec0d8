//! Values that are decoded from the parts of a JSON array or object.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use wasmtime::component::Val;

use super::budget::{BOXED_BYTES, FIELD_BYTES, VALUE_BYTES};
use super::names::{is_sent_name, to_path_part, to_sent_name};
use super::{Decoding, Mismatch, Target, ValueSeed};
use crate::event::is_same_name;
use crate::runtime::plan::{Field, Fields, Names, Plan, REDACTED, RedactedKeys, Variant, heap_bytes};

/// A decoded value or a mismatch, where serde did not fail.
type Visited<E> = Result<Result<Val, Mismatch>, E>;

/// Unwraps a result, or returns its mismatch.
macro_rules! fits {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(mismatch) => return Ok(Err(mismatch)),
        }
    };
}

/// Like `fits!`, before the value of a key: it is skipped, so that the next key follows.
macro_rules! fits_or_skip {
    ($map:ident, $result:expr) => {
        match $result {
            Ok(value) => value,
            Err(mismatch) => {
                $map.next_value::<IgnoredAny>()?;
                return Ok(Err(mismatch));
            }
        }
    };
}

/// Decodes a value of a plan that is not [`Plan::is_scalar`].
pub(super) struct CompoundVisitor<'p> {
    pub(super) target: Target<'p>,
}

impl<'de> Visitor<'de> for CompoundVisitor<'_> {
    type Value = Result<Val, Mismatch>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Visited<E> {
        let target = self.target;
        if target.options > 0 {
            return Ok(Ok(Val::Option(None)));
        }
        Ok(match target.plan {
            Plan::List(_) | Plan::Map(..) => Ok(Val::List(Vec::new())),
            Plan::Flags(_) if !target.is_item => Ok(Val::Flags(Vec::new())),
            _ => Err(target.mismatch("null")),
        })
    }

    fn visit_bool<E>(self, value: bool) -> Visited<E> {
        let target = self.target;
        Ok(target.decode(|| Err(target.mismatch(if value { "true" } else { "false" }))))
    }

    fn visit_u64<E>(self, value: u64) -> Visited<E> {
        let digits = value.to_string();
        Ok(self.named_case(&digits, &digits))
    }

    fn visit_i64<E>(self, value: i64) -> Visited<E> {
        let digits = value.to_string();
        Ok(self.named_case(&digits, &digits))
    }

    fn visit_f64<E>(self, value: f64) -> Visited<E> {
        let digits = value.to_string();
        Ok(self.named_case(&digits, &digits))
    }

    fn visit_str<E>(self, value: &str) -> Visited<E> {
        if self.target.options > 0 && value.is_empty() {
            return Ok(Ok(Val::Option(None)));
        }
        Ok(self.named_case(value, &serde_json::Value::from(value).to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Visited<A::Error> {
        let target = self.target;
        let value = target.try_decode(|| match target.plan {
            Plan::List(item) => Ok(target.items(item, &mut seq)?.map(Val::List)),
            Plan::Flags(names) => {
                let given = target.items(&Plan::String, &mut seq)?;
                Ok(given.and_then(|given| target.flags(names, &given, "[")))
            }
            Plan::Tuple(parts) => target.tuple(parts, &mut seq),
            Plan::Map(item, redacted) => target.map_of_items(item, redacted, &mut seq),
            // An empty object, as PHP writes it.
            Plan::Record(fields) if seq.next_element::<IgnoredAny>()?.is_none() => {
                let decoding = target.decoding;
                Ok(RecordSlots::new(fields, decoding).and_then(RecordSlots::into_value))
            }
            _ => Ok(Err(target.mismatch("["))),
        })?;
        // After a mismatch, the rest of the value is skipped.
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Visited<A::Error> {
        let target = self.target;
        let value = target.try_decode(|| match target.plan {
            Plan::Record(fields) => target.record(fields, &mut map),
            Plan::Map(item, redacted) => target.map(item, redacted, &mut map),
            Plan::Variant(variant) => target.variant(variant, &mut map),
            Plan::List(item) => Ok(target.numbered_items(item, &mut map)?.map(Val::List)),
            Plan::Flags(names) => {
                let given = target.numbered_items(&Plan::String, &mut map)?;
                Ok(given.and_then(|given| target.flags(names, &given, "{")))
            }
            _ => Ok(Err(target.mismatch("{"))),
        })?;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

impl CompoundVisitor<'_> {
    /// A scalar is the name of a variant's case, or else a mismatch of this JSON.
    fn named_case(self, name: &str, json: &str) -> Result<Val, Mismatch> {
        let target = self.target;
        target.decode(|| {
            let case = match target.plan {
                Plan::Variant(variant) => target.decoding.named_case(variant, name.into())?,
                _ => None,
            };
            case.ok_or_else(|| target.mismatch(json))
        })
    }
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'p> Target<'p> {
    fn seed(&self, plan: &'p Plan) -> ValueSeed<'p> {
        ValueSeed { plan, decoding: self.decoding, is_item: false }
    }

    /// The items of an array.
    fn items<'de, A: SeqAccess<'de>>(
        &self,
        item: &'p Plan,
        seq: &mut A,
    ) -> Result<Result<Vec<Val>, Mismatch>, A::Error> {
        let mut items = Items { item, decoding: self.decoding, values: Vec::new() };
        for at in 0.. {
            let mark = self.decoding.notes.len();
            let Some(value) = seq.next_element_seed(items.seed())? else { break };
            fits!(items.push(at, mark, value));
        }
        Ok(Ok(items.values))
    }

    /// The items of an object with numbers as keys: PHP writes a list with a gap so.
    fn numbered_items<'de, A: MapAccess<'de>>(
        &self,
        item: &'p Plan,
        map: &mut A,
    ) -> Result<Result<Vec<Val>, Mismatch>, A::Error> {
        let mut items = Items { item, decoding: self.decoding, values: Vec::new() };
        while let Some(Key(key)) = map.next_key()? {
            let at = fits_or_skip!(map, key.parse().map_err(|_| self.mismatch("{")));
            let mark = self.decoding.notes.len();
            let value = map.next_value_seed(items.seed())?;
            fits!(items.push(at, mark, value));
        }
        Ok(Ok(items.values))
    }

    fn flags(&self, names: &Names, given: &[Val], json: &str) -> Result<Val, Mismatch> {
        let flags = given.iter().map(|flag| match flag {
            Val::String(flag) => self.decoding.name(names.find(flag).ok_or_else(|| self.mismatch(json))?),
            _ => Err(self.mismatch(json)),
        });
        Ok(Val::Flags(flags.collect::<Result<_, _>>()?))
    }

    fn tuple<'de, A: SeqAccess<'de>>(&self, parts: &'p [Plan], seq: &mut A) -> Visited<A::Error> {
        let Decoding { budget, notes } = self.decoding;
        let start = notes.len();
        // A different length is a mismatch of the tuple, for any parts.
        let wrong_length = || {
            notes.truncate(start);
            Ok(Err(self.mismatch("[")))
        };
        fits!(budget.charge(parts.len() * VALUE_BYTES));
        let (mut values, mut length) = (Ok(Vec::with_capacity(parts.len())), 0);
        for (at, part) in parts.iter().enumerate() {
            let Ok(before) = &mut values else { break };
            let mark = notes.len();
            let Some(value) = seq.next_element_seed(self.seed(part))? else { return wrong_length() };
            match notes.locate(mark, || format!("[{at}]"), value) {
                Ok(value) => before.push(value),
                Err(mismatch) => values = Err(mismatch),
            }
            length += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            length += 1;
        }
        if length != parts.len() {
            return wrong_length();
        }
        Ok(values.map(Val::Tuple))
    }

    fn map<'de, A: MapAccess<'de>>(
        &self,
        item: &'p Plan,
        redacted: &RedactedKeys,
        map: &mut A,
    ) -> Visited<A::Error> {
        let mut pairs = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            if redacted.contains(&key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            fits_or_skip!(map, self.charge_pair(&key));
            let mark = self.decoding.notes.len();
            let value = map.next_value_seed(self.seed(item))?;
            let value = fits!(self.decoding.notes.locate(mark, || to_path_part(&key), value));
            pairs.push((key.into_owned(), value));
        }
        Ok(Ok(map_of(pairs)))
    }

    /// PHP writes an object whose keys are 0, 1, … as an array, and an empty one, too.
    fn map_of_items<'de, A: SeqAccess<'de>>(
        &self,
        item: &'p Plan,
        redacted: &RedactedKeys,
        seq: &mut A,
    ) -> Visited<A::Error> {
        let mut pairs = Vec::new();
        for at in 0_usize.. {
            let (key, mark) = (at.to_string(), self.decoding.notes.len());
            if redacted.contains(&key) {
                if seq.next_element::<IgnoredAny>()?.is_none() {
                    break;
                }
                continue;
            }
            let Some(value) = seq.next_element_seed(self.seed(item))? else { break };
            fits!(self.charge_pair(&key));
            let value = fits!(self.decoding.notes.locate(mark, || to_path_part(&key), value));
            pairs.push((key, value));
        }
        Ok(Ok(map_of(pairs)))
    }

    fn charge_pair(&self, key: &str) -> Result<(), Mismatch> {
        // A pair in the list while it is read and a tuple afterwards, a key, and the set that finds
        // repeated keys.
        let bytes = 3 * FIELD_BYTES + 3 * VALUE_BYTES + heap_bytes(key.len()) + 48;
        self.decoding.budget.charge(bytes)
    }

    fn record<'de, A: MapAccess<'de>>(&self, fields: &'p Fields, map: &mut A) -> Visited<A::Error> {
        let Decoding { budget, notes } = self.decoding;
        let mut record = fits!(RecordSlots::new(fields, self.decoding));
        while let Some(Key(key)) = map.next_key()? {
            fits_or_skip!(map, budget.step());
            let Some((slot, field)) = record.slot_of(&key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let mark = notes.len();
            let value = map.next_value_seed(self.seed(&field.plan))?;
            let value = notes.locate(mark, || to_path_part(&key), value);
            if let Err(mismatch) = &value
                && mismatch.is_final()
            {
                return Ok(value);
            }
            // If the key is repeated, the earlier mismatch does not count.
            *slot = Some(Slot { value, has_sent_name: is_sent_name(&key, &field.name) });
        }
        Ok(record.into_value())
    }

    /// `{"case": payload}`. The last case that the variant has counts.
    fn variant<'de, A: MapAccess<'de>>(&self, variant: &'p Variant, map: &mut A) -> Visited<A::Error> {
        let Decoding { budget, notes } = self.decoding;
        let mut chosen = None;
        while let Some(Key(key)) = map.next_key()? {
            fits_or_skip!(map, budget.step());
            let case = variant.find(&key).find(|(_, payload)| payload.is_some());
            let Some((case, Some(payload))) = case else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            fits_or_skip!(map, budget.charge(BOXED_BYTES));
            let mark = notes.len();
            let value = map.next_value_seed(self.seed(payload))?;
            let value = fits!(notes.locate(mark, || to_path_part(&key), value));
            chosen = Some(Val::Variant(fits!(self.decoding.name(case)), Some(Box::new(value))));
        }
        Ok(chosen.ok_or_else(|| self.mismatch("{")))
    }
}

/// A list while its items are decoded.
struct Items<'p> {
    item: &'p Plan,
    decoding: &'p Decoding,
    values: Vec<Val>,
}

impl<'p> Items<'p> {
    fn seed(&self) -> ValueSeed<'p> {
        ValueSeed { plan: self.item, decoding: self.decoding, is_item: true }
    }

    /// Takes the next item. There were `mark` notes before it.
    fn push(&mut self, at: usize, mark: usize, value: Result<Val, Mismatch>) -> Result<(), Mismatch> {
        let Decoding { budget, notes } = self.decoding;
        let part = || format!("[{at}]");
        // A list doubles while it grows.
        budget.charge(2 * VALUE_BYTES)?;
        match value {
            Err(mismatch) if mismatch.is_of_null() => {
                notes.push(mismatch, "left out");
                notes.locate(mark, part, Ok(()))
            }
            value => {
                self.values.push(notes.locate(mark, part, value)?);
                Ok(())
            }
        }
    }
}

/// A record while its object is decoded.
struct RecordSlots<'p> {
    fields: &'p Fields,
    decoding: &'p Decoding,
    slots: Vec<Option<Slot>>,
    /// The field after the last one that was found.
    next: usize,
}

struct Slot {
    value: Result<Val, Mismatch>,
    /// Whether its key was spelled as the sender spells keys.
    has_sent_name: bool,
}

impl<'p> RecordSlots<'p> {
    fn new(fields: &'p Fields, decoding: &'p Decoding) -> Result<Self, Mismatch> {
        let count = fields.all.len();
        decoding.budget.charge(count * FIELD_BYTES + fields.names_bytes + count * SLOT_BYTES)?;
        Ok(Self { fields, decoding, slots: (0..count).map(|_| None).collect(), next: 0 })
    }

    /// The field of a key, and its slot; `None` if the key does not count.
    fn slot_of(&mut self, key: &str) -> Option<(&mut Option<Slot>, &'p Field)> {
        // Senders mostly keep to one order, and types mostly follow it: the next field is most likely the next key's.
        let is_next = self.fields.all.get(self.next).is_some_and(|field| is_same_name(key, &field.name));
        let at = if is_next { self.next } else { self.fields.find(key)? };
        self.next = at + 1;
        let (field, slot) = (self.fields.all.get(at)?, self.slots.get_mut(at)?);
        let is_outranked =
            slot.as_ref().is_some_and(|slot| slot.has_sent_name) && !is_sent_name(key, &field.name);
        (!is_outranked).then_some((slot, field))
    }

    fn into_value(self) -> Result<Val, Mismatch> {
        let Decoding { budget, notes } = self.decoding;
        let mut filled = Vec::with_capacity(self.slots.len());
        budget.release(self.slots.len() * SLOT_BYTES);
        for (field, slot) in self.fields.all.iter().zip(self.slots) {
            let value = match (slot, &field.plan) {
                (Some(slot), _) => slot.value?,
                (None, Plan::Option(_) | Plan::RedactedOption) => Val::Option(None),
                (None, Plan::RedactedString) => {
                    budget.charge_text(REDACTED.len())?;
                    Val::String(REDACTED.into())
                }
                (None, plan) => {
                    let missing = Err(Mismatch::new(plan.type_name(), "nothing"));
                    return notes.locate(notes.len(), || format!(".{}", to_sent_name(&field.name)), missing);
                }
            };
            filled.push((field.name.clone(), value));
        }
        Ok(Val::Record(filled))
    }
}

const SLOT_BYTES: usize = size_of::<Option<Slot>>();

/// A map of pairs, of which the last with a key counts.
fn map_of(mut pairs: Vec<(String, Val)>) -> Val {
    let mut seen = HashSet::new();
    let is_last: Vec<bool> = pairs.iter().rev().map(|(key, _)| seen.insert(key.as_str())).collect();
    let mut is_last = is_last.into_iter().rev();
    pairs.retain(|_| is_last.next() == Some(true));
    let pair = |(key, value)| Val::Tuple(vec![Val::String(key), value]);
    Val::List(pairs.into_iter().map(pair).collect())
}
