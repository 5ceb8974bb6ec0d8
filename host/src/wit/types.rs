//! Translates the types of payloads.

use std::collections::{HashMap, HashSet};

use wit_parser::{InterfaceId, Resolve, SizeAlign, TypeDefKind as Wit, TypeId, TypeOwner};

use super::reserved::is_reserved_type;
use super::shape::{Case, Field, Kind, Type, TypeDef, TypeDefKind};

/// The named types of a package's payloads.
pub(super) struct Types<'a> {
    resolve: &'a Resolve,
    /// Of all types.
    pub(super) sizes: SizeAlign,
    /// In the order of their use: a type after those that it uses.
    pub(super) all: Vec<TypeDef>,
    known: HashMap<TypeId, (String, Kind)>,
    names: HashSet<String>,
    /// The handlers of the package, which are named like interfaces.
    handlers: HashSet<InterfaceId>,
    /// The handler whose payload is translated.
    current: Option<InterfaceId>,
    /// Names of cases as some languages write them: `payment-card` for the case `card` of `payment`.
    cases: HashSet<String>,
    /// The same with the names that the types got here.
    constants: HashSet<String>,
}

impl<'a> Types<'a> {
    pub(super) fn new(resolve: &'a Resolve, handlers: HashSet<InterfaceId>) -> Self {
        let (all, known, names) = (Vec::new(), HashMap::new(), HashSet::new());
        let (cases, constants) = (cases(resolve), HashSet::new());
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        Self { resolve, sizes, all, known, names, handlers, current: None, cases, constants }
    }

    /// Translates the payload of a handler.
    ///
    /// # Errors
    /// As [`Types::translate`].
    pub(super) fn payload(&mut self, handler: InterfaceId, ty: &wit_parser::Type) -> Result<Type, String> {
        self.current = Some(handler);
        self.translate(ty)
    }

    /// Translates a type, and adds the named types that it uses.
    ///
    /// # Errors
    /// When a payload cannot hold such a value.
    fn translate(&mut self, ty: &wit_parser::Type) -> Result<Type, String> {
        Ok(match ty {
            wit_parser::Type::Bool => Type::Bool,
            wit_parser::Type::U8 => Type::U8,
            wit_parser::Type::U16 => Type::U16,
            wit_parser::Type::U32 => Type::U32,
            wit_parser::Type::U64 => Type::U64,
            wit_parser::Type::S8 => Type::S8,
            wit_parser::Type::S16 => Type::S16,
            wit_parser::Type::S32 => Type::S32,
            wit_parser::Type::S64 => Type::S64,
            wit_parser::Type::F32 => Type::F32,
            wit_parser::Type::F64 => Type::F64,
            wit_parser::Type::Char => Type::Char,
            wit_parser::Type::String => Type::String,
            wit_parser::Type::ErrorContext => return Err("a payload cannot hold an error-context".into()),
            wit_parser::Type::Id(id) => self.translate_id(*id)?,
        })
    }

    fn translate_id(&mut self, id: TypeId) -> Result<Type, String> {
        let def = &self.resolve.types[id];
        match &def.kind {
            Wit::Type(ty) => self.translate(ty),
            Wit::List(item) => self.list(item),
            Wit::Map(..) => Err("a payload cannot hold a `map`: use `list<tuple<string, T>>`".into()),
            Wit::Option(item) => Ok(Type::Option { item: self.boxed(item)? }),
            Wit::Tuple(tuple) => {
                let items = tuple.types.iter().map(|ty| self.translate(ty));
                Ok(Type::Tuple { items: items.collect::<Result<_, _>>()? })
            }
            Wit::Record(_) | Wit::Variant(_) | Wit::Enum(_) | Wit::Flags(_) => self.named(id),
            other => Err(format!("a payload cannot hold a {}", other.as_str())),
        }
    }

    fn boxed(&mut self, ty: &wit_parser::Type) -> Result<Box<Type>, String> {
        self.translate(ty).map(Box::new)
    }

    fn list(&mut self, item: &wit_parser::Type) -> Result<Type, String> {
        Ok(match self.translate(item)? {
            Type::Tuple { items } => match <[Type; 2]>::try_from(items) {
                Ok([key @ Type::String, value]) => Type::Map { key: Box::new(key), value: Box::new(value) },
                Ok(items) => Type::List { item: Box::new(Type::Tuple { items: items.into() }) },
                Err(items) => Type::List { item: Box::new(Type::Tuple { items }) },
            },
            item => Type::List { item: Box::new(item) },
        })
    }

