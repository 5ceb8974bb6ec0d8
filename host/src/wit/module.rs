//! A module that exports a package's handlers, for the host's own loader: what it says of the module, it says of every
//! plugin with these handlers.

use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, PackageId, Resolve};

use super::error::PackageError;
use super::model::Handler;
use super::name::escape;

/// Makes the module. Its handlers trap.
///
/// # Errors
/// When the handlers make no world.
pub(super) fn with_handlers(
    resolve: &Resolve,
    package: PackageId,
    handlers: &[Handler],
) -> Result<Vec<u8>, PackageError> {
    let id = resolve.packages[package].name.to_string();
    let failed = |error: &dyn std::fmt::Display| PackageError::new(&id, format!("{error:#}"));
    let mut resolve = resolve.clone();
    let exports = handlers.iter().map(|handler| Ok(format!("export {};", escape(&handler.wit)?)));
    let exports = exports.collect::<Result<Vec<_>, PackageError>>()?;
    let text = format!("package hookyard:check;\nworld check {{ {} }}", exports.join(" "));
    let checked = resolve.push_source("check.wit", &text).map_err(|error| failed(&error))?;
    let world = resolve.select_world(&[checked], Some("check")).map_err(|error| failed(&error))?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| failed(&error))?;
    Ok(module)
}
