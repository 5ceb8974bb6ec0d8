//! WIT worlds with the host's interfaces, and the core functions that a module imports and exports to become
//! a component of one.

use std::path::Path;
use std::sync::LazyLock;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, TypeDefKind, WorldId, WorldItem};

const IMPORTS: &str = "
        include hookyard:plugin/imports@0.1.0;
        import hookyard:event/metadata@0.1.0;
        import wasi:random/insecure@0.2.12;
        import wasi:random/insecure-seed@0.2.12;
        import wasi:cli/environment@0.2.12;
        import wasi:cli/exit@0.2.12;
        import wasi:cli/stdin@0.2.12;
        import wasi:cli/stdout@0.2.12;
        import wasi:cli/stderr@0.2.12;
";

/// As much of WASI's command line as language runtimes use; the rest is in `wit/`.
const CLI: &str = "
    package wasi:cli@0.2.12 {
        interface environment {
            get-environment: func() -> list<tuple<string, string>>;
            get-arguments: func() -> list<string>;
            initial-cwd: func() -> option<string>;
        }
        interface exit {
            exit: func(status: result);
        }
        interface stdin {
            use wasi:io/streams@0.2.12.{input-stream};
            get-stdin: func() -> input-stream;
        }
        interface stdout {
            use wasi:io/streams@0.2.12.{output-stream};
            get-stdout: func() -> output-stream;
        }
        interface stderr {
            use wasi:io/streams@0.2.12.{output-stream};
            get-stderr: func() -> output-stream;
        }
    }
";

const FILES: [&str; 9] = [
    "wasi/io.wit",
    "wasi/clocks.wit",
    "wasi/random.wit",
    "wasi/config.wit",
    "wasi/logging.wit",
    "wasi/keyvalue.wit",
    "wasi/http.wit",
    "hookyard-plugin-0.1.0",
    "hookyard-event-0.1.0",
];

/// The world that [`CoreGuest`](super::CoreGuest) implements.
pub(crate) static EVERYTHING: LazyLock<World> =
    LazyLock::new(|| World::new("export hookyard:plugin/event-handler@0.1.0;", ""));

/// A world that imports all interfaces of the host.
pub(crate) struct World {
    resolve: Resolve,
    id: WorldId,
    imports: Vec<CoreFunction>,
    exports: Vec<CoreFunction>,
}

/// A function as a core module imports or exports it.
pub(crate) struct CoreFunction {
    /// `INTERFACE.FUNCTION`, such as `store.open`; `INTERFACE.RESOURCE.METHOD`, such as `store.bucket.get`;
    /// `INTERFACE.drop-RESOURCE`.
    pub(crate) id: String,
    /// The interface with its version; empty for exports, whose name has it.
    module: String,
    /// Its name in the module.
    pub(crate) name: String,
    pub(crate) params: Vec<WasmType>,
    pub(crate) results: Vec<WasmType>,
}

impl CoreFunction {
    /// The import in WebAssembly's text format, under the name `$ID`.
    pub(crate) fn import(&self) -> String {
        let Self { id, module, name, .. } = self;
        format!("(import \"{module}\" \"{name}\" (func ${id} {}))\n", self.signature())
    }

    /// Whether this import has that name.
    pub(crate) fn is(&self, module: &str, name: &str) -> bool {
        self.module == module && self.name == name
    }

    /// Its parameters and results in WebAssembly's text format.
    pub(crate) fn signature(&self) -> String {
        list("param", &self.params) + &list("result", &self.results)
    }
}

impl World {
    /// The world that exports this, with these packages beside it.
    pub(crate) fn new(exports: &str, packages: &str) -> Self {
        let mut resolve = Resolve::default();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        for file in FILES {
            resolve.push_path(root.join(file)).unwrap();
        }
        let text = format!(
            "package tests:everything;\nworld everything {{ {IMPORTS} {exports} }}\n{CLI}\n{packages}"
        );
        let package = resolve.push_str("world.wit", &text).unwrap();
        let id = resolve.select_world(&[package], Some("everything")).unwrap();
        let (imports, exports) = (imports(&resolve, id), exported(&resolve, id));
        Self { resolve, id, imports, exports }
    }

    /// All functions that the host offers.
    pub(crate) fn imports(&self) -> &[CoreFunction] {
        &self.imports
    }

    /// The functions of the exported interfaces.
    pub(crate) fn exports(&self) -> &[CoreFunction] {
        &self.exports
    }

    /// Adds the world's types to a core module, so that a component can be made of it.
    pub(crate) fn embed(&self, module: &mut Vec<u8>) {
        embed_component_metadata(module, &self.resolve, self.id, StringEncoding::UTF8).unwrap();
    }
}

fn imports(resolve: &Resolve, world: WorldId) -> Vec<CoreFunction> {
    let mut all = Vec::new();
    for (key, item) in &resolve.worlds[world].imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = &resolve.interfaces[*id];
        let module = resolve.name_world_key(key);
        let short = interface.name.as_deref().unwrap_or_default();
        for function in interface.functions.values() {
            let name = function.name.clone();
            // `[method]bucket.get` is `bucket.get`.
            let own = name.split_once(']').map_or(name.as_str(), |(_, own)| own);
            let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
            let (id, module) = (format!("{short}.{own}"), module.clone());
            all.push(CoreFunction { id, module, name, params: signature.params, results: signature.results });
        }
        for (name, ty) in &interface.types {
            if matches!(resolve.types[*ty].kind, TypeDefKind::Resource) {
                let (id, name) = (format!("{short}.drop-{name}"), format!("[resource-drop]{name}"));
                let (params, results) = (vec![WasmType::I32], Vec::new());
                all.push(CoreFunction { id, module: module.clone(), name, params, results });
            }
        }
    }
    all
}

fn exported(resolve: &Resolve, world: WorldId) -> Vec<CoreFunction> {
    let mut all = Vec::new();
    for (key, item) in &resolve.worlds[world].exports {
        let WorldItem::Interface { id, .. } = item else { continue };
        for function in resolve.interfaces[*id].functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            all.push(CoreFunction {
                id: function.name.clone(),
                module: String::new(),
                name: format!("{}#{}", resolve.name_world_key(key), function.name),
                params: signature.params,
                results: signature.results,
            });
        }
    }
    all
}

fn list(word: &str, types: &[WasmType]) -> String {
    let names = types.iter().map(|ty| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => " i64",
        WasmType::F32 => " f32",
        WasmType::F64 => " f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => " i32",
    });
    if types.is_empty() { String::new() } else { format!("({word}{})", names.collect::<String>()) }
}
