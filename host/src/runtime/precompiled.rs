//! The one `unsafe` of the project: wasmtime takes back machine code that it compiled before.

use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// Loads what [`Component::serialize`] gave. Only [`super::cache::Cache`] calls it, with bytes whose
/// SHA-256 it has just checked against the one it stored with them.
#[expect(unsafe_code, reason = "wasmtime offers no safe way to load code compiled before")]
pub(super) fn component(engine: &Engine, bytes: &[u8]) -> Result<Component> {
    // SAFETY: the bytes come from a directory that only this host's user may write (checked when
    // the cache is opened), were written there by `Component::serialize` of this very engine version
    // and configuration (the directory's name), and are whole (their digest was checked). They are
    // copied, so no later change of the file is seen.
    unsafe { Component::deserialize(engine, bytes) }
}
