//! The names in a WebAssembly file that `make` left.

use std::collections::BTreeMap;

use wasmparser::{Encoding, Parser, Payload};

/// Custom sections with component types have this name, with a suffix.
const TYPES_SECTION: &str = "component-type";

/// What a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WasmFile {
    /// A component.
    Component,
    /// A core module with its component types.
    TypedModule,
    /// A core module without component types.
    UntypedModule(ModuleNames),
}

/// The names that a core module exports and imports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ModuleNames {
    pub(super) exports: Vec<String>,
    /// The imported names of each module.
    pub(super) imports: BTreeMap<String, Vec<String>>,
}

impl WasmFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not WebAssembly.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut names = ModuleNames::default();
        let failed = |error: wasmparser::BinaryReaderError| error.to_string();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(failed)? {
                Payload::Version { encoding: Encoding::Component, .. } => return Ok(Self::Component),
                Payload::CustomSection(section) if section.name().starts_with(TYPES_SECTION) => {
                    return Ok(Self::TypedModule);
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(failed)?;
                        names.imports.entry(import.module.into()).or_default().push(import.name.into());
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        names.exports.push(export.map_err(failed)?.name.into());
                    }
                }
                _ => {}
            }
        }
        Ok(Self::UntypedModule(names))
    }
}

impl ModuleNames {
    /// The interfaces whose functions it exports: what is before the `#` of an export's name.
    pub(super) fn exported_interfaces(&self) -> Vec<String> {
        let of = |name: &String| {
            let is_post_return = name.starts_with("cabi_post_");
            let (interface, _) = name.split_once('#').filter(|_| !is_post_return)?;
            Some(interface.to_owned())
        };
        let mut interfaces: Vec<_> = self.exports.iter().filter_map(of).collect();
        interfaces.sort();
        interfaces.dedup();
        interfaces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> WasmFile {
        WasmFile::read(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn tells_components_and_modules_with_and_without_types_apart() {
        assert_eq!(read("(component (core module (import \"a\" \"b\" (func))))"), WasmFile::Component);
        assert_eq!(read("(module (@custom \"component-type:x\" \"\"))"), WasmFile::TypedModule);
        assert!(matches!(read("(module (@custom \"name2\" \"\"))"), WasmFile::UntypedModule(_)));
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\0asm\x01\0\0\0\x07\xff"] {
            assert!(WasmFile::read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn the_interfaces_of_handlers_are_in_the_names_of_exports() {
        let module = read(
            r#"(module (import "env" "abort" (func)) (import "env" "b" (func)) (import "x" "c" (func))
                (func (export "a:b/c@1.0.0#handle")) (func (export "cabi_post_a:b/c@1.0.0#handle"))
                (func (export "a:b/c@1.0.0#other")) (func (export "a:b/d#handle")) (func (export "plain")))"#,
        );
        let WasmFile::UntypedModule(names) = module else { panic!("{module:?}") };
        assert_eq!(names.exported_interfaces(), ["a:b/c@1.0.0", "a:b/d"]);
        assert_eq!(names.imports["env"], ["abort", "b"]);
        assert_eq!((names.imports.len(), names.exports.len()), (2, 5));
    }
}
