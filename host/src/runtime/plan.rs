//! How to read JSON into a guest's type: a component's own WIT type, walked once when the plugin is
//! loaded, so that a call only follows it.

use wasmtime::component::Type;

/// What to build from a JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    Bool,
    Int(Int),
    Float32,
    Float64,
    Char,
    String,
    Option(Box<Plan>),
    List(Box<Plan>),
    /// `list<tuple<string, T>>`: a JSON object, in its order.
    Map(Box<Plan>),
    Tuple(Vec<Plan>),
    Record(Vec<Field>),
    Variant(Variant),
    Enum(Vec<String>),
    Flags(Vec<String>),
}

/// The integer types.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Int {
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
}

/// A record's field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) plan: Plan,
}

/// A variant: cases by name, and `other(string)` for names it does not have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variant {
    pub(super) cases: Vec<(String, Option<Plan>)>,
    pub(super) has_other: bool,
}

impl Plan {
    /// Walks a type.
    ///
    /// # Errors
    /// Names the place and the type that JSON cannot be read into.
    pub(super) fn of(ty: &Type, place: &str) -> Result<Self, String> {
        Ok(match ty {
            Type::Bool => Self::Bool,
            Type::U8 => Self::Int(Int::U8),
            Type::U16 => Self::Int(Int::U16),
            Type::U32 => Self::Int(Int::U32),
            Type::U64 => Self::Int(Int::U64),
            Type::S8 => Self::Int(Int::S8),
            Type::S16 => Self::Int(Int::S16),
            Type::S32 => Self::Int(Int::S32),
            Type::S64 => Self::Int(Int::S64),
            Type::Float32 => Self::Float32,
            Type::Float64 => Self::Float64,
            Type::Char => Self::Char,
            Type::String => Self::String,
            Type::Option(option) => Self::Option(Box::new(Self::of(&option.ty(), place)?)),
            Type::List(list) => Self::of_list(&list.ty(), place)?,
            Type::Tuple(tuple) => {
                let parts = tuple.types().enumerate();
                Self::Tuple(
                    parts.map(|(i, ty)| Self::of(&ty, &format!("{place}.{i}"))).collect::<Result<_, _>>()?,
                )
            }
            Type::Record(record) => Self::Record(
                record
                    .fields()
                    .map(|field| {
                        let plan = Self::of(&field.ty, &format!("{place}.{}", field.name))?;
                        Ok(Field { name: field.name.into(), plan })
                    })
                    .collect::<Result<_, String>>()?,
            ),
            Type::Variant(variant) => Self::Variant(Variant::of(variant, place)?),
            Type::Enum(names) => Self::Enum(names.names().map(Into::into).collect()),
            Type::Flags(names) => Self::Flags(names.names().map(Into::into).collect()),
            other => return Err(format!("{place}: JSON cannot be read into {}", type_name(other))),
        })
    }

    fn of_list(item: &Type, place: &str) -> Result<Self, String> {
        if let Type::Tuple(tuple) = item {
            let mut types = tuple.types();
            if let (Some(Type::String), Some(value), None) = (types.next(), types.next(), types.next()) {
                return Ok(Self::Map(Box::new(Self::of(&value, &format!("{place}.*"))?)));
            }
        }
        Ok(Self::List(Box::new(Self::of(item, &format!("{place}[]"))?)))
    }

    /// The type's name, for people.
    pub(super) fn type_name(&self) -> String {
        match self {
            Self::Bool => "bool".into(),
            Self::Int(int) => int.type_name().into(),
            Self::Float32 => "f32".into(),
            Self::Float64 => "f64".into(),
            Self::Char => "char".into(),
            Self::String => "string".into(),
            Self::Option(inner) => format!("option<{}>", inner.type_name()),
            Self::List(inner) => format!("list<{}>", inner.type_name()),
            Self::Map(inner) => format!("list<tuple<string, {}>>", inner.type_name()),
            Self::Tuple(parts) => {
                format!("tuple<{}>", parts.iter().map(Self::type_name).collect::<Vec<_>>().join(", "))
            }
            Self::Record(_) => "record".into(),
            Self::Variant(variant) => {
                let names = variant.cases.iter().map(|(name, _)| name.as_str());
                format!("variant {{ {} }}", names.collect::<Vec<_>>().join(", "))
            }
            Self::Enum(names) => format!("enum {{ {} }}", names.join(", ")),
            Self::Flags(names) => format!("flags {{ {} }}", names.join(", ")),
        }
    }
}

impl Variant {
    fn of(variant: &wasmtime::component::types::Variant, place: &str) -> Result<Self, String> {
        let mut cases = Vec::new();
        for case in variant.cases() {
            let place = format!("{place}.{}", case.name);
            cases.push((case.name.to_owned(), case.ty.map(|ty| Plan::of(&ty, &place)).transpose()?));
        }
        let has_other = cases.iter().any(|(name, plan)| name == "other" && *plan == Some(Plan::String));
        Ok(Self { cases, has_other })
    }
}

impl Int {
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::S8 => "s8",
            Self::S16 => "s16",
            Self::S32 => "s32",
            Self::S64 => "s64",
        }
    }
}

/// A WIT type's name, for people.
pub(super) fn type_name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::List(_) => "a list",
        Type::Map(_) => "a map",
        Type::Record(_) => "a record",
        Type::Tuple(_) => "a tuple",
        Type::Variant(_) => "a variant",
        Type::Enum(_) => "an enum",
        Type::Option(_) => "an option",
        Type::Result(_) => "a result",
        Type::Flags(_) => "flags",
        Type::Own(_) | Type::Borrow(_) => "a resource",
        Type::Future(_) => "a future",
        Type::Stream(_) => "a stream",
        Type::ErrorContext => "an error context",
        Type::FixedLengthList(_) => "a list of fixed length",
    }
}

/// Is this JSON name (`departmentId`, `department_id`, `DEPARTMENT_ID`) that WIT name
/// (`department-id`)? Case and the joints between words do not count.
pub(super) fn same_name(json: &str, wit: &str) -> bool {
    let mut wit = wit.bytes().filter(|byte| *byte != b'-');
    let mut json = json.bytes().filter(|byte| !matches!(byte, b'-' | b'_' | b'.' | b' '));
    loop {
        match (json.next(), wit.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_whatever_joins_their_words() {
        for (json, wit, same) in [
            ("departmentId", "department-id", true),
            ("qrCode", "qr-code", true),
            ("QRCode", "qr-code", true),
            ("department_id", "department-id", true),
            ("NO_SHOW", "no-show", true),
            ("id", "id", true),
            ("ids", "id", false),
            ("i", "id", false),
            ("", "id", false),
        ] {
            assert_eq!(same_name(json, wit), same, "{json} {wit}");
        }
    }
}
