//! The one `unsafe` of the project: wasmtime takes machine code that was compiled elsewhere or before.

use wasmtime::component::Component;
use wasmtime::{Engine, Precompiled, Result, bail};

/// Loads the result of [`Engine::precompile_component`]. The bytes were just read from the pipe of
/// the compiler's child process, or an earlier run kept them in [`super::cache::CodeCache`].
///
/// # Errors
/// When the bytes are no component's machine code, or were made by an engine of another version or
/// configuration.
#[expect(unsafe_code, reason = "wasmtime offers no safe way to load code compiled elsewhere")]
pub(super) fn component(engine: &Engine, bytes: &[u8]) -> Result<Component> {
    if !matches!(Engine::detect_precompiled(bytes), Some(Precompiled::Component)) {
        bail!("it is not a component's machine code");
    }
    // SAFETY: the bytes were made by `Engine::precompile_component` and not changed since. Either they
    // come from this program's own child over a private pipe, or from a file. A file's message
    // authentication code was checked with a key that only this host's user can read. wasmtime itself
    // checks that version and configuration of the engine match. The bytes are copied, so a later change
    // of the file has no effect.
    unsafe { Component::deserialize(engine, bytes) }
}
