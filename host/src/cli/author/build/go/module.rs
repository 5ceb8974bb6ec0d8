//! Adds functions to a core module. Sections that do not change are copied.

use std::ops::Range;

use wasm_encoder::{Encode as _, Function, Module, RawSection, ValType};
use wasmparser::{DataKind, ExternalKind, Operator, Parser, Payload, TypeRef};

/// A function to be added.
pub(super) struct NewFunction {
    /// Its export.
    pub(super) export: String,
    pub(super) params: Vec<ValType>,
    pub(super) results: Vec<ValType>,
    pub(super) body: Function,
}

/// A section of a module.
struct Section {
    id: u8,
    content: Range<usize>,
}

/// A module, and what of it matters here.
pub(super) struct CoreModule<'a> {
    bytes: &'a [u8],
    sections: Vec<Section>,
    types: u32,
    functions: u32,
    exports: Vec<(&'a str, u32)>,
    /// Initialised memory: the address of each part.
    data: Vec<(u32, &'a [u8])>,
}

impl<'a> CoreModule<'a> {
    /// Reads a module.
    ///
    /// # Errors
    /// When it is not WebAssembly.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut module = Self {
            bytes,
            sections: Vec::new(),
            types: 0,
            functions: 0,
            exports: Vec::new(),
            data: Vec::new(),
        };
        let failed = |error: wasmparser::BinaryReaderError| error.to_string();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(failed)?;
            if let Some((id, content)) = payload.as_section() {
                module.sections.push(Section { id, content });
            }
            module.examine(payload).map_err(failed)?;
        }
        Ok(module)
    }

    fn examine(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(types) => self.types = types.count(),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.functions += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::FunctionSection(functions) => self.functions += functions.count(),
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        self.exports.push((export.name, export.index));
                    }
                }
            }
            Payload::DataSection(data) => {
                for data in data {
                    let data = data?;
                    if let DataKind::Active { offset_expr, .. } = data.kind
                        && let Operator::I32Const { value } = offset_expr.get_operators_reader().read()?
                    {
                        self.data.push((value.cast_unsigned(), data.data));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The index of an exported function.
    pub(super) fn exported(&self, name: &str) -> Option<u32> {
        self.exports.iter().find(|(export, _)| *export == name).map(|(_, index)| *index)
    }

    /// The addresses of initialised memory after each of these bytes, and what follows there.
    pub(super) fn find(&self, wanted: &[u8]) -> Vec<(u32, &'a [u8])> {
        let mut found = Vec::new();
        for (address, data) in &self.data {
            let Some(first) = wanted.first() else { continue };
            let places = data.iter().enumerate().filter(|(_, byte)| *byte == first);
            for (at, _) in places.filter(|(at, _)| data[*at..].starts_with(wanted)) {
                let after = at + wanted.len();
                if let Ok(offset) = u32::try_from(after) {
                    found.push((address.wrapping_add(offset), &data[after..]));
                }
            }
        }
        found
    }

    /// The module with more functions.
    ///
    /// # Errors
    /// When it has no section to which they could be added.
    pub(super) fn with_functions(&self, added: &[NewFunction]) -> Result<Vec<u8>, String> {
        // The identifiers of sections (WebAssembly's "Binary Format", "Sections").
        const TYPES: u8 = 1;
        const FUNCTIONS: u8 = 3;
        const EXPORTS: u8 = 7;
        const CODE: u8 = 10;
        let mut module = Module::new();
        let mut left = vec![TYPES, FUNCTIONS, EXPORTS, CODE];
        for section in &self.sections {
            let content = &self.bytes[section.content.clone()];
            let content = match section.id {
                TYPES => append(content, added, |_, function, to| encode_type(function, to))?,
                FUNCTIONS => append(content, added, |at, _, to| (self.types + at).encode(to))?,
                EXPORTS => append(content, added, |at, function, to| {
                    function.export.as_str().encode(to);
                    to.push(0);
                    (self.functions + at).encode(to);
                })?,
                CODE => append(content, added, |_, function, to| {
                    function.body.encode(to);
                })?,
                _ => content.to_vec(),
            };
            left.retain(|id| *id != section.id);
            module.section(&RawSection { id: section.id, data: &content });
        }
        if left.is_empty() { Ok(module.finish()) } else { Err(format!("it has no section {left:?}")) }
    }
}

/// The content of a section with more entries.
fn append(
    content: &[u8],
    added: &[NewFunction],
    encode: impl Fn(u32, &NewFunction, &mut Vec<u8>),
) -> Result<Vec<u8>, String> {
    let mut reader = wasmparser::BinaryReader::new(content, 0);
    let count = reader.read_var_u32().map_err(|error| error.to_string())?;
    let more = u32::try_from(added.len()).map_err(|error| error.to_string())?;
    let mut to = Vec::with_capacity(content.len());
    (count + more).encode(&mut to);
    to.extend_from_slice(&content[reader.current_position()..]);
    for (at, function) in (0..).zip(added) {
        encode(at, function, &mut to);
    }
    Ok(to)
}

/// A function's type (WebAssembly's "Binary Format", "Function Types").
fn encode_type(function: &NewFunction, to: &mut Vec<u8>) {
    to.push(0x60);
    function.params.encode(to);
    function.results.encode(to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_added_and_data_is_found() {
        let text = r#"(module
            (import "a" "b" (func))
            (memory 1)
            (data (i32.const 64) "..mark one\01mark two\01")
            (func (export "call") (param i32 i32 i32 i32) (result i32) local.get 0))"#;
        let bytes = wat::parse_str(text).unwrap();
        let module = CoreModule::parse(&bytes).unwrap();
        assert_eq!((module.exported("call"), module.exported("other")), (Some(1), None));
        let found = module.find(b"mark ");
        assert_eq!(found, [(71, &b"one\x01mark two\x01"[..]), (80, &b"two\x01"[..])]);
        let addresses = super::super::functions::Addresses { layout: 8, call: 1 };
        let finished = module.with_functions(&[addresses.realloc(), addresses.adapter_realloc()]).unwrap();
        wasmparser::validate(&finished).unwrap();
        let finished = CoreModule::parse(&finished).unwrap();
        assert_eq!(finished.exported("call"), Some(1));
        assert_eq!(finished.exported("cabi_realloc"), Some(2));
        assert_eq!(finished.exported("cabi_realloc_adapter"), Some(3));
    }

    #[test]
    fn a_module_without_functions_is_an_error() {
        let bytes = wat::parse_str("(module)").unwrap();
        assert!(CoreModule::parse(&bytes).unwrap().with_functions(&[]).is_err());
        assert!(CoreModule::parse(b"\0asm\x01\0\0\0\xff").is_err());
    }
}
