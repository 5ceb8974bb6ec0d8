//! How a core module exports a handler, by the canonical ABI on 32-bit WebAssembly. For languages whose tools know no
//! WIT: the record of the arguments in memory, and how it is filled from parameters.

use std::fmt::Write as _;

use serde::Serialize;
use wit_component::{StringEncoding, metadata};
use wit_parser::abi::AbiVariant;
use wit_parser::{Function, Int, Resolve, SizeAlign, Type, TypeDefKind, TypeId};

use super::error::PackageError;
use super::name::escape;
use super::world::CoreType;

/// Steps and cases of one handler: nested variants can have billions.
const STEPS_MAX: usize = 10_000;

/// The export of a handler.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CoreExport {
    /// The types of its parameters.
    pub params: Vec<CoreType>,
    /// Whether the only parameter is the address of the record of the arguments. Else the arguments are the
    /// parameters.
    pub is_indirect: bool,
    /// The size of the record of the context and the payload.
    pub size_bytes: usize,
    /// Where the payload begins in that record.
    pub payload_offset: usize,
    /// How that record is filled from the parameters, if it is not in memory already.
    pub stores: Vec<Store>,
    /// The content of the module's section `component-type:…` for this export.
    pub component_type: Vec<u8>,
}

/// A step that fills the record from parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Store {
    /// The first bytes of a parameter. Wider ones hold a value of another case's type too.
    Bytes {
        /// Where they go to.
        offset: usize,
        /// How many.
        size: usize,
        /// The parameter, from 0.
        param: usize,
    },
    /// The steps of one case.
    Choice {
        /// The parameter with the case's number.
        param: usize,
        /// The steps of each case. The number itself has a step of its own.
        cases: Vec<Vec<Self>>,
    },
}

/// The export of a handler's function.
///
/// # Errors
/// When its types have no encoding, or its payload has too many cases.
pub(super) fn of(
    resolve: &Resolve,
    sizes: &SizeAlign,
    wit: &str,
    handle: &Function,
) -> Result<CoreExport, PackageError> {
    let signature = resolve.wasm_signature(AbiVariant::GuestExport, handle);
    let arguments: Vec<&Type> = handle.params.iter().map(|param| &param.ty).collect();
    let offsets = sizes.field_offsets(arguments.iter().copied());
    let mut filling = Filling { resolve, sizes, next: 0, steps: 0 };
    let mut stores = Vec::new();
    if !signature.indirect_params {
        for (offset, ty) in &offsets {
            filling.store(ty, offset.size_wasm32(), &mut stores);
        }
    }
    if filling.steps > STEPS_MAX {
        return Err(PackageError::new(wit, format!("its nested variants have more than {STEPS_MAX} cases")));
    }
    Ok(CoreExport {
        params: signature.params.into_iter().map(CoreType::from).collect(),
        is_indirect: signature.indirect_params,
        size_bytes: sizes.params(arguments).size.size_wasm32(),
        payload_offset: offsets.last().map_or(0, |(offset, _)| offset.size_wasm32()),
        stores,
        component_type: component_type(resolve, wit)?,
    })
}

/// The type of a component that only exports this interface.
fn component_type(resolve: &Resolve, wit: &str) -> Result<Vec<u8>, PackageError> {
    let failed = |error: &dyn std::fmt::Display| PackageError::new(wit, format!("{error:#}"));
    let name = world_name(wit);
    let text = format!("package hookyard:generated;\nworld {name} {{ export {}; }}", escape(wit)?);
    let mut resolve = resolve.clone();
    let package = resolve.push_source("export.wit", &text).map_err(|error| failed(&error))?;
    let world = resolve.select_world(&[package], Some(&name)).map_err(|error| failed(&error))?;
    let encoded = metadata::encode(&resolve, world, StringEncoding::UTF8, None);
    without_producers(encoded.map_err(|error| failed(&error))?).map_err(|error| failed(&error))
}

/// The type without the version of its encoder, with which each update would change generated files.
fn without_producers(mut encoded: Vec<u8>) -> wasmparser::Result<Vec<u8>> {
    const HEADER_BYTES: usize = 8;
    let mut end = HEADER_BYTES;
    let mut unwanted = None;
    for payload in wasmparser::Parser::new(0).parse_all(&encoded) {
        let payload = payload?;
        let Some((_, content)) = payload.as_section() else { continue };
        let is_producers =
            matches!(&payload, wasmparser::Payload::CustomSection(custom) if custom.name() == "producers");
        if is_producers {
            unwanted = Some(end..content.end);
        }
        end = content.end;
    }
    if let Some(range) = unwanted {
        encoded.drain(range);
    }
    Ok(encoded)
}

