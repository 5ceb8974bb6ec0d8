//! Encodes the merged module.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, ExportSection, FunctionSection,
    GlobalSection, ImportSection, Instruction, MemorySection, Module, NameMap, NameSection, TableSection,
    TypeSection,
};
use wasmparser::{ElementItems, Operator, TypeRef};

use super::Unsupported;
use super::analysis::{Analysis, Origin};
use super::items::{Kind, Spaces};
use super::module::CoreModule;

/// Most bytes of the merged module's state in an instance, which is for each instance of the pool at most 1 MiB.
const INSTANCE_MAX_BYTES: u64 = 512 * 1024;
/// At most so much of it is for an imported item, a function whose address is taken, and a global.
const IMPORT_BYTES: u64 = 48;
const ADDRESS_BYTES: u64 = 48;
const GLOBAL_BYTES: u64 = 16;

/// The module name of all imports of the merged module.
pub(super) const IMPORTS: &str = "";

/// The name under which the merged module imports or exports an item.
pub(super) fn item_name(kind: Kind, index: u32) -> String {
    let letter = match kind {
        Kind::Func => 'f',
        Kind::Table => 't',
        Kind::Memory => 'm',
        Kind::Global => 'g',
    };
    format!("{letter}{index}")
}

/// The index spaces of the merged module.
pub(super) struct Layout<'m, 'a> {
    modules: Vec<&'m CoreModule<'a>>,
    /// The items of the component that it imports, in order, with their type and the member that names the type.
    imports: Spaces<Vec<(u32, TypeRef, usize)>>,
    imported: Spaces<HashMap<u32, u32>>,
    /// Each member's first own item.
    first: Vec<Spaces<u32>>,
    first_type: Vec<u32>,
    first_element: Vec<u32>,
    first_data: Vec<u32>,
}

