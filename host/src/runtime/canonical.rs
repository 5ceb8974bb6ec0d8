//! A decoded payload as canonical JSON, for tools: it shows them the value that the handler would get.
//!
//! Each value has one form: records are objects with the WIT's names and all fields; none is null and some its value
//! (`{"some": …}` in another option); variants are `{"case": value or null}`; results `{"ok": …}` or `{"err": …}`;
//! enumerations their case; flags, lists, tuples arrays; 64-bit integers and numbers that JSON lacks are strings.

use std::time::Instant;

use serde_json::{Map, Number, Value, json};
use wasmtime::component::Val;

use super::calls::PluginSettings;
use super::decode::{DecodeLimits, decode};
use super::handlers::HandlerInput;
use super::revision::Revision;

/// A payload as its handler would get it.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedForTools {
    /// The value, in canonical JSON.
    pub canonical: Value,
    /// One line for each place that did not fit and does not fail the payload.
    pub notes: Vec<String>,
}

impl Revision {
    /// Decodes a payload for the typed handler of an event type, and calls no handler.
    ///
    /// # Errors
    /// The first place that does not fit, as an attempt would report it.
    pub fn decode_payload(
        &self,
        package: &str,
        event_type: &str,
        payload: &str,
        settings: &PluginSettings,
    ) -> Result<DecodedForTools, String> {
        let handler = self.handlers.find(Some(package), event_type);
        let Some(HandlerInput::Typed(plan)) = handler.map(|handler| &handler.input) else {
            return Err(format!("{package} has no typed handler for {event_type}"));
        };
        let limits = DecodeLimits {
            memory_max_bytes: settings.host_memory_max_bytes,
            deadline: Instant::now() + settings.call_timeout,
        };
        let decoded = decode(plan, payload, limits).map_err(|mismatch| mismatch.to_string())?;
        Ok(DecodedForTools { canonical: to_canonical(&decoded.value), notes: decoded.notes })
    }
}

fn to_canonical(value: &Val) -> Value {
    let optional = |value: &Option<Box<Val>>| value.as_ref().map_or(Value::Null, |value| to_canonical(value));
    let entry = |case: &str, value: Value| Value::Object(Map::from_iter([(case.to_owned(), value)]));
    match value {
        Val::Bool(value) => json!(value),
        Val::U8(value) => json!(value),
        Val::U16(value) => json!(value),
        Val::U32(value) => json!(value),
        Val::S8(value) => json!(value),
        Val::S16(value) => json!(value),
        Val::S32(value) => json!(value),
        Val::U64(value) => json!(value.to_string()),
        Val::S64(value) => json!(value.to_string()),
        // As the shortest decimal of a 32-bit float.
        Val::Float32(value) => value.to_string().parse().map_or(Value::Null, float),
        Val::Float64(value) => float(*value),
        Val::Char(value) => json!(value),
        Val::String(value) => json!(value),
        Val::List(items) | Val::Tuple(items) => items.iter().map(to_canonical).collect(),
        Val::Record(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), to_canonical(value))).collect())
        }
        Val::Variant(case, value) => entry(case, optional(value)),
        Val::Enum(case) => json!(case),
        Val::Option(Some(inner)) if matches!(**inner, Val::Option(_)) => entry("some", to_canonical(inner)),
        Val::Option(value) => optional(value),
        Val::Result(Ok(value)) => entry("ok", optional(value)),
        Val::Result(Err(value)) => entry("err", optional(value)),
        Val::Flags(set) => json!(set),
        // No plan has such a value.
        _ => Value::Null,
    }
}

fn float(value: f64) -> Value {
    let special = || match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    };
    Number::from_f64(value).map_or_else(|| json!(special()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_form() {
        let text = |text: &str| Val::String(text.into());
        let some = |value: Val| Val::Option(Some(Box::new(value)));
        for (value, expected) in [
            (Val::U64(u64::MAX), json!("18446744073709551615")),
            (Val::S64(i64::MIN), json!("-9223372036854775808")),
            (Val::U32(7), json!(7)),
            (Val::Float32(0.1), json!(0.1)),
            (Val::Float64(f64::NEG_INFINITY), json!("-Infinity")),
            (Val::Char('é'), json!("é")),
            (Val::Option(None), Value::Null),
            (some(text("a")), json!("a")),
            (some(Val::Option(None)), json!({ "some": null })),
            (some(some(text("a"))), json!({ "some": "a" })),
            (Val::Variant("other".into(), Some(Box::new(text("x")))), json!({ "other": "x" })),
            (Val::Variant("paid".into(), None), json!({ "paid": null })),
            (Val::Result(Err(None)), json!({ "err": null })),
            (Val::List(vec![Val::Tuple(vec![text("k"), Val::Bool(true)])]), json!([["k", true]])),
            (Val::Record(vec![("date-time".into(), text("t"))]), json!({ "date-time": "t" })),
            (Val::Flags(vec!["a".into()]), json!(["a"])),
        ] {
            assert_eq!(to_canonical(&value), expected, "{value:?}");
        }
    }
}
