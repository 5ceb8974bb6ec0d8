//! Merges the core modules of a component into one, where that changes nothing that the component does.
//!
//! Toolchains for interpreters link a component from shared libraries: Python's has 14 core modules, which import some
//! 2,250 functions and globals from each other and write 5,300 functions into each other's table. An instance of each
//! module has to be made for each call, and all these imports and elements with it. In a single module the compiler
//! knows them.
//!
//! Modules are merged if their instances get all imports from each other, or from the host without use of their memory.
//! A module with a start function stays as it is, and so does everything that this room does not understand: an
//! unmerged component is only slower.

mod analysis;
mod component;
mod encode;
mod items;
mod module;
mod sections;
#[cfg(test)]
mod tests;
mod write;

use wasmparser::{Validator, WasmFeatures};

/// The reason why a component stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Unsupported(&'static str);

impl From<wasmparser::BinaryReaderError> for Unsupported {
    fn from(_: wasmparser::BinaryReaderError) -> Self {
        Self("it is invalid")
    }
}

impl From<wasm_encoder::reencode::Error<Self>> for Unsupported {
    fn from(error: wasm_encoder::reencode::Error<Self>) -> Self {
        match error {
            wasm_encoder::reencode::Error::UserError(reason) => reason,
            _ => Self("it cannot be encoded"),
        }
    }
}

/// Returns the component with merged modules; `None` if it stays as it is.
pub(super) fn merge_modules(component: &[u8]) -> Option<Vec<u8>> {
    merge(component).ok().flatten()
}

fn merge(component: &[u8]) -> Result<Option<Vec<u8>>, Unsupported> {
    // Modules that do not fit each other could make a valid module, and the component has to be refused. The compiler
    // checks whether the engine has the features that the component uses.
    Validator::new_with_features(WasmFeatures::all()).validate_all(component)?;
    component::merge_level(component, 0)
}
