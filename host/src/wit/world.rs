//! The world of a plugin whose language's tools know no WIT: what its module has to export, and the types for it.

use std::fmt::Write as _;

use serde::Serialize;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, WorldId, WorldItem};

use super::error::PackageError;
use super::name::escape;

/// The type of a parameter in a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are WebAssembly's")]
pub enum CoreType {
    I32,
    I64,
    F32,
    F64,
}

/// A function that a plugin's module has to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFunction {
    /// The interface, with its version.
    pub interface: String,
    /// The function's name in the module.
    pub export: String,
    /// Its parameters.
    pub params: Vec<CoreType>,
    /// Whether the only parameter is the address of a record with the arguments.
    pub is_indirect: bool,
}

/// A world that exports handlers, and imports what the contract offers.
pub struct PluginWorld {
    resolve: Resolve,
    world: WorldId,
}

impl PluginWorld {
    /// Makes the world of a plugin with these interfaces.
    pub(super) fn new(mut resolve: Resolve, interfaces: &[String]) -> Result<Self, PackageError> {
        let mut text = String::from(
            "package hookyard:built;\nworld plugin {\ninclude hookyard:plugin/imports@0.1.0;\n\
             import hookyard:event/metadata@0.1.0;\n",
        );
        for interface in interfaces {
            let _ = writeln!(text, "export {};", escape(interface)?);
        }
        text.push('}');
        let failed =
            |error: &dyn std::fmt::Display| PackageError::new("the plugin's handlers", format!("{error:#}"));
        let package = resolve.push_source("plugin.wit", &text).map_err(|error| failed(&error))?;
        let world = resolve.select_world(&[package], Some("plugin")).map_err(|error| failed(&error))?;
        Ok(Self { resolve, world })
    }

    /// The functions that the module has to export.
    #[must_use]
    pub fn exported_functions(&self) -> Vec<ExportedFunction> {
        let mut functions = Vec::new();
        for (key, item) in &self.resolve.worlds[self.world].exports {
            let WorldItem::Interface { id, .. } = item else { continue };
            let interface = self.resolve.name_world_key(key);
            for (name, function) in &self.resolve.interfaces[*id].functions {
                let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
                functions.push(ExportedFunction {
                    export: format!("{interface}#{name}"),
                    interface: interface.clone(),
                    params: signature.params.into_iter().map(CoreType::from).collect(),
                    is_indirect: signature.indirect_params,
                });
            }
        }
        functions
    }

    /// The interfaces that the module may import, with their versions.
    #[must_use]
    pub fn imported_interfaces(&self) -> Vec<String> {
        let imports = &self.resolve.worlds[self.world].imports;
        let is_interface = |item: &WorldItem| matches!(item, WorldItem::Interface { .. });
        let interfaces = imports.iter().filter(|(_, item)| is_interface(item));
        interfaces.map(|(key, _)| self.resolve.name_world_key(key)).collect()
    }

    /// Adds the types to a module.
    ///
    /// # Errors
    /// When they have no encoding.
    pub fn embed(&self, module: &mut Vec<u8>) -> Result<(), PackageError> {
        embed_component_metadata(module, &self.resolve, self.world, StringEncoding::UTF8)
            .map_err(|error| PackageError::new("the plugin's types", format!("{error:#}")))
    }
}

impl From<WasmType> for CoreType {
    fn from(ty: WasmType) -> Self {
        match ty {
            WasmType::I32 | WasmType::Pointer | WasmType::Length => Self::I32,
            WasmType::I64 | WasmType::PointerOrI64 => Self::I64,
            WasmType::F32 => Self::F32,
            WasmType::F64 => Self::F64,
        }
    }
}
