//! Writes a component with its merged module.

use std::collections::HashMap;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, InstanceSection, ModuleArg, RawSection,
};
use wasmparser::{CanonicalFunction, ComponentAlias, Instance, InstantiationArg};

use super::Unsupported;
use super::analysis::{Analysis, CoreInstance, Origin, core_items};
use super::encode::{IMPORTS, Layout, item_name};
use super::items::{Kind, Spaces};
use super::module::{CoreModule, kind_of};
use super::sections::{Content, Section};

/// The smallest core module, in the place of one that is merged: so all others keep their index.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Writes a component, section by section. Items that are merged are written when something needs them.
pub(super) struct Writer<'w, 'a> {
    analysis: &'w Analysis<'a>,
    layout: &'w Layout<'w, 'a>,
    modules: &'w [Option<CoreModule<'a>>],
    component: Component,
    next_instance: u32,
    /// The new index of each core instance that stays.
    instances: HashMap<u32, u32>,
    next_item: Spaces<u32>,
    /// The new index of each item that stays.
    items: Spaces<HashMap<u32, u32>>,
    merged: Option<u32>,
    /// The new index of each item of the merged module, by its index there.
    merged_items: HashMap<(Kind, u32), u32>,
}

impl<'w, 'a> Writer<'w, 'a> {
    pub(super) fn new(
        analysis: &'w Analysis<'a>,
        layout: &'w Layout<'w, 'a>,
        modules: &'w [Option<CoreModule<'a>>],
    ) -> Self {
        Self {
            analysis,
            layout,
            modules,
            component: Component::new(),
            next_instance: 0,
            instances: HashMap::new(),
            next_item: Spaces::default(),
            items: Spaces::default(),
            merged: None,
            merged_items: HashMap::new(),
        }
    }

    /// Writes the sections of the component.
    pub(super) fn write(mut self, sections: &[Section<'a>]) -> Result<Vec<u8>, Unsupported> {
        let merged = self.layout.encode(self.analysis)?;
        let (mut module, mut instance) = (0, 0);
        let mut items: Spaces<u32> = Spaces::default();
        for section in sections {
            match &section.content {
                Content::Module => {
                    let bytes = self.module_in_place(module, &section.bytes, &merged);
                    self.component.section(&RawSection { id: section.id, data: bytes });
                    module += 1;
                }
                Content::CoreInstances(instances) => {
                    for one in instances {
                        self.write_instance(instance, one)?;
                        instance += 1;
                    }
                }
                Content::Aliases(aliases) => {
                    for alias in aliases {
                        self.write_alias(alias, &mut items)?;
                    }
                }
                Content::Canonicals(functions) => {
                    for function in functions {
                        self.write_canonical(function, &mut items)?;
                    }
                }
                Content::Component | Content::Starting | Content::Other => {
                    self.component.section(&RawSection { id: section.id, data: &section.bytes });
                }
            }
        }
        Ok(self.component.finish())
    }

    /// The merged module is in the place of its first member.
    fn module_in_place<'b>(&self, module: usize, bytes: &'b [u8], merged: &'b [u8]) -> &'b [u8] {
        let members = self.analysis.members.iter().map(|member| member.module);
        match members.clone().min() {
            Some(first) if first == module => merged,
            _ if members.clone().any(|member| member == module) => EMPTY_MODULE,
            _ => bytes,
        }
    }

    fn write_instance(&mut self, index: u32, instance: &Instance<'a>) -> Result<(), Unsupported> {
        let (Instance::Instantiate { module_index, args }, CoreInstance::Other) =
            (instance, &self.analysis.instances[index as usize])
        else {
            return Ok(());
        };
        let module = self.modules[*module_index as usize].as_ref();
        let module = module.ok_or(Unsupported("a module is missing"))?;
        let mut passed = Vec::new();
        for InstantiationArg { name, index: arg, .. } in args {
            let mut items = Vec::new();
            for import in module.imports.iter().filter(|import| import.module == *name) {
                let kind = kind_of(import.ty)?;
                let origin = self.analysis.export_of(*arg, kind, import.name, self.modules)?;
                items.push((import.name.to_owned(), kind, self.item(kind, origin)?));
            }
            passed.push((*name, self.write_exports(items)));
        }
        let mut section = InstanceSection::new();
        section.instantiate(
            *module_index,
            passed.iter().map(|(name, index)| (*name, ModuleArg::Instance(*index))),
        );
        let new = self.add_instance(&section);
        self.instances.insert(index, new);
        Ok(())
    }

    /// Writes an instance that consists of items.
    fn write_exports(&mut self, mut items: Vec<(String, Kind, u32)>) -> u32 {
        // A module can import an item twice.
        items.sort();
        items.dedup();
        let mut section = InstanceSection::new();
        section.export_items(items.iter().map(|(name, kind, index)| (name.as_str(), (*kind).into(), *index)));
        self.add_instance(&section)
    }

    fn add_instance(&mut self, section: &InstanceSection) -> u32 {
        self.component.section(section);
        self.next_instance += 1;
        self.next_instance - 1
    }

    fn write_alias(
        &mut self,
        alias: &ComponentAlias<'a>,
        items: &mut Spaces<u32>,
    ) -> Result<(), Unsupported> {
        let mut section = ComponentAliasSection::new();
        let ComponentAlias::CoreInstanceExport { kind, instance_index, name } = alias else {
            section.alias(Unchanged.component_alias(alias.clone())?);
            self.component.section(&section);
            return Ok(());
        };
        let kind: Kind = (*kind).try_into()?;
        let old = items[kind];
        items[kind] += 1;
        if let Some(instance) = self.instances.get(instance_index) {
            section.alias(Alias::CoreInstanceExport { instance: *instance, kind: kind.into(), name });
            self.component.section(&section);
            self.add_item(kind, old);
        }
        Ok(())
    }

    fn add_item(&mut self, kind: Kind, old: u32) {
        self.items[kind].insert(old, self.next_item[kind]);
        self.next_item[kind] += 1;
    }

    fn write_canonical(
        &mut self,
        function: &CanonicalFunction,
        items: &mut Spaces<u32>,
    ) -> Result<(), Unsupported> {
        let mut known = HashMap::new();
        for (kind, index) in core_items(function)? {
            let (origin, _) = self.analysis.items[kind][index as usize];
            known.insert((kind, index), self.item(kind, origin)?);
        }
        let mut section = CanonicalFunctionSection::new();
        Replace(known).parse_component_canonical(&mut section, function.clone())?;
        self.component.section(&section);
        if !matches!(function, CanonicalFunction::Lift { .. }) {
            let old = items[Kind::Func];
            items[Kind::Func] += 1;
            self.add_item(Kind::Func, old);
        }
        Ok(())
    }

    /// The new index of an item. Writes the merged module's instance, and the item's alias, at the first use.
    fn item(&mut self, kind: Kind, origin: Origin) -> Result<u32, Unsupported> {
        const MISSING: Unsupported = Unsupported("an item is missing");
        if let Origin::Outside(index) = origin {
            return self.items[kind].get(&index).copied().ok_or(MISSING);
        }
        let index = self.layout.index(kind, origin).ok_or(MISSING)?;
        if let Some(known) = self.merged_items.get(&(kind, index)) {
            return Ok(*known);
        }
        let instance = self.merged_instance()?;
        let mut section = ComponentAliasSection::new();
        section.alias(Alias::CoreInstanceExport {
            instance,
            kind: kind.into(),
            name: &item_name(kind, index),
        });
        self.component.section(&section);
        self.merged_items.insert((kind, index), self.next_item[kind]);
        self.next_item[kind] += 1;
        Ok(self.next_item[kind] - 1)
    }

    fn merged_instance(&mut self) -> Result<u32, Unsupported> {
        if let Some(instance) = self.merged {
            return Ok(instance);
        }
        let mut imports = Vec::new();
        for (kind, outside, index) in self.layout.imports() {
            imports.push((item_name(kind, index), kind, self.item(kind, Origin::Outside(outside))?));
        }
        let arg = self.write_exports(imports);
        let module = self.analysis.members.iter().map(|member| member.module).min();
        let module = u32::try_from(module.unwrap_or(0)).unwrap_or(u32::MAX);
        let mut section = InstanceSection::new();
        section.instantiate(module, [(IMPORTS, ModuleArg::Instance(arg))]);
        let instance = self.add_instance(&section);
        self.merged = Some(instance);
        Ok(instance)
    }
}

/// Encodes what has no core items.
struct Unchanged;

impl Reencode for Unchanged {
    type Error = Unsupported;
}

impl ReencodeComponent for Unchanged {}

/// Encodes a canonical definition with the new indices of its core items.
struct Replace(HashMap<(Kind, u32), u32>);

impl Replace {
    fn new_index(&self, kind: Kind, index: u32) -> Result<u32, Error<Unsupported>> {
        self.0.get(&(kind, index)).copied().ok_or(Error::UserError(Unsupported("an item is missing")))
    }
}

impl Reencode for Replace {
    type Error = Unsupported;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Unsupported>> {
        self.new_index(Kind::Func, index)
    }

    fn table_index(&mut self, index: u32) -> Result<u32, Error<Unsupported>> {
        self.new_index(Kind::Table, index)
    }

    fn memory_index(&mut self, index: u32) -> Result<u32, Error<Unsupported>> {
        self.new_index(Kind::Memory, index)
    }
}

impl ReencodeComponent for Replace {}
