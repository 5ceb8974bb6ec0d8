//! Reads a core module as far as merging needs it.

use std::collections::HashMap;

use wasmparser::{
    Data, DataKind, Element, ElementKind, FromReader, FunctionBody, Global, Import, KnownCustom, MemoryType,
    Name, Parser, Payload, RecGroup, SectionLimited, Table, TypeRef,
};

use super::Unsupported;
use super::items::{Kind, Spaces};

/// A core module, and whether it can be merged.
#[derive(Default)]
pub(super) struct CoreModule<'a> {
    pub(super) types: Vec<RecGroup>,
    pub(super) type_count: u32,
    pub(super) imports: Vec<Import<'a>>,
    /// Of each kind, how many items are imported. Their indices come first.
    pub(super) imported: Spaces<u32>,
    pub(super) functions: Vec<u32>,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) exports: HashMap<&'a str, (Kind, u32)>,
    pub(super) elements: Vec<Element<'a>>,
    pub(super) data: Vec<Data<'a>>,
    pub(super) data_count: Option<u32>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
    pub(super) names: Vec<(u32, &'a str)>,
    /// Instantiating it runs a function.
    pub(super) has_start: bool,
    /// It has debug sections, which name places in its code by their offset.
    pub(super) has_debug: bool,
}

impl<'a> CoreModule<'a> {
    /// Reads a module. An error is a module that uses more than this room knows.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Unsupported> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            module.add(payload?)?;
        }
        Ok(module)
    }

    fn add(&mut self, payload: Payload<'a>) -> Result<(), Unsupported> {
        match payload {
            Payload::Version { .. } | Payload::CodeSectionStart { .. } | Payload::End(_) => {}
            Payload::TypeSection(types) => {
                for group in types {
                    let group = group?;
                    self.type_count += u32::try_from(group.types().len()).unwrap_or(u32::MAX);
                    self.types.push(group);
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    self.imported[kind_of(import.ty)?] += 1;
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(functions) => {
                self.functions = collect(functions)?;
            }
            Payload::TableSection(tables) => self.tables = collect(tables)?,
            Payload::MemorySection(memories) => {
                self.memories = collect(memories)?;
            }
            Payload::GlobalSection(globals) => {
                self.globals = collect(globals)?;
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.exports.insert(export.name, (export.kind.try_into()?, export.index));
                }
            }
            Payload::StartSection { .. } => self.has_start = true,
            Payload::ElementSection(elements) => {
                self.elements = collect(elements)?;
            }
            Payload::DataCountSection { count, .. } => self.data_count = Some(count),
            Payload::DataSection(data) => self.data = collect(data)?,
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::CustomSection(section) => {
                self.has_debug |= section.name().starts_with(".debug_");
                if let KnownCustom::Name(names) = section.as_known() {
                    self.read_names(names);
                }
            }
            _ => return Err(Unsupported("a core module has a section that is not known here")),
        }
        Ok(())
    }

    /// Reads names of functions, for traces. wasmtime ignores damaged names too.
    fn read_names(&mut self, reader: wasmparser::NameSectionReader<'a>) {
        for subsection in reader.into_iter().filter_map(Result::ok) {
            if let Name::Function(functions) = subsection {
                let function_names = functions.into_iter().filter_map(Result::ok);
                self.names.extend(function_names.map(|naming| (naming.index, naming.name)));
            }
        }
    }

    /// Its own items of a kind, without imports.
    pub(super) fn defined(&self, kind: Kind) -> usize {
        match kind {
            Kind::Func => self.functions.len(),
            Kind::Table => self.tables.len(),
            Kind::Memory => self.memories.len(),
            Kind::Global => self.globals.len(),
        }
    }

    /// The tables and memories that instantiating it writes.
    pub(super) fn written(&self) -> impl Iterator<Item = (Kind, u32)> {
        let tables = self.elements.iter().filter_map(|element| match element.kind {
            ElementKind::Active { table_index, .. } => Some((Kind::Table, table_index.unwrap_or(0))),
            ElementKind::Passive | ElementKind::Declared => None,
        });
        let memories = self.data.iter().filter_map(|data| match data.kind {
            DataKind::Active { memory_index, .. } => Some((Kind::Memory, memory_index)),
            DataKind::Passive => None,
        });
        tables.chain(memories)
    }
}

fn collect<'a, T: FromReader<'a>>(section: SectionLimited<'a, T>) -> Result<Vec<T>, Unsupported> {
    Ok(section.into_iter().collect::<Result<_, _>>()?)
}

/// The kind of an import.
pub(super) fn kind_of(ty: TypeRef) -> Result<Kind, Unsupported> {
    match ty {
        TypeRef::Func(_) => Ok(Kind::Func),
        TypeRef::Table(_) => Ok(Kind::Table),
        TypeRef::Memory(_) => Ok(Kind::Memory),
        TypeRef::Global(_) => Ok(Kind::Global),
        TypeRef::Tag(_) | TypeRef::FuncExact(_) => Err(Unsupported("it imports tags or exact functions")),
    }
}
