//! Decodes JSON text into a guest's value, along the plan of its type, in one pass over the text.
//!
//! Keys match fields by [`crate::event::is_same_name`]. A missing or null key is `none`. Numbers and numeric strings become each other.
//! Compound JSON in a string field stays JSON text. An unknown name becomes the case `other(string)` of a variant that
//! has one. Unknown keys are ignored. Of a repeated key the last counts, and a key spelled as the sender spells its
//! keys counts before other spellings.
//!
//! Encoders that do not know the type write some values in another way: an empty list for an empty object and
//! the reverse, null for an empty list, an object with the keys 0, 1, … for a list, `"true"` or 1 for true,
//! `""` for none. All are decoded as the value that the sender meant.
//!
//! A mismatch is an error that names the path and both types. In an optional value it is not an error: that
//! value is `none`, with a note. Decoding continues after a mismatch: it is a value for serde, because errors
//! of serde end the decoding.

mod budget;
mod compound;
mod huge;
mod mismatch;
mod names;
mod scalar;

use std::borrow::Cow;

use serde::de::{Deserialize as _, DeserializeSeed, Deserializer};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::plan::Plan;
pub(super) use budget::DecodeLimits;
use budget::{BOXED_BYTES, DecodeBudget};
use compound::CompoundVisitor;
use huge::quote_huge_numbers;
pub(super) use mismatch::Mismatch;
use mismatch::{Notes, describe};

/// A decoded payload.
#[derive(Debug, PartialEq)]
pub(super) struct DecodedPayload {
    pub(super) value: Val,
    /// Its bytes in memory.
    pub(super) memory_bytes: usize,
    /// One line for each mismatch in an optional value.
    pub(super) notes: Vec<String>,
}

/// Decodes a JSON text.
///
/// # Errors
/// The first [`Mismatch`] outside of an optional value.
pub(super) fn decode(plan: &Plan, json: &str, limits: DecodeLimits) -> Result<DecodedPayload, Mismatch> {
    let decoded = try_decode(plan, json, limits).or_else(|error| match quote_huge_numbers(json) {
        Some(quoted) => try_decode(plan, &quoted, limits),
        None => Err(error),
    });
    decoded.map_err(|error| Mismatch::new("JSON", error.to_string()))?
}

/// Like [`decode`], where serde can fail.
fn try_decode(
    plan: &Plan,
    json: &str,
    limits: DecodeLimits,
) -> serde_json::Result<Result<DecodedPayload, Mismatch>> {
    let decoding = Decoding { budget: DecodeBudget::new(limits), notes: Notes::default() };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let seed = ValueSeed { plan, decoding: &decoding, is_item: false };
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    let Decoding { budget, notes } = decoding;
    let memory_bytes = budget.used_bytes();
    Ok(value.map(|value| DecodedPayload { value, memory_bytes, notes: notes.into_lines() }))
}

/// The state of decoding one payload.
struct Decoding {
    budget: DecodeBudget,
    notes: Notes,
}

impl Decoding {
    /// Copies a text, within the budget.
    fn text(&self, text: Cow<'_, str>) -> Result<String, Mismatch> {
        self.budget.charge_text(text.len())?;
        Ok(text.into_owned())
    }

    /// Copies a name of the plan, within the budget.
    fn name(&self, name: &str) -> Result<String, Mismatch> {
        self.text(Cow::Borrowed(name))
    }
}

/// Decodes the next JSON value along a plan.
#[derive(Clone, Copy)]
struct ValueSeed<'p> {
    plan: &'p Plan,
    decoding: &'p Decoding,
    /// Whether the value is in a list, which leaves null out where the plan does not take it.
    is_item: bool,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    /// A mismatch is no error for serde, so that the JSON after it is still read.
    type Value = Result<Val, Mismatch>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let target = Target::new(self);
        if !target.plan.is_scalar() {
            return deserializer.deserialize_any(CompoundVisitor { target });
        }
        // As its text, which keeps the digits of numbers and compound JSON in string fields.
        let json = <&RawValue>::deserialize(deserializer)?.get();
        if target.is_nothing(json) {
            return Ok(Ok(Val::Option(None)));
        }
        Ok(target.decode(|| self.decoding.scalar(target.plan, json)))
    }
}

/// A plan apart from the options around it.
#[derive(Clone, Copy)]
struct Target<'p> {
    plan: &'p Plan,
    options: usize,
    is_item: bool,
    decoding: &'p Decoding,
}

impl<'p> Target<'p> {
    fn new(ValueSeed { mut plan, decoding, is_item }: ValueSeed<'p>) -> Self {
        let mut options = 0;
        while let Plan::Option(inner) = plan {
            (plan, options) = (inner, options + 1);
        }
        Self { plan, options, is_item, decoding }
    }

    /// Whether this JSON is `none`.
    fn is_nothing(&self, json: &str) -> bool {
        let is_text = self.options == 1 && matches!(self.plan, Plan::String);
        self.options > 0 && (json == "null" || (json == r#""""# && !is_text))
    }

    /// A mismatch of this JSON.
    fn mismatch(&self, json: &str) -> Mismatch {
        Mismatch::new(self.plan.type_name(), describe(json))
    }

    /// Decodes the value inside of the options, and puts them around it.
    fn decode(&self, read: impl FnOnce() -> Result<Val, Mismatch>) -> Result<Val, Mismatch> {
        self.try_decode(|| Ok::<_, std::convert::Infallible>(read())).unwrap_or_else(|never| match never {})
    }

    /// Like [`Target::decode`], where serde can fail.
    fn try_decode<E>(
        &self,
        read: impl FnOnce() -> Result<Result<Val, Mismatch>, E>,
    ) -> Result<Result<Val, Mismatch>, E> {
        let Decoding { budget, notes } = self.decoding;
        let mark = notes.len();
        if let Err(mismatch) = budget.charge(self.options * BOXED_BYTES) {
            return Ok(Err(mismatch));
        }
        let option = |value| Val::Option(Some(Box::new(value)));
        Ok(match read()? {
            Ok(value) => Ok((0..self.options).fold(value, |value, _| option(value))),
            Err(mismatch) if self.options == 0 || mismatch.is_final() => Err(mismatch),
            Err(mismatch) => {
                // Notes about its parts are dropped with the value.
                notes.truncate(mark);
                notes.push(mismatch, "taken as none");
                Ok((1..self.options).fold(Val::Option(None), |value, _| option(value)))
            }
        })
    }
}

#[cfg(test)]
mod tests;
