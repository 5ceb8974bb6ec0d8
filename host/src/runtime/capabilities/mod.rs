//! The capabilities that the host offers to guests, one file each. A plugin with any other import is refused when it
//! is loaded, and the reason names the import.

mod config;
mod http;
mod keyvalue;
mod logging;
mod metadata;
mod outbox;

use wasmtime::Result;
use wasmtime::component::Linker;

use super::state::InstanceState;

/// Links every capability. An instance pays only for those that it imports.
pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    logging::add_to_linker(linker)?;
    config::add_to_linker(linker)?;
    keyvalue::add_to_linker(linker)?;
    outbox::add_to_linker(linker)?;
    metadata::add_to_linker(linker)?;
    http::add_to_linker(linker)
}

/// The packages and interfaces that [`add_to_linker`] links, as an import may name them: the part
/// before the version, and versions that fit.
pub(super) const OFFERED: &[(&str, &[&str])] = &[
    ("hookyard:plugin/types", &["0.1"]),
    ("hookyard:plugin/outbox", &["0.1"]),
    ("hookyard:event/metadata", &["0.1"]),
    ("wasi:logging/logging", &["0.1.0-draft", ""]),
    ("wasi:config/store", &["0.2.0-rc.1"]),
    ("wasi:keyvalue/store", &["0.2.0-draft2"]),
    ("wasi:keyvalue/atomics", &["0.2.0-draft2"]),
    ("wasi:keyvalue/batch", &["0.2.0-draft2"]),
    ("wasi:io/", &["0.2"]),
    ("wasi:clocks/", &["0.2"]),
    ("wasi:random/", &["0.2"]),
    ("wasi:cli/", &["0.2"]),
    ("wasi:filesystem/", &["0.2"]),
    ("wasi:sockets/", &["0.2"]),
    ("wasi:http/types", &["0.2"]),
    ("wasi:http/outgoing-handler", &["0.2"]),
];
