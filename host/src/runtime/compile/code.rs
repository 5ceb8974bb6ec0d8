//! Compiles a file's bytes to machine code: a component, or a core module with embedded component types.

use wasmtime::Engine;

enum FileKind {
    Component,
    Module,
}

impl FileKind {
    /// The kind by the first eight bytes: magic number, version and layer
    /// (component-model/design/mvp/Binary.md, "preamble").
    fn from_preamble(bytes: &[u8]) -> Result<Self, String> {
        match bytes.get(..8) {
            Some(b"\0asm\x0d\0\x01\0") => Ok(Self::Component),
            Some(b"\0asm\x01\0\0\0") => Ok(Self::Module),
            Some(preamble) if preamble.starts_with(b"\0asm") => {
                Err("an unknown version of WebAssembly".into())
            }
            _ if bytes.is_empty() => Err("the file is empty".into()),
            _ => Err("not a WebAssembly file (it does not begin with \\0asm)".into()),
        }
    }
}

/// Checks that the bytes begin as a component or a core module does.
///
/// # Errors
/// Names what they are instead.
pub(super) fn check_preamble(bytes: &[u8]) -> Result<(), String> {
    FileKind::from_preamble(bytes).map(drop)
}

/// Compiles a file to machine code.
///
/// # Errors
/// The compiler's error.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let encoded;
    let bytes = match FileKind::from_preamble(bytes)? {
        FileKind::Component => bytes,
        FileKind::Module => {
            encoded = componentize(bytes)?;
            &encoded
        }
    };
    engine.precompile_component(bytes).map_err(|error| format!("{error:#}"))
}

fn componentize(bytes: &[u8]) -> Result<Vec<u8>, String> {
    const TYPES: &[u8] = b"component-type";
    if !bytes.windows(TYPES.len()).any(|window| window == TYPES) {
        return Err(
            "a core module without component types: build a component, or build with wit-bindgen".into()
        );
    }
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("no component can be made of it: {error:#}"))
}