    fn named(&mut self, id: TypeId) -> Result<Type, String> {
        let def = &self.resolve.types[id];
        let docs = docs(&def.docs);
        let wit_name = def.name.clone().unwrap_or_default();
        let TypeOwner::Interface(owner) = def.owner else {
            return Err(format!("{wit_name}: it is defined in no interface"));
        };
        let interface = self.resolve.interfaces[owner].name.clone().unwrap_or_default();
        if self.handlers.contains(&owner) && self.current != Some(owner) {
            return Err(format!(
                "{wit_name}: another handler's interface, {interface}, defines it; move types that handlers share \
                 into an interface of their own"
            ));
        }
        if let Some((name, type_kind)) = self.known.get(&id) {
            return Ok(Type::Named { name: name.clone(), type_kind: *type_kind });
        }
        let within = |error: String| format!("{wit_name}: {error}");
        let (type_kind, kind) = self.definition(&def.kind).map_err(within)?;
        let name = self.unique_name(&interface, &wit_name, &kind)?;
        self.known.insert(id, (name.clone(), type_kind));
        let wit = self.resolve.id_of(owner).unwrap_or_default();
        let size_bytes = self.sizes.size(&wit_parser::Type::Id(id)).size_wasm32();
        self.all.push(TypeDef { name: name.clone(), interface, wit, wit_name, docs, size_bytes, kind });
        Ok(Type::Named { name, type_kind })
    }

    /// Its own name; or, where a handler or another type has that, or its cases' names, a longer one.
    fn unique_name(&mut self, interface: &str, wit_name: &str, kind: &TypeDefKind) -> Result<String, String> {
        let names = [wit_name.to_owned(), format!("{wit_name}-payload"), format!("{interface}-{wit_name}")];
        let interfaces = &self.resolve.interfaces;
        let is_handler =
            |name: &str| self.handlers.iter().any(|id| interfaces[*id].name.as_deref() == Some(name));
        let is_taken = |name: &String| {
            self.names.contains(name)
                || case_names(name, kind).any(|case| self.constants.contains(&case))
                || self.cases.contains(name)
                || is_handler(name)
                || is_reserved_type(name)
        };
        let name = names.into_iter().find(|name| !is_taken(name));
        let name = name.ok_or_else(|| format!("two types are named {interface}.{wit_name}"))?;
        self.constants.extend(case_names(&name, kind));
        self.names.insert(name.clone());
        Ok(name)
    }

    fn definition(&mut self, kind: &Wit) -> Result<(Kind, TypeDefKind), String> {
        let case = |name: &str, docs: &_| Case { name: name.to_owned(), docs: self::docs(docs), ty: None };
        Ok(match kind {
            Wit::Record(record) => {
                let field = |field: &wit_parser::Field| {
                    let ty = self.translate(&field.ty).map_err(|error| format!("{}: {error}", field.name))?;
                    Ok::<_, String>(Field { name: field.name.clone(), docs: docs(&field.docs), ty })
                };
                let fields = record.fields.iter().map(field).collect::<Result<_, _>>()?;
                (Kind::Record, TypeDefKind::Record { fields })
            }
            Wit::Variant(variant) => {
                let mut cases = Vec::new();
                for one in &variant.cases {
                    let ty = one.ty.as_ref().map(|ty| self.translate(ty)).transpose();
                    let ty = ty.map_err(|error| format!("{}: {error}", one.name))?;
                    cases.push(Case { ty, ..case(&one.name, &one.docs) });
                }
                (Kind::Variant, TypeDefKind::Variant { cases })
            }
            Wit::Enum(all) => {
                let cases = all.cases.iter().map(|one| case(&one.name, &one.docs)).collect();
                (Kind::Enum, TypeDefKind::Enum { cases })
            }
            Wit::Flags(all) => {
                let cases = all.flags.iter().map(|one| case(&one.name, &one.docs)).collect();
                (Kind::Flags, TypeDefKind::Flags { cases })
            }
            other => return Err(format!("a payload cannot hold a {}", other.as_str())),
        })
    }
}

/// The names of a type's cases, with the type's name before them.
fn case_names(name: &str, kind: &TypeDefKind) -> impl Iterator<Item = String> {
    let cases = match kind {
        TypeDefKind::Variant { cases } | TypeDefKind::Enum { cases } | TypeDefKind::Flags { cases } => {
            cases.as_slice()
        }
        TypeDefKind::Record { .. } => &[],
    };
    cases.iter().map(move |case| format!("{name}-{}", case.name))
}

/// The names of all cases of all types, with their type's name before them.
fn cases(resolve: &Resolve) -> HashSet<String> {
    let mut names = HashSet::new();
    for (_, def) in &resolve.types {
        let Some(name) = &def.name else { continue };
        let cases: Vec<&str> = match &def.kind {
            Wit::Variant(variant) => variant.cases.iter().map(|case| case.name.as_str()).collect(),
            Wit::Enum(all) => all.cases.iter().map(|case| case.name.as_str()).collect(),
            Wit::Flags(all) => all.flags.iter().map(|flag| flag.name.as_str()).collect(),
            _ => continue,
        };
        // Go has a type for the cases of a variant.
        names.extend(cases.into_iter().chain(["case"]).map(|case| format!("{name}-{case}")));
    }
    names
}

/// The text of documentation, empty if there is none.
pub(super) fn docs(docs: &wit_parser::Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().trim_end().to_owned()
}
