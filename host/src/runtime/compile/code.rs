//! Compiles a file's bytes to machine code: a component, or a core module with embedded component types.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmtime::Engine;

use super::merge::merge_modules;

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
/// The message names the file's actual type.
pub(super) fn check_preamble(bytes: &[u8]) -> Result<(), String> {
    FileKind::from_preamble(bytes).map(drop)
}

/// Compiles a file to machine code.
///
/// # Errors
/// The compiler's error.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let component = as_component(bytes)?;
    // An error has to name places in the file, so it comes from compiling the component itself.
    let merged = merge_modules(&component).map(|merged| engine.precompile_component(&merged));
    if let Some(Ok(code)) = merged {
        return Ok(code);
    }
    engine.precompile_component(&component).map_err(|error| format!("{error:#}"))
}

/// Returns a file as a component: itself, or one made from it.
///
/// # Errors
/// The message names the file's actual type, or the reason why no component can be made from it.
pub(super) fn as_component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    Ok(match FileKind::from_preamble(bytes)? {
        FileKind::Component => Cow::Borrowed(bytes),
        FileKind::Module => Cow::Owned(componentize(bytes)?),
    })
}

const NO_TYPES: &str = "a core module without component types: `hookyard plugin build` adds them in a folder with a \
                        Makefile; or build with wit-bindgen, or to a component";

/// Makes a component of a core module. A module that imports preview 1 of WASI gets the adapter to preview 2.
fn componentize(bytes: &[u8]) -> Result<Vec<u8>, String> {
    const TYPES: &[u8] = b"component-type";
    if !bytes.windows(TYPES.len()).any(|window| window == TYPES) {
        return Err(NO_TYPES.into());
    }
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(bytes)
        .and_then(|encoder| encoder.adapter(PREVIEW1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("no component can be made of it: {error:#}"))
}
