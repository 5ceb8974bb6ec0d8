//! The forms of texts and numbers in requests, as the API's description states them. Each pattern stands beside the
//! function that checks the text; the end-to-end test with schemathesis holds the two together.

use std::fmt;

use serde::de::{self, DeserializeOwned, Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::selections::{KEY_MAX_BYTES, KEY_PATTERN, REVISION_PATTERN, SOURCE_PATTERN, TEXT_MAX_CHARS};
use crate::admin::log_level::{LOG_FILTER_MAX_CHARS, LOG_FILTER_PATTERN};
use crate::audit::HEAD_PATTERN;
use crate::delivery::DELIVERY_ID_PATTERN;
use crate::effect::EFFECT_ID_PATTERN;
use crate::event::{NAME_PATTERN, NUMBER_PATTERN};
use crate::switch::{TYPES_MAX_CHARS, TYPES_PATTERN};
use crate::token::PLUGINS_PATTERN;

/// The form of the cursor of a list of a store's keys: bucket and key, hexadecimal.
pub(super) const STORE_CURSOR_PATTERN: &str = r"^([0-9a-f]{2})*\.([0-9a-f]{2})*$";

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $pattern:expr, $max_chars:expr;)*) => {
        $(
            $(#[$doc])*
            pub(in crate::admin) struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let (pattern, max_chars): (Option<&str>, Option<usize>) = ($pattern, $max_chars);
                    let text = ObjectBuilder::new().schema_type(Type::String);
                    text.pattern(pattern).max_length(max_chars).into()
                }
            }

            impl ToSchema for $name {}
        )*
    };
}

texts! {
    /// The name of a plugin, a token, an alert or a source.
    NameText: Some(NAME_PATTERN), None;
    /// The source of received events, or `plugin.NAME`.
    SourceText: Some(SOURCE_PATTERN), None;
    /// A delivery's id, such as 12-1.
    DeliveryIdText: Some(DELIVERY_ID_PATTERN), None;
    /// The cursor of a list of effects.
    EffectCursor: Some(EFFECT_ID_PATTERN), None;
    /// The cursor of a list of numbered rows.
    NumberCursor: Some(NUMBER_PATTERN), None;
    /// The cursor of a list of a store's keys.
    StoreCursor: Some(STORE_CURSOR_PATTERN), None;
    /// The first digits of a revision's digest.
    RevisionText: Some(REVISION_PATTERN), None;
    /// An effect's key.
    EffectKeyText: Some(KEY_PATTERN), Some(KEY_MAX_BYTES);
    /// The number and the hash of an entry of the audit log.
    HeadText: Some(HEAD_PATTERN), None;
    /// A type of events, a family of types, or `*`.
    TypesText: Some(TYPES_PATTERN), Some(TYPES_MAX_CHARS);
    /// A pattern of plugins' names.
    PluginsText: Some(PLUGINS_PATTERN), None;
    /// A filter of the host's log.
    LogFilterText: Some(LOG_FILTER_PATTERN), Some(LOG_FILTER_MAX_CHARS);
    /// A text that events or deliveries are selected by.
    SelectionText: None, Some(TEXT_MAX_CHARS);
}

/// An integer as JSON Schema has it: `12.0` is one too. It has 64 bits with a sign, as the description states.
struct Integer(i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(IntegerVisitor).map(Self)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer of 64 bits")
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<i64, E> {
        Ok(integer)
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<i64, E> {
        i64::try_from(integer).map_err(|_| E::invalid_value(Unexpected::Unsigned(integer), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<i64, E> {
        // The text of a whole number has no fraction and no exponent.
        number.to_string().parse().map_err(|_| E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// Reads a time, ms since the Unix epoch, or a length of time in milliseconds.
pub(super) fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let time = Option::<Integer>::deserialize(deserializer)?;
    let wrong = |time| D::Error::invalid_value(Unexpected::Signed(time), &"a number from 0");
    time.map(|Integer(time)| u64::try_from(time).map_err(|_| wrong(time))).transpose()
}

/// Reads numbers of events.
pub(super) fn read_integers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<i64>>, D::Error> {
    let integers = Option::<Vec<Integer>>::deserialize(deserializer)?;
    Ok(integers.map(|integers| integers.into_iter().map(|Integer(integer)| integer).collect()))
}

/// Reads a JSON object. By itself, serde reads a structure from an array of its members too.
pub(super) fn read_object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let text = Box::<RawValue>::deserialize(deserializer)?;
    if !text.get().starts_with('{') {
        return Err(D::Error::custom("it is not an object"));
    }
    serde_json::from_str(text.get()).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_has_no_fraction_and_64_bits() {
        let read = |json: &str| serde_json::from_str(json).map(|Integer(integer)| integer).ok();
        for (json, integer) in
            [("12", 12), ("-3", -3), ("12.0", 12), ("1e3", 1000), ("9223372036854775807", i64::MAX)]
        {
            assert_eq!(read(json), Some(integer), "{json}");
        }
        for wrong in ["9223372036854775808", "1.5", "1e30", "\"1\"", "null", "true"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_structure_is_read_from_an_object_only() {
        #[derive(Debug, Default, PartialEq, Eq, serde::Deserialize)]
        #[serde(default)]
        struct Part {
            of: Option<u8>,
        }
        #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
        struct Whole {
            #[serde(deserialize_with = "read_object")]
            part: Part,
        }
        let whole: Whole = serde_json::from_str(r#"{"part": {"of": 1}}"#).unwrap();
        assert_eq!(whole, Whole { part: Part { of: Some(1) } });
        for wrong in [r#"{"part": [1]}"#, r#"{"part": null}"#, r#"{"part": {"of": [1]}}"#] {
            assert!(serde_json::from_str::<Whole>(wrong).is_err(), "{wrong}");
        }
    }
}
