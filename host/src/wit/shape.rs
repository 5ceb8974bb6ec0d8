//! The types of payloads, as the templates of SDKs see them.

use serde::Serialize;

/// A record, a variant, an enumeration or flags.
#[derive(Debug, Clone, Serialize)]
pub struct TypeDef {
    /// Its name, unique in the package: another type of the same name has its interface's name before its own.
    pub name: String,
    /// The interface that defines it.
    pub interface: String,
    /// That interface: `acme:events/orders@1.0.0`.
    pub wit: String,
    /// Its name there.
    pub wit_name: String,
    /// The documentation.
    pub docs: String,
    /// The size of a value in memory, by the canonical ABI on 32-bit WebAssembly.
    pub size_bytes: usize,
    /// What it is, with its fields or cases.
    #[serde(flatten)]
    pub kind: TypeDefKind,
}

/// What a named type is.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum TypeDefKind {
    /// All of these fields.
    Record {
        /// In the order of the WIT.
        fields: Vec<Field>,
    },
    /// One of these cases, some with a value.
    Variant {
        /// In the order of the WIT.
        cases: Vec<Case>,
    },
    /// One of these cases.
    Enum {
        /// In the order of the WIT.
        cases: Vec<Case>,
    },
    /// Any of these.
    Flags {
        /// In the order of the WIT.
        cases: Vec<Case>,
    },
}

/// A field of a record.
#[derive(Debug, Clone, Serialize)]
pub struct Field {
    /// `date-time`
    pub name: String,
    /// The documentation.
    pub docs: String,
    /// The type.
    #[serde(rename = "type")]
    pub ty: Type,
}

/// A case of a variant or an enumeration, or a flag.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// `no-show`
    pub name: String,
    /// The documentation.
    pub docs: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub ty: Option<Type>,
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Type {
    /// True or false.
    Bool,
    /// An integer.
    U8,
    /// An integer.
    U16,
    /// An integer.
    U32,
    /// An integer.
    U64,
    /// An integer.
    S8,
    /// An integer.
    S16,
    /// An integer.
    S32,
    /// An integer.
    S64,
    /// A number.
    F32,
    /// A number.
    F64,
    /// A character.
    Char,
    /// Text.
    String,
    /// A list.
    List {
        /// The type of each item.
        item: Box<Type>,
    },
    /// A list of pairs, the first of each a string: an object in JSON.
    Map {
        /// The type of keys: a string.
        key: Box<Type>,
        /// The type of values.
        value: Box<Type>,
    },
    /// A value or none.
    Option {
        /// The type of the value.
        item: Box<Type>,
    },
    /// One value of each type.
    Tuple {
        /// The types.
        items: Vec<Type>,
    },
    /// A [`TypeDef`] of the package.
    Named {
        /// [`TypeDef::name`]
        name: String,
        /// What it is.
        type_kind: Kind,
    },
}

/// What a named type is, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A record.
    Record,
    /// A variant.
    Variant,
    /// An enumeration.
    Enum,
    /// Flags.
    Flags,
}
