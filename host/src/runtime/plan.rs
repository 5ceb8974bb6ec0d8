//! Plans for decoding JSON into a guest's types. A plan is made of a component's own WIT type once, when the plugin is
//! loaded, and followed for each call.

use wasmtime::component::Type;

use super::text::{self, NAME_MAX_BYTES};
use crate::event::{is_same_name, normalize_name};

/// The rules for decoding a JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    Bool,
    Int(Int),
    /// A record with the only field `exact-u64: string` or `exact-s64: string`: a 64-bit integer as its digits, for
    /// languages whose numbers do not hold it.
    Digits(Int),
    Float32,
    Float64,
    Char,
    String,
    Option(Box<Plan>),
    List(Box<Plan>),
    /// `list<tuple<string, T>>`: a JSON object, in its order, without the members with these names.
    Map(Box<Plan>, RedactedKeys),
    Tuple(Vec<Plan>),
    Record(Fields),
    Variant(Variant),
    Enum(Names),
    Flags(Names),
    /// An optional value that the plugin never gets.
    RedactedOption,
    /// A text that the plugin never gets.
    RedactedString,
}

/// The text in place of one that a plugin never gets.
pub(super) const REDACTED: &str = "[redacted]";

/// The members of a map that a plugin never gets.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum RedactedKeys {
    #[default]
    None,
    /// Those with one of these names.
    Named(Vec<String>),
    All,
}

impl RedactedKeys {
    pub(super) fn contains(&self, key: &str) -> bool {
        match self {
            Self::None => false,
            Self::Named(names) => names.iter().any(|name| is_same_name(key, name)),
            Self::All => true,
        }
    }
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

/// A record's fields, in its order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields {
    pub(super) all: Vec<Field>,
    index: NameIndex,
    /// Memory of the names in each value: a value has its own copies.
    pub(super) names_bytes: usize,
}

impl Fields {
    pub(super) fn new(all: Vec<Field>) -> Self {
        let index = NameIndex::new(all.iter().map(|field| field.name.as_str()));
        let names_bytes = all.iter().map(|field| heap_bytes(field.name.len())).sum();
        Self { all, index, names_bytes }
    }

    /// The field that a sender's key means.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        self.find_all(key).next()
    }

    /// The fields whose names are the same as a key.
    pub(super) fn find_all(&self, key: &str) -> impl Iterator<Item = usize> {
        self.index.find(key)
    }
}

/// The cases of a variant. `other(string)` stands for names that it does not have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variant {
    pub(super) cases: Vec<(String, Option<Plan>)>,
    pub(super) has_other: bool,
    /// Whether each payload is one of the scalar types, other variants excluded.
    has_simple_payloads: bool,
    index: NameIndex,
}

impl Variant {
    pub(super) fn new(cases: Vec<(String, Option<Plan>)>) -> Self {
        let has_other = cases.iter().any(|(name, plan)| name == "other" && *plan == Some(Plan::String));
        let is_simple = |plan: &Plan| plan.is_scalar() && !matches!(plan, Plan::Variant(_));
        let has_simple_payloads = cases.iter().all(|(_, plan)| plan.as_ref().is_none_or(is_simple));
        let index = NameIndex::new(cases.iter().map(|(name, _)| name.as_str()));
        Self { cases, has_other, has_simple_payloads, index }
    }

    /// The cases that a sender's name may mean.
    pub(super) fn find(&self, name: &str) -> impl Iterator<Item = &(String, Option<Plan>)> {
        self.index.find(name).filter_map(|at| self.cases.get(at))
    }
}

/// The names of an enum or of flags.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Names {
    pub(super) all: Vec<String>,
    index: NameIndex,
}

impl Names {
    pub(super) fn new(all: Vec<String>) -> Self {
        let index = NameIndex::new(all.iter().map(String::as_str));
        Self { all, index }
    }

    /// The name that a sender's spelling means.
    pub(super) fn find(&self, name: &str) -> Option<&String> {
        self.index.find(name).find_map(|at| self.all.get(at))
    }
}

/// Finds names by [`crate::event::is_same_name`] without comparing each of them.
#[derive(Debug, Clone, PartialEq)]
struct NameIndex(Vec<(String, usize)>);

