//! Values that are decoded from the text of one JSON value.

use std::borrow::Cow;
use std::str::FromStr;

use serde::Deserializer as _;
use wasmtime::component::Val;

use super::budget::{BOXED_BYTES, FIELD_BYTES};
use super::compound::CompoundVisitor;
use super::{Decoding, Mismatch, Target, ValueSeed, describe};
use crate::runtime::plan::{Int, Plan, REDACTED, Variant};

impl Decoding {
    /// Decodes a value of a plan that [`Plan::is_scalar`].
    pub(super) fn scalar(&self, plan: &Plan, json: &str) -> Result<Val, Mismatch> {
        let mismatch = || Mismatch::new(plan.type_name(), describe(json));
        Ok(match plan {
            Plan::String => Val::String(self.text(text(json).ok_or_else(mismatch)?)?),
            Plan::RedactedOption => Val::Option(None),
            Plan::RedactedString => Val::String(self.text(Cow::Borrowed(REDACTED))?),
            Plan::Bool => Val::Bool(boolean(json).ok_or_else(mismatch)?),
            Plan::Int(int) => {
                integer(*int, number(json).ok_or_else(mismatch)?.trim()).ok_or_else(mismatch)?
            }
            Plan::Digits(int) => {
                let text = number(json).ok_or_else(mismatch)?;
                let digits = match integer(*int, text.trim()).ok_or_else(mismatch)? {
                    Val::S64(value) => value.to_string(),
                    Val::U64(value) => value.to_string(),
                    _ => return Err(mismatch()),
                };
                self.budget.charge(FIELD_BYTES)?;
                Val::Record(vec![(
                    self.name(int.digits_field())?,
                    Val::String(self.text(Cow::Owned(digits))?),
                )])
            }
            Plan::Float32 => Val::Float32(float(json).filter(|f: &f32| f.is_finite()).ok_or_else(mismatch)?),
            Plan::Float64 => Val::Float64(float(json).filter(|f: &f64| f.is_finite()).ok_or_else(mismatch)?),
            Plan::Char => Val::Char(string(json).and_then(|s| s.parse().ok()).ok_or_else(mismatch)?),
            Plan::Enum(names) => {
                let name = names.find(&string(json).ok_or_else(mismatch)?).ok_or_else(mismatch)?;
                Val::Enum(self.name(name)?)
            }
            Plan::Variant(_) if json.starts_with('{') => {
                // A scalar payload: reading its text a second time costs no more than once more.
                let target = Target::new(ValueSeed { plan, decoding: self, is_item: false });
                let visited =
                    serde_json::Deserializer::from_str(json).deserialize_any(CompoundVisitor { target });
                visited.unwrap_or_else(|error| Err(Mismatch::new(plan.type_name(), error.to_string())))?
            }
            Plan::Variant(variant) => match number(json) {
                Some(name) => self.named_case(variant, name)?.ok_or_else(mismatch)?,
                None => return Err(mismatch()),
            },
            _ => return Err(mismatch()),
        })
    }

    /// The case without a payload that has this name, or `other` with it.
    pub(super) fn named_case(&self, variant: &Variant, name: Cow<'_, str>) -> Result<Option<Val>, Mismatch> {
        let case = variant.find(&name).find(|(_, payload)| payload.is_none());
        Ok(match case {
            Some((case, _)) => Some(Val::Variant(self.name(case)?, None)),
            None if variant.has_other => {
                self.budget.charge(BOXED_BYTES)?;
                Some(Val::Variant("other".into(), Some(Box::new(Val::String(self.text(name)?)))))
            }
            None => None,
        })
    }
}

/// A JSON string's characters.
fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// A JSON number's digits or a string's characters.
fn number(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        Some(Cow::Borrowed(json))
    } else {
        string(json)
    }
}

/// The value of a string field: a string, a number's digits, a bool's name, or compound JSON as text.
fn text(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with(['{', '[', 't', 'f']) { Some(Cow::Borrowed(json)) } else { number(json) }
}

fn boolean(json: &str) -> Option<bool> {
    match json {
        "true" => return Some(true),
        "false" => return Some(false),
        _ => {}
    }
    match number(json)?.trim() {
        "1" => Some(true),
        "0" => Some(false),
        word if word.eq_ignore_ascii_case("true") => Some(true),
        word if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn float<F: FromStr>(json: &str) -> Option<F> {
    number(json)?.trim().parse().ok()
}

fn integer(int: Int, text: &str) -> Option<Val> {
    // `30.0` is an integer, too. From 2^53 on, several integers are the same float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = text.parse::<i128>().ok().or_else(|| {
        let float = text.parse::<f64>().ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, as just checked")]
        (float.fract() == 0.0 && float.abs() < EXACT).then_some(float as i128)
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