impl<'m, 'a> Layout<'m, 'a> {
    pub(super) fn new(
        analysis: &Analysis<'a>,
        modules: &'m [Option<CoreModule<'a>>],
    ) -> Result<Self, Unsupported> {
        let members = analysis.members.iter().map(|member| modules[member.module].as_ref());
        let modules: Option<Vec<_>> = members.collect();
        let modules = modules.ok_or(Unsupported("a module is missing"))?;
        let mut layout = Self {
            modules,
            imports: Spaces::default(),
            imported: Spaces::default(),
            first: Vec::new(),
            first_type: Vec::new(),
            first_element: Vec::new(),
            first_data: Vec::new(),
        };
        for (number, member) in analysis.members.iter().enumerate() {
            let mut next: Spaces<usize> = Spaces::default();
            for import in &layout.modules[number].imports {
                let kind = super::module::kind_of(import.ty)?;
                let origin = member.origins[kind][next[kind]];
                next[kind] += 1;
                if let Origin::Outside(index) = origin {
                    let known = &mut layout.imports[kind];
                    layout.imported[kind].entry(index).or_insert_with(|| {
                        known.push((index, import.ty, number));
                        length(known.len()) - 1
                    });
                }
            }
        }
        layout.place_definitions();
        Ok(layout)
    }

    fn place_definitions(&mut self) {
        let mut next: Spaces<u32> = Spaces::default();
        for kind in Kind::ALL {
            next[kind] = length(self.imports[kind].len());
        }
        let (mut types, mut elements, mut data) = (0, 0, 0);
        for module in &self.modules {
            self.first.push(next.clone());
            self.first_type.push(types);
            self.first_element.push(elements);
            self.first_data.push(data);
            for kind in Kind::ALL {
                next[kind] += length(module.defined(kind));
            }
            types += module.type_count;
            elements += length(module.elements.len());
            data += length(module.data.len());
        }
    }

    /// The index of an item in the merged module.
    pub(super) fn index(&self, kind: Kind, origin: Origin) -> Option<u32> {
        match origin {
            Origin::Member(member, number) => Some(self.first.get(member)?[kind] + number),
            Origin::Outside(index) => self.imported[kind].get(&index).copied(),
        }
    }

    /// The items of the component that it imports: kind, index in the component, index here.
    pub(super) fn imports(&self) -> impl Iterator<Item = (Kind, u32, u32)> {
        Kind::ALL.into_iter().flat_map(|kind| {
            self.imports[kind].iter().zip(0..).map(move |((outside, ..), index)| (kind, *outside, index))
        })
    }

    /// Checks that an instance of the merged module is not too large for the pool, if each of the members' is not.
    fn check_instance_size(&self, analysis: &Analysis<'a>) -> Result<(), Unsupported> {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let elements = self.modules.iter().flat_map(|module| &module.elements);
        let addresses = elements.map(|element| match &element.items {
            ElementItems::Functions(functions) => u64::from(functions.count()),
            ElementItems::Expressions(_, expressions) => u64::from(expressions.count()),
        });
        let addresses = addresses.sum::<u64>() + count(analysis.used.len());
        let globals = self.modules.iter().map(|module| count(module.globals.len())).sum::<u64>();
        let imports = count(self.imports().count());
        let bytes = addresses * ADDRESS_BYTES + globals * GLOBAL_BYTES + imports * IMPORT_BYTES;
        if bytes > INSTANCE_MAX_BYTES {
            return Err(Unsupported("an instance of the merged module would be too large"));
        }
        Ok(())
    }

    /// Encodes the module.
    pub(super) fn encode(&self, analysis: &Analysis<'a>) -> Result<Vec<u8>, Unsupported> {
        self.check_instance_size(analysis)?;
        let constants = self.constants()?;
        let mut encoders = Vec::new();
        for number in 0..self.modules.len() {
            let mut indices: Spaces<Vec<u32>> = Spaces::default();
            for kind in Kind::ALL {
                let origins = analysis.members[number].origins[kind].iter();
                let found: Option<Vec<u32>> = origins.map(|origin| self.index(kind, *origin)).collect();
                indices[kind] = found.ok_or(Unsupported("an item is missing"))?;
            }
            encoders.push(Renumber {
                indices,
                first_type: self.first_type[number],
                first_element: self.first_element[number],
                first_data: self.first_data[number],
                constants: &constants,
            });
        }
        let mut module = Module::new();
        self.encode_declarations(&mut encoders, analysis, &mut module)?;
        self.encode_contents(&mut encoders, &mut module)?;
        module.section(&self.names());
        Ok(module.finish())
    }

    fn encode_declarations(
        &self,
        encoders: &mut [Renumber<'_>],
        analysis: &Analysis<'a>,
        module: &mut Module,
    ) -> Result<(), Unsupported> {
        let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
        let (mut functions, mut tables) = (FunctionSection::new(), TableSection::new());
        let (mut memories, mut globals) = (MemorySection::new(), GlobalSection::new());
        for (member, encoder) in self.modules.iter().zip(&mut *encoders) {
            for group in &member.types {
                encoder.parse_recursive_type_group(types.ty(), group.clone())?;
            }
        }
        for kind in Kind::ALL {
            for ((_, ty, member), index) in self.imports[kind].iter().zip(0..) {
                imports.import(IMPORTS, &item_name(kind, index), encoders[*member].entity_type(*ty)?);
            }
        }
        for (member, encoder) in self.modules.iter().zip(encoders) {
            for ty in &member.functions {
                functions.function(encoder.type_index(*ty)?);
            }
            for table in &member.tables {
                encoder.parse_table(&mut tables, table.clone())?;
            }
            for memory in &member.memories {
                memories.memory(encoder.memory_type(*memory)?);
            }
            for global in &member.globals {
                encoder.parse_global(&mut globals, global.clone())?;
            }
        }
        if memories.len() > 1 {
            return Err(Unsupported("its modules have several memories"));
        }
        let exports = self.encode_exports(analysis)?;
        module.section(&types).section(&imports).section(&functions).section(&tables);
        module.section(&memories).section(&globals).section(&exports);
        Ok(())
    }

    fn encode_exports(&self, analysis: &Analysis<'a>) -> Result<ExportSection, Unsupported> {
        let used = analysis.used.iter().map(|(kind, origin)| Some((*kind, self.index(*kind, *origin)?)));
        let used: Option<Vec<_>> = used.collect();
        let mut used = used.ok_or(Unsupported("an export is missing"))?;
        used.sort_unstable();
        let mut exports = ExportSection::new();
        for (kind, index) in used {
            exports.export(&item_name(kind, index), kind.into(), index);
        }
        Ok(exports)
    }

    fn encode_contents(&self, encoders: &mut [Renumber<'_>], module: &mut Module) -> Result<(), Unsupported> {
        let (mut elements, mut code, mut data) =
            (ElementSection::new(), CodeSection::new(), DataSection::new());
        for (member, encoder) in self.modules.iter().zip(encoders) {
            for element in &member.elements {
                encoder.parse_element(&mut elements, element.clone())?;
            }
            for body in &member.bodies {
                encoder.parse_function_body(&mut code, body.clone())?;
            }
            for one in &member.data {
                encoder.parse_data(&mut data, one.clone())?;
            }
        }
        module.section(&elements);
        if self.modules.iter().any(|member| member.data_count.is_some()) {
            module.section(&DataCountSection { count: data.len() });
        }
        module.section(&code).section(&data);
        Ok(())
    }

    /// The names of functions, for traces.
    fn names(&self) -> NameSection {
        let mut map = NameMap::new();
        for (module, first) in self.modules.iter().zip(&self.first) {
            for (index, name) in &module.names {
                if let Some(number) = index.checked_sub(module.imported[Kind::Func]) {
                    map.append(first[Kind::Func] + number, name);
                }
            }
        }
        let mut names = NameSection::new();
        names.functions(&map);
        names
    }

    /// The globals that are a number, by index. They become that number wherever they are read, so that the addresses
    /// of segments are known when the module is compiled.
    fn constants(&self) -> Result<HashMap<u32, Number>, Unsupported> {
        let mut constants = HashMap::new();
        for (module, first) in self.modules.iter().zip(&self.first) {
            for (global, number) in module.globals.iter().zip(0..) {
                let mut operators = global.init_expr.get_operators_reader();
                let value = match operators.read()? {
                    Operator::I32Const { value } => Number::I32(value),
                    Operator::I64Const { value } => Number::I64(value),
                    _ => continue,
                };
                let is_alone = matches!(operators.read()?, Operator::End);
                if !global.ty.mutable && !global.ty.shared && is_alone {
                    constants.insert(first[Kind::Global] + number, value);
                }
            }
        }
        Ok(constants)
    }
}

fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[derive(Debug, Clone, Copy)]
enum Number {
    I32(i32),
    I64(i64),
}

/// Encodes the parts of one member with the merged module's indices.
struct Renumber<'c> {
    indices: Spaces<Vec<u32>>,
    first_type: u32,
    first_element: u32,
    first_data: u32,
    constants: &'c HashMap<u32, Number>,
}