impl NameIndex {
    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut index: Vec<_> = names.enumerate().map(|(at, name)| (normalize_name(name), at)).collect();
        index.sort();
        Self(index)
    }

    /// The positions of the names that are the same by [`crate::event::is_same_name`], in their order.
    fn find(&self, name: &str) -> impl Iterator<Item = usize> {
        let normalized = normalize_name(name);
        let start = self.0.partition_point(|(known, _)| *known < normalized);
        self.0[start..].iter().take_while(move |(known, _)| *known == normalized).map(|(_, at)| *at)
    }
}

/// Memory of a text of this length on the heap, about.
pub(super) fn heap_bytes(length: usize) -> usize {
    if length == 0 { 0 } else { length + length / 8 + 16 }
}

/// Parts that a type may have: fields, cases and their types. A type that another names many times counts as often.
const PARTS_MAX: usize = 50_000;

/// Makes a plan of a type with a limited number of parts.
struct PlanBuilder {
    parts_left: usize,
}

impl Plan {
    /// Makes the plan of a type. `place` names it in errors.
    ///
    /// # Errors
    /// The message names the place and the type that JSON cannot be decoded into, or says that the type
    /// is too large.
    pub(super) fn from_type(ty: &Type, place: &str) -> Result<Self, String> {
        PlanBuilder { parts_left: PARTS_MAX }.plan(ty, place)
    }

    /// Whether a value is decoded from the text of one JSON value, and not part by part from an array or object.
    pub(super) fn is_scalar(&self) -> bool {
        match self {
            Self::Bool
            | Self::Int(_)
            | Self::Digits(_)
            | Self::Float32
            | Self::Float64
            | Self::Char
            | Self::String
            | Self::Enum(_)
            | Self::RedactedOption
            | Self::RedactedString => true,
            Self::Variant(variant) => variant.has_simple_payloads,
            Self::Option(_)
            | Self::List(_)
            | Self::Map(..)
            | Self::Tuple(_)
            | Self::Record(_)
            | Self::Flags(_) => false,
        }
    }

    /// The type's name, for people.
    pub(super) fn type_name(&self) -> String {
        let listed = |names: &[String]| text::join_names(names.iter().map(String::as_str), ", ");
        match self {
            Self::Bool => "bool".into(),
            Self::Int(int) | Self::Digits(int) => int.type_name().into(),
            Self::Float32 => "f32".into(),
            Self::Float64 => "f64".into(),
            Self::Char => "char".into(),
            Self::String | Self::RedactedString => "string".into(),
            Self::RedactedOption => "option".into(),
            Self::Option(inner) => format!("option<{}>", inner.type_name()),
            Self::List(inner) => format!("list<{}>", inner.type_name()),
            Self::Map(inner, _) => format!("list<tuple<string, {}>>", inner.type_name()),
            Self::Tuple(parts) if parts.len() > TUPLE_SHOWN_MAX => format!("tuple of {} values", parts.len()),
            Self::Tuple(parts) => {
                format!("tuple<{}>", parts.iter().map(Self::type_name).collect::<Vec<_>>().join(", "))
            }
            Self::Record(_) => "record".into(),
            Self::Variant(variant) => {
                let names = variant.cases.iter().map(|(name, _)| name.as_str());
                format!("variant {{ {} }}", text::join_names(names, ", "))
            }
            Self::Enum(names) => format!("enum {{ {} }}", listed(&names.all)),
            Self::Flags(names) => format!("flags {{ {} }}", listed(&names.all)),
        }
    }
}

/// Longest tuple whose parts are listed in a message.
const TUPLE_SHOWN_MAX: usize = 16;

