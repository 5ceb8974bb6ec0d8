//! A sample of a payload, made from its type.

use serde_json::{Map, Value as Json, json};

use super::shape::{Case, Type, TypeDef, TypeDefKind};

/// Values in one sample: a few nested records can have billions.
const VALUES_MAX: usize = 10_000;

/// Canonical JSON of a value of this type. Texts follow from the names of their fields.
///
/// # Errors
/// When a value has too many parts.
pub(super) fn from_type(ty: &Type, types: &[TypeDef], name: &str) -> Result<Json, String> {
    Sampler { types, left: VALUES_MAX }.value(ty, name)
}

struct Sampler<'a> {
    types: &'a [TypeDef],
    left: usize,
}

impl Sampler<'_> {
    fn value(&mut self, ty: &Type, name: &str) -> Result<Json, String> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| format!("a sample of it has more than {VALUES_MAX} values"))?;
        Ok(match ty {
            Type::Bool => Json::Bool(true),
            Type::U8 | Type::U16 | Type::U32 | Type::S8 | Type::S16 | Type::S32 => json!(1),
            Type::U64 | Type::S64 => json!("1001"),
            Type::F32 | Type::F64 => json!(1.5),
            Type::Char => json!("a"),
            Type::String => json!(text(name)),
            Type::List { item } => json!([self.value(item, singular(name))?]),
            Type::Map { key, value } => {
                json!([[self.value(key, "key")?, self.value(value, singular(name))?]])
            }
            Type::Option { item } => match (&**item, self.value(item, name)?) {
                (Type::Option { .. }, value) => json!({ "some": value }),
                (_, value) => value,
            },
            Type::Tuple { items } => {
                let items = items.iter().map(|ty| self.value(ty, name));
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            Type::Named { name, .. } => self.named(name)?,
        })
    }

    fn named(&mut self, name: &str) -> Result<Json, String> {
        let def = self.types.iter().find(|def| def.name == name);
        let def = def.ok_or_else(|| format!("there is no type {name}"))?;
        let first = |cases: &[Case]| cases.first().map(|case| case.name.clone()).unwrap_or_default();
        Ok(match &def.kind {
            TypeDefKind::Record { fields } => {
                let mut object = Map::new();
                for field in fields {
                    object.insert(field.name.clone(), self.value(&field.ty, &field.name)?);
                }
                Json::Object(object)
            }
            TypeDefKind::Variant { cases } => {
                let ty = cases.first().and_then(|case| case.ty.as_ref());
                let value = ty.map_or(Ok(Json::Null), |ty| self.value(ty, name))?;
                Json::Object(Map::from_iter([(first(cases), value)]))
            }
            TypeDefKind::Enum { cases } => Json::String(first(cases)),
            TypeDefKind::Flags { cases } => json!([first(cases)]),
        })
    }
}

/// `lines` → `line`
fn singular(name: &str) -> &str {
    name.strip_suffix('s').filter(|name| !name.is_empty()).unwrap_or(name)
}

/// The text of a field with this name.
fn text(name: &str) -> String {
    let words: Vec<&str> = name.split('-').collect();
    let has = |all: &[&str]| words.iter().any(|word| all.contains(word));
    let sample = if has(&["email"]) {
        "ada@example.com"
    } else if has(&["phone", "mobile"]) {
        "+224621234567"
    } else if has(&["url", "uri", "link"]) {
        "https://example.com/1001"
    } else if has(&["date"]) && !has(&["time"]) {
        "2026-01-21"
    } else if has(&["at", "time", "timestamp", "date", "created", "updated"]) {
        "2026-01-21T14:30:00Z"
    } else if has(&["amount", "price", "total", "fee", "tax", "balance", "decimal"]) {
        "12.50"
    } else if has(&["currency"]) {
        "EUR"
    } else if has(&["country"]) {
        "GN"
    } else if has(&["id", "uuid", "key", "sku", "code", "number"]) {
        return format!("{}-1001", words.first().copied().unwrap_or("id"));
    } else {
        return words.join(" ");
    };
    sample.to_owned()
}