/// A world's name of its own for each interface, for a host that merges the types of several handlers tells them by it.
/// Dashes alone would give `acme:events/order-paid` and `acme:events-order/paid` the same.
fn world_name(wit: &str) -> String {
    let mut name = String::from("x");
    for byte in wit.bytes() {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Assigns parameters to places in memory.
struct Filling<'a> {
    resolve: &'a Resolve,
    sizes: &'a SizeAlign,
    /// The next parameter.
    next: usize,
    /// The number of steps and cases so far; beyond the limit there are no more.
    steps: usize,
}

impl Filling<'_> {
    fn store(&mut self, ty: &Type, offset: usize, to: &mut Vec<Store>) {
        if self.steps > STEPS_MAX {
            return;
        }
        match ty {
            Type::Id(id) => self.store_id(*id, offset, to),
            // The address and the length.
            Type::String => self.bytes_of(&[4, 4], offset, to),
            scalar => self.bytes_of(&[self.sizes.size(scalar).size_wasm32()], offset, to),
        }
    }

    fn store_id(&mut self, id: TypeId, offset: usize, to: &mut Vec<Store>) {
        let resolve = self.resolve;
        match &resolve.types[id].kind {
            TypeDefKind::Type(ty) => self.store(ty, offset, to),
            TypeDefKind::Record(record) => {
                self.all(record.fields.iter().map(|field| &field.ty), offset, to);
            }
            TypeDefKind::Tuple(tuple) => self.all(&tuple.types, offset, to),
            TypeDefKind::Option(item) => self.choice(Int::U8, &[None, Some(item)], offset, to),
            TypeDefKind::Variant(variant) => {
                let cases: Vec<_> = variant.cases.iter().map(|case| case.ty.as_ref()).collect();
                self.choice(variant.tag(), &cases, offset, to);
            }
            TypeDefKind::List(_) | TypeDefKind::Map(..) => self.bytes_of(&[4, 4], offset, to),
            // Enumerations and flags are integers; a payload holds no other type.
            _ => self.bytes_of(&[self.sizes.size(&Type::Id(id)).size_wasm32()], offset, to),
        }
    }

    fn all<'t>(&mut self, types: impl IntoIterator<Item = &'t Type>, offset: usize, to: &mut Vec<Store>) {
        for (inner, ty) in self.sizes.field_offsets(types) {
            self.store(ty, offset + inner.size_wasm32(), to);
        }
    }

    /// All cases share the parameters after the case's number.
    fn choice(&mut self, tag: Int, cases: &[Option<&Type>], offset: usize, to: &mut Vec<Store>) {
        let param = self.next;
        self.steps += cases.len();
        self.bytes_of(&[tag_size(tag)], offset, to);
        let payload = offset + self.sizes.payload_offset(tag, cases.iter().copied()).size_wasm32();
        let first = self.next;
        let mut last = first;
        let steps = |case: Option<&Type>| {
            let mut steps = Vec::new();
            self.next = first;
            if let Some(ty) = case {
                self.store(ty, payload, &mut steps);
            }
            last = last.max(self.next);
            steps
        };
        let cases: Vec<_> = cases.iter().copied().map(steps).collect();
        if cases.iter().any(|steps| !steps.is_empty()) {
            to.push(Store::Choice { param, cases });
        }
        self.next = last;
    }

    /// One parameter for each of these adjacent parts.
    fn bytes_of(&mut self, sizes: &[usize], mut offset: usize, to: &mut Vec<Store>) {
        for &size in sizes {
            to.push(Store::Bytes { offset, size, param: self.next });
            self.next += 1;
            self.steps += 1;
            offset += size;
        }
    }
}