impl PlanBuilder {
    fn plan(&mut self, ty: &Type, place: &str) -> Result<Plan, String> {
        self.charge(1, place)?;
        Ok(match ty {
            Type::Bool => Plan::Bool,
            Type::U8 => Plan::Int(Int::U8),
            Type::U16 => Plan::Int(Int::U16),
            Type::U32 => Plan::Int(Int::U32),
            Type::U64 => Plan::Int(Int::U64),
            Type::S8 => Plan::Int(Int::S8),
            Type::S16 => Plan::Int(Int::S16),
            Type::S32 => Plan::Int(Int::S32),
            Type::S64 => Plan::Int(Int::S64),
            Type::Float32 => Plan::Float32,
            Type::Float64 => Plan::Float64,
            Type::Char => Plan::Char,
            Type::String => Plan::String,
            Type::Option(option) => Plan::Option(Box::new(self.plan(&option.ty(), place)?)),
            Type::List(list) => self.list(&list.ty(), place)?,
            Type::Tuple(tuple) => {
                let parts = tuple.types().enumerate();
                let parts = parts.map(|(i, ty)| self.plan(&ty, &format!("{place}.{i}")));
                Plan::Tuple(parts.collect::<Result<_, _>>()?)
            }
            Type::Record(record) => match digits(record) {
                Some(int) => Plan::Digits(int),
                None => self.record(record, place)?,
            },
            Type::Variant(variant) => Plan::Variant(self.variant(variant, place)?),
            Type::Enum(names) => Plan::Enum(self.names(names.names(), place)?),
            Type::Flags(names) => Plan::Flags(self.names(names.names(), place)?),
            other => return Err(format!("{place}: JSON cannot be read into {}", type_name(other))),
        })
    }

    fn list(&mut self, item: &Type, place: &str) -> Result<Plan, String> {
        if let Type::Tuple(tuple) = item {
            let mut types = tuple.types();
            if let (Some(Type::String), Some(value), None) = (types.next(), types.next(), types.next()) {
                let value = self.plan(&value, &format!("{place}.*"))?;
                return Ok(Plan::Map(Box::new(value), RedactedKeys::None));
            }
        }
        Ok(Plan::List(Box::new(self.plan(item, &format!("{place}[]"))?)))
    }

    fn record(&mut self, record: &wasmtime::component::types::Record, place: &str) -> Result<Plan, String> {
        let fields = record.fields().map(|field| {
            let name = checked_name(field.name, place)?;
            let plan = self.plan(&field.ty, &format!("{place}.{name}"))?;
            Ok(Field { name, plan })
        });
        Ok(Plan::Record(Fields::new(fields.collect::<Result<_, String>>()?)))
    }

    fn variant(
        &mut self,
        variant: &wasmtime::component::types::Variant,
        place: &str,
    ) -> Result<Variant, String> {
        let mut cases = Vec::new();
        for case in variant.cases() {
            let name = checked_name(case.name, place)?;
            let place = format!("{place}.{name}");
            cases.push((name, case.ty.map(|ty| self.plan(&ty, &place)).transpose()?));
        }
        Ok(Variant::new(cases))
    }

    fn names<'a>(
        &mut self,
        names: impl ExactSizeIterator<Item = &'a str>,
        place: &str,
    ) -> Result<Names, String> {
        self.charge(names.len(), place)?;
        Ok(Names::new(names.map(|name| checked_name(name, place)).collect::<Result<_, _>>()?))
    }

    fn charge(&mut self, parts: usize, place: &str) -> Result<(), String> {
        let left = self.parts_left.checked_sub(parts);
        self.parts_left = left.ok_or_else(|| format!("{place}: the type has more than {PARTS_MAX} parts"))?;
        Ok(())
    }
}

/// The integer whose digits a record holds: see [`Plan::Digits`].
fn digits(record: &wasmtime::component::types::Record) -> Option<Int> {
    let mut fields = record.fields();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    [Int::U64, Int::S64].into_iter().find(|int| int.digits_field() == field.name && field.ty == Type::String)
}

/// Copies a name, unless it is much longer than any that a sender writes.
fn checked_name(name: &str, place: &str) -> Result<String, String> {
    if name.len() > NAME_MAX_BYTES {
        let (size, shown) = (name.len(), text::truncate_name(name));
        return Err(format!("{place}: the name {shown} has {size} bytes, at most {NAME_MAX_BYTES}"));
    }
    Ok(name.to_owned())
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

    /// The only field of a record with its digits.
    pub(super) fn digits_field(self) -> &'static str {
        if self == Self::S64 { "exact-s64" } else { "exact-u64" }
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
