//! A typed value in canonical JSON, and as templates and senders see it.
//!
//! Canonical JSON has one form for each value: records are objects with the WIT's names and all fields, none is
//! null and some is its value (`{"some": …}` in another option), variants are `{"case": value or null}`, enumerations
//! their case, flags and lists arrays, maps arrays of pairs, 64-bit integers decimal strings, other numbers numbers.

use heck::ToLowerCamelCase as _;
use serde::Serialize;
use serde_json::{Map, Number, Value as Json};

use super::shape::{Case, Field, Type, TypeDef, TypeDefKind};

/// A typed value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(missing_docs, reason = "the fields are those of the types")]
pub enum Value {
    Bool { value: bool },
    U8 { text: String },
    U16 { text: String },
    U32 { text: String },
    U64 { text: String },
    S8 { text: String },
    S16 { text: String },
    S32 { text: String },
    S64 { text: String },
    F32 { text: String },
    F64 { text: String },
    Char { text: String },
    String { text: String },
    List { item: Type, items: Vec<Value> },
    Map { key: Type, value: Type, pairs: Vec<(Value, Value)> },
    Option { item: Type, value: Option<Box<Value>> },
    Tuple { items: Vec<Value> },
    Record { name: String, fields: Vec<FieldValue> },
    Variant { name: String, case: String, value: Option<Box<Value>> },
    Enum { name: String, case: String },
    Flags { name: String, set: Vec<String> },
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldValue {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl Value {
    /// A value where there is none yet.
    pub(super) fn none() -> Self {
        Self::Tuple { items: Vec::new() }
    }

    /// Reads a value of this type.
    ///
    /// # Errors
    /// When the JSON is not the canonical form of such a value.
    pub(super) fn from_canonical(ty: &Type, json: &Json, types: &[TypeDef]) -> Result<Self, String> {
        let value = |ty: &Type, json: &Json| Self::from_canonical(ty, json, types);
        let wrong = || format!("{json} is no {ty:?}");
        Ok(match ty {
            Type::Option { .. } if json.is_null() => {
                let Type::Option { item } = ty else { return Err(wrong()) };
                Self::Option { item: (**item).clone(), value: None }
            }
            Type::Option { item } => {
                let inner = match **item {
                    Type::Option { .. } => json.get("some").ok_or_else(wrong)?,
                    _ => json,
                };
                Self::Option { item: (**item).clone(), value: Some(Box::new(value(item, inner)?)) }
            }
            Type::List { item } => {
                let items = json.as_array().ok_or_else(wrong)?.iter().map(|json| value(item, json));
                Self::List { item: (**item).clone(), items: items.collect::<Result<_, _>>()? }
            }
            Type::Map { key, value: of } => {
                let pair = |json: &Json| match json.as_array().map(Vec::as_slice) {
                    Some([first, second]) => Ok((value(key, first)?, value(of, second)?)),
                    _ => Err(wrong()),
                };
                let pairs = json.as_array().ok_or_else(wrong)?.iter().map(pair).collect::<Result<_, _>>()?;
                Self::Map { key: (**key).clone(), value: (**of).clone(), pairs }
            }
            Type::Tuple { items } => {
                let parts = json.as_array().filter(|parts| parts.len() == items.len()).ok_or_else(wrong)?;
                let items = items.iter().zip(parts).map(|(ty, json)| value(ty, json));
                Self::Tuple { items: items.collect::<Result<_, _>>()? }
            }
            Type::Named { name, .. } => {
                let def = types.iter().find(|def| def.name == *name).ok_or_else(wrong)?;
                Self::named(def, json, types)?
            }
            scalar => Self::scalar(scalar, json).ok_or_else(wrong)?,
        })
    }

    fn named(def: &TypeDef, json: &Json, types: &[TypeDef]) -> Result<Self, String> {
        let wrong = || format!("{json} is no {}", def.name);
        let name = def.name.clone();
        Ok(match &def.kind {
            TypeDefKind::Record { fields } => {
                let field = |Field { name, ty, .. }: &Field| {
                    let json = json.get(name).ok_or_else(wrong)?;
                    Ok(FieldValue { name: name.clone(), value: Self::from_canonical(ty, json, types)? })
                };
                Self::Record { name, fields: fields.iter().map(field).collect::<Result<_, String>>()? }
            }
            TypeDefKind::Variant { cases } => {
                let (case, content) = only_entry(json).ok_or_else(wrong)?;
                let Case { ty, .. } = cases.iter().find(|known| known.name == *case).ok_or_else(wrong)?;
                let content = ty.as_ref().map(|ty| Self::from_canonical(ty, content, types)).transpose()?;
                Self::Variant { name, case: case.clone(), value: content.map(Box::new) }
            }
            TypeDefKind::Enum { .. } => Self::Enum { name, case: json.as_str().ok_or_else(wrong)?.into() },
            TypeDefKind::Flags { .. } => {
                let set = json.as_array().ok_or_else(wrong)?.iter();
                let set = set.map(|flag| flag.as_str().map(str::to_owned).ok_or_else(wrong));
                Self::Flags { name, set: set.collect::<Result<_, _>>()? }
            }
        })
    }

    fn scalar(ty: &Type, json: &Json) -> Option<Self> {
        let text = match json {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            Json::Bool(value) => return matches!(ty, Type::Bool).then_some(Self::Bool { value: *value }),
            _ => return None,
        };
        Some(match ty {
            Type::U8 => Self::U8 { text },
            Type::U16 => Self::U16 { text },
            Type::U32 => Self::U32 { text },
            Type::U64 => Self::U64 { text },
            Type::S8 => Self::S8 { text },
            Type::S16 => Self::S16 { text },
            Type::S32 => Self::S32 { text },
            Type::S64 => Self::S64 { text },
            Type::F32 => Self::F32 { text },
            Type::F64 => Self::F64 { text },
            Type::Char => Self::Char { text },
            Type::String => Self::String { text },
            _ => return None,
        })
    }

    /// The value as a sender writes it: names in camel case, maps as objects, integers as numbers.
    #[must_use]
    pub fn as_sent(&self) -> Json {
        let optional = |value: &Option<Box<Self>>| value.as_ref().map_or(Json::Null, |value| value.as_sent());
        match self {
            Self::Bool { value } => Json::Bool(*value),
            Self::Char { text } | Self::String { text } => Json::String(text.clone()),
            Self::U8 { text }
            | Self::U16 { text }
            | Self::U32 { text }
            | Self::U64 { text }
            | Self::S8 { text }
            | Self::S16 { text }
            | Self::S32 { text }
            | Self::S64 { text }
            | Self::F32 { text }
            | Self::F64 { text } => number(text),
            Self::List { items, .. } | Self::Tuple { items } => items.iter().map(Self::as_sent).collect(),
            Self::Map { pairs, .. } => {
                let key = |key: &Self| match key.as_sent() {
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                Json::Object(pairs.iter().map(|(k, value)| (key(k), value.as_sent())).collect())
            }
            Self::Option { value, .. } => optional(value),
            Self::Record { fields, .. } => {
                let field = |field: &FieldValue| (field.name.to_lower_camel_case(), field.value.as_sent());
                Json::Object(fields.iter().map(field).collect())
            }
            Self::Variant { case, value: None, .. } | Self::Enum { case, .. } => Json::String(case.clone()),
            Self::Variant { case, value: Some(value), .. } if case == "other" => value.as_sent(),
            Self::Variant { case, value: Some(value), .. } => {
                Json::Object(Map::from_iter([(case.to_lower_camel_case(), value.as_sent())]))
            }
            Self::Flags { set, .. } => set.iter().cloned().map(Json::String).collect(),
        }
    }
}

fn only_entry(json: &Json) -> Option<(&String, &Json)> {
    json.as_object().filter(|entries| entries.len() == 1)?.iter().next()
}

/// A number, or the text where JSON has no such number.
fn number(text: &str) -> Json {
    let integer = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    let float = || text.parse::<f64>().ok().and_then(Number::from_f64);
    integer.ok().or_else(float).map_or_else(|| Json::String(text.to_owned()), Json::Number)
}