fn tag_size(tag: Int) -> usize {
    match tag {
        Int::U8 => 1,
        Int::U16 => 2,
        Int::U32 => 4,
        Int::U64 => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The export of a function with these parameters.
    fn export(types: &str, params: &str) -> Result<CoreExport, PackageError> {
        let mut resolve = Resolve::default();
        let text = format!("package acme:%type@1.0.0; interface %use {{ {types} handle: func({params}); }}");
        let package = resolve.push_source("a.wit", &text).unwrap();
        let interface = resolve.packages[package].interfaces["use"];
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let handle = resolve.interfaces[interface].functions["handle"].clone();
        of(&resolve, &sizes, "acme:type/use@1.0.0", &handle)
    }

    fn bytes(offset: usize, size: usize, param: usize) -> Store {
        Store::Bytes { offset, size, param }
    }

    #[test]
    fn parameters_go_to_the_places_of_the_canonical_layout() {
        for (types, params, size_bytes, stores) in [
            ("", "a: u8, b: u64", 16, vec![bytes(0, 1, 0), bytes(8, 8, 1)]),
            ("", "a: char, b: string", 12, vec![bytes(0, 4, 0), bytes(4, 4, 1), bytes(8, 4, 2)]),
            ("enum e { x, y }", "a: e, b: tuple<u16, list<e>>", 16, {
                vec![bytes(0, 1, 0), bytes(4, 2, 1), bytes(8, 4, 2), bytes(12, 4, 3)]
            }),
            ("variant v { x, y }", "a: v, b: u16", 4, vec![bytes(0, 1, 0), bytes(2, 2, 1)]),
            ("flags f { a, b, c, d, e, g, h, i, j }", "a: f", 2, vec![bytes(0, 2, 0)]),
            ("record r { a: bool, b: option<u32> }", "a: r, b: s8", 16, {
                let some = Store::Choice { param: 1, cases: vec![vec![], vec![bytes(8, 4, 2)]] };
                vec![bytes(0, 1, 0), bytes(4, 1, 1), some, bytes(12, 1, 3)]
            }),
            ("variant v { none, wide(u64), text(string), part(f32) }", "a: v, b: u8", 24, {
                let cases = vec![
                    vec![],
                    vec![bytes(8, 8, 1)],
                    vec![bytes(8, 4, 1), bytes(12, 4, 2)],
                    vec![bytes(8, 4, 1)],
                ];
                vec![bytes(0, 1, 0), Store::Choice { param: 0, cases }, bytes(16, 1, 3)]
            }),
        ] {
            let export = export(types, params).unwrap();
            assert_eq!((export.size_bytes, export.is_indirect), (size_bytes, false), "{types} {params}");
            assert_eq!(export.stores, stores, "{types} {params}");
        }
    }

    #[test]
    fn each_parameter_is_stored_and_more_than_sixteen_are_in_memory() {
        let seventeen =
            "a: string, b: string, c: string, d: string, e: string, f: string, g: string, h: string";
        for (params, count, is_indirect, payload_offset) in
            [(seventeen, 16, false, 56), (&format!("{seventeen}, i: u8"), 1, true, 64)]
        {
            let export = export("", params).unwrap();
            assert_eq!(export.params, vec![CoreType::I32; count]);
            assert_eq!((export.is_indirect, export.payload_offset), (is_indirect, payload_offset));
            assert_eq!(export.stores.len(), if is_indirect { 0 } else { count });
            let component_type = export.component_type.escape_ascii().to_string();
            assert!(component_type.contains("acme:type/use@1.0.0"), "{component_type}");
            assert!(!component_type.contains("wit-component\\x07"), "{component_type}");
        }
    }

    #[test]
    fn the_world_of_each_interface_has_a_name_of_its_own() {
        let names = [
            "acme:events/order-paid@1.0.0",
            "acme:events-order/paid@1.0.0",
            "acme-events:order/paid@1.0.0",
            "acme:events/order-paid@1.1.0",
        ]
        .map(world_name);
        assert!((1..names.len()).all(|at| !names[..at].contains(&names[at])), "{names:?}");
    }

    #[test]
    fn variants_with_too_many_cases_are_an_error() {
        let cases = |of: &str| (0..50).map(|at| format!("c{at}({of})")).collect::<Vec<_>>().join(", ");
        let nested = format!(
            "variant a {{ {} }} variant b {{ {} }} variant c {{ {} }}",
            cases("u8"),
            cases("a"),
            cases("b")
        );
        assert!(export(&nested, "a: b").is_ok());
        let error = export(&nested, "a: c").unwrap_err().to_string();
        assert_eq!(error, "acme:type/use@1.0.0: its nested variants have more than 10000 cases");
    }
}
