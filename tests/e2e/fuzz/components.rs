//! Random components that import the host's interfaces.
//!
//! `tests/random-modules` makes a core module of random functions with `wasm-smith`. This file replaces the
//! bodies of some functions: the allocator, without which no call reaches the random code, and one function
//! per import, which calls it with addresses inside the memory. Random addresses are mostly outside.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use wasm_encoder::{CodeSection, Function, Instruction, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload};

use super::Run;
use crate::support::{CoreFunction, World, wat};

/// Longest sequence of random bytes that a module is made of.
const RANDOM_MAX_BYTES: usize = 20_000;
/// Most functions that one guest imports.
const IMPORTS_MAX: usize = 12;
/// The program's flags.
const NO_TRAPS: u32 = 1;
const ALL_FEATURES: u32 = 2;
/// Addresses that imports are called with are below.
const ADDRESS_MASK: i32 = 0x1_fffc;

/// The program that makes random modules, which says how it is talked to.
pub(super) struct Generator {
    process: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Generator {
    pub(super) fn start() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/random-modules");
        let started = Command::new(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = started.unwrap_or_else(|error| {
            panic!("{}: {error}; `scripts/build-random-modules` builds it", path.display())
        });
        let (input, output) = (process.stdin.take(), process.stdout.take().unwrap());
        Self { process, input, output }
    }

    /// A module with the imports and exports of this one, or none where these bytes make none.
    fn module(&mut self, flags: u32, shape: &[u8], random: &[u8]) -> Option<Vec<u8>> {
        let number = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
        let (shape_length, random_length) = (number(shape.len()), number(random.len()));
        let request = [&flags.to_le_bytes()[..], &shape_length, shape, &random_length, random].concat();
        self.input.as_mut().unwrap().write_all(&request).unwrap();
        let mut length = [0; 4];
        self.output.read_exact(&mut length).unwrap();
        let mut module = vec![0; u32::from_le_bytes(length) as usize];
        self.output.read_exact(&mut module).unwrap();
        (!module.is_empty()).then_some(module)
    }

    /// A plugin with random code, which exports what `world` does.
    pub(super) fn guest(&mut self, run: &mut Run, world: &World) -> Vec<u8> {
        let count = run.rng.random_range(0..=IMPORTS_MAX);
        let imports: Vec<&CoreFunction> = world.imports().sample(&mut run.rng, count).collect();
        let shape = shape(&imports, world);
        let module = loop {
            let length = run.rng.random_range(100..RANDOM_MAX_BYTES);
            let random = run.bytes(length);
            let mut flags = if run.once_in(4) { 0 } else { NO_TRAPS };
            // What the host does not know is refused; that is tried now and then.
            flags |= if run.once_in(10) { ALL_FEATURES } else { 0 };
            if let Some(module) = self.module(flags, &shape, &random) {
                break module;
            }
        };
        let mut module = with_bodies(&module, &imports);
        world.embed(&mut module);
        module
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.input.take());
        let _ended = self.process.wait();
    }
}

/// Another file made of a plugin by changing some of its bytes.
pub(super) fn mutated(run: &mut Run, plugin: &[u8]) -> Vec<u8> {
    let mut bytes = plugin.to_vec();
    for _ in 0..run.rng.random_range(1..=8) {
        let at = run.rng.random_range(8..bytes.len());
        match run.rng.random_range(0..4) {
            0 => bytes[at] = run.rng.random(),
            1 => bytes[at] ^= 1 << run.rng.random_range(0..8),
            2 => bytes.truncate(at.max(9)),
            _ => {
                let end = (at + run.rng.random_range(1..64)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

/// The imports and exports of the module in WebAssembly's text format.
fn shape(imports: &[&CoreFunction], world: &World) -> Vec<u8> {
    let imported: String = imports.iter().map(|import| import.import()).collect();
    let exported: String = world.exports().iter().map(|export| function(&export.name, export)).collect();
    let callers: String = imports.iter().map(|import| function(&caller(&import.id), import)).collect();
    wat(&format!(
        "(module {imported}
           (memory (export \"memory\") 2)
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)
           {exported} {callers})"
    ))
}

fn function(name: &str, of: &CoreFunction) -> String {
    format!("(func (export \"{name}\") {} unreachable)\n", of.signature())
}

/// The export that calls an import.
fn caller(id: &str) -> String {
    format!("call-{id}")
}

/// The module with the allocator's and the callers' bodies in place of random ones.
fn with_bodies(module: &[u8], imports: &[&CoreFunction]) -> Vec<u8> {
    let (mut made, mut imported, mut exports) = (Module::new(), Vec::new(), Vec::new());
    let mut code = CodeSection::new();
    let mut left = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.unwrap();
        match &payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import.unwrap();
                    if matches!(import.ty, wasmparser::TypeRef::Func(_) | wasmparser::TypeRef::FuncExact(_)) {
                        imported.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export.unwrap();
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::FuncExact) {
                        exports.push((export.name.to_owned(), export.index as usize));
                    }
                }
            }
            Payload::CodeSectionStart { count, .. } => left = *count,
            Payload::CodeSectionEntry(body) => {
                let index = imported.len() + code.len() as usize;
                let name = exports.iter().find(|(_, at)| *at == index).map(|(name, _)| name.as_str());
                match name.and_then(|name| known_body(name, imports, &imported)) {
                    Some(body) => code.function(&body),
                    None => code.raw(&module[body.range()]),
                };
                left -= 1;
                if left == 0 {
                    made.section(&code);
                }
                continue;
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section()
            && !matches!(payload, Payload::CodeSectionStart { .. })
        {
            made.section(&RawSection { id, data: &module[range] });
        }
    }
    made.finish()
}

/// The body that an export has in place of a random one.
fn known_body(name: &str, imports: &[&CoreFunction], imported: &[(String, String)]) -> Option<Function> {
    let mut body = Function::new([]);
    if name == "cabi_realloc" {
        // As many pages as it takes and one more, at the end of memory.
        body.instructions()
            .local_get(3)
            .i32_const(16)
            .i32_shr_u()
            .i32_const(1)
            .i32_add()
            .memory_grow(0)
            .i32_const(16)
            .i32_shl()
            .end();
        return Some(body);
    }
    let import = imports.iter().find(|import| caller(&import.id) == name)?;
    let index = imported.iter().position(|(module, name)| import.is(module, name))?;
    for (local, ty) in (0..).zip(&import.params) {
        body.instruction(&Instruction::LocalGet(local));
        if matches!(ty, wit_parser::abi::WasmType::I64 | wit_parser::abi::WasmType::PointerOrI64) {
            continue;
        }
        if matches!(ty, wit_parser::abi::WasmType::F32 | wit_parser::abi::WasmType::F64) {
            continue;
        }
        body.instructions().i32_const(ADDRESS_MASK).i32_and();
    }
    body.instructions().call(u32::try_from(index).unwrap()).end();
    Some(body)
}