type Encoded<T> = Result<T, Error<Unsupported>>;

impl Renumber<'_> {
    fn index(&self, kind: Kind, index: u32) -> Encoded<u32> {
        let found = self.indices[kind].get(index as usize).copied();
        found.ok_or(Error::UserError(Unsupported("an index is out of range")))
    }
}

impl Reencode for Renumber<'_> {
    type Error = Unsupported;

    fn function_index(&mut self, index: u32) -> Encoded<u32> {
        self.index(Kind::Func, index)
    }

    fn table_index(&mut self, index: u32) -> Encoded<u32> {
        self.index(Kind::Table, index)
    }

    fn memory_index(&mut self, index: u32) -> Encoded<u32> {
        self.index(Kind::Memory, index)
    }

    fn global_index(&mut self, index: u32) -> Encoded<u32> {
        self.index(Kind::Global, index)
    }

    fn type_index(&mut self, index: u32) -> Encoded<u32> {
        Ok(self.first_type + index)
    }

    fn element_index(&mut self, index: u32) -> Encoded<u32> {
        Ok(self.first_element + index)
    }

    fn data_index(&mut self, index: u32) -> Encoded<u32> {
        Ok(self.first_data + index)
    }

    fn instruction<'a>(&mut self, operator: Operator<'a>) -> Encoded<Instruction<'a>> {
        let Operator::GlobalGet { global_index } = operator else {
            return wasm_encoder::reencode::utils::instruction(self, operator);
        };
        let index = self.index(Kind::Global, global_index)?;
        Ok(match self.constants.get(&index) {
            Some(Number::I32(value)) => Instruction::I32Const(*value),
            Some(Number::I64(value)) => Instruction::I64Const(*value),
            None => Instruction::GlobalGet(index),
        })
    }

    fn const_expr(&mut self, expression: wasmparser::ConstExpr) -> Encoded<ConstExpr> {
        wasm_encoder::reencode::utils::const_expr(self, expression)
    }
}
