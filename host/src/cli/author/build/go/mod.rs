//! Go: its compiler, and then what makes a plugin of the module: functions with the handlers' types.

mod functions;
mod module;

use std::path::{Path, PathBuf};

use super::super::embedded;
use super::super::folder::Folder;
use super::super::packages::read_with_moncreneau;
use super::super::tool::Tool;
use crate::cli::failure::Failure;
use crate::wit::CoreType;
use functions::{Addresses, Trampoline};
use module::CoreModule;
use wasm_encoder::ValType;

pub(in crate::cli::author) const GET: &str = "install Go 1.24 or newer: https://go.dev/dl";

const NO_HANDLER: &str = "it registers no handler: call `hookyard.OnEvent`, or the `On…` function of an event's \
                          package, in an `init` function";

/// The begin of the SDK's words in the module, and of each handler's name there (`plugin-sdk/go/abi`).
const LAYOUT_MARK: &[u8] = b"GO:hookyardmark1";
const EXPORT_MARK: &[u8] = b"\x01hookyard:export ";
const MARK_END: u8 = 1;

/// The SDK's program that finds Go, or gets it for this user.
const TOOLCHAIN: &str = "plugin-sdk/go/toolchain";

pub(super) async fn build(folder: &Folder) -> Result<(), Failure> {
    let go = find_compiler(&folder.dir).await?;
    let dist = folder.dir.join("dist");
    std::fs::create_dir_all(&dist).map_err(Failure::failed)?;
    let core = dist.join(".core.wasm");
    Tool::new(go, &folder.dir, GET)
        .arguments(["build", "-buildmode=c-shared", "-trimpath", "-o", "dist/.core.wasm"])
        // The SDK's allocator and Go's share the memory, for which it names variables of Go's runtime.
        .arguments(["-ldflags=-checklinkname=0", "."])
        .variable("GOOS", "wasip1")
        .variable("GOARCH", "wasm")
        .variable("GOTOOLCHAIN", "local")
        .run()
        .await?;
    let module = std::fs::read(&core).map_err(Failure::failed)?;
    let finished = finish(&module, &folder.dir.join("wit"))?;
    std::fs::write(&core, finished).map_err(Failure::failed)?;
    std::fs::rename(&core, folder.built()).map_err(Failure::failed)
}

pub(in crate::cli::author) async fn find_compiler(dir: &Path) -> Result<PathBuf, Failure> {
    let missing = || Failure::Failed(format!("there is no `go` here: {GET}"));
    let script = embedded::below("plugin-sdk/go").find(|(path, _)| *path == "toolchain");
    let script = script.map(|(_, file)| String::from_utf8_lossy(file.bytes)).ok_or_else(missing)?;
    // It says itself what it tried.
    let found = Tool::new("bash", dir, GET).arguments(["-c", &*script, TOOLCHAIN]).run().await;
    let path = found.ok().and_then(|path| String::from_utf8(path).ok()).ok_or_else(missing)?;
    Ok(PathBuf::from(path.trim_end()))
}

/// Makes a plugin of a module that Go's compiler made.
///
/// # Errors
/// Says what the module lacks.
fn finish(bytes: &[u8], packages: &Path) -> Result<Vec<u8>, Failure> {
    let module = CoreModule::parse(bytes).map_err(Failure::Failed)?;
    let no_sdk = || Failure::Failed("the plugin does not import package hookyard".into());
    let call = module.exported("hookyard_call").ok_or_else(no_sdk)?;
    let layouts = module.find(LAYOUT_MARK);
    let [(after_mark, _)] = layouts[..] else { return Err(no_sdk()) };
    let mark_bytes = u32::try_from(LAYOUT_MARK.len()).unwrap_or_default();
    let addresses = Addresses { layout: after_mark - mark_bytes, call };
    let names = handler_names(&module);
    if names.is_empty() {
        return Err(Failure::Failed(NO_HANDLER.into()));
    }
    let interfaces: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
    let own = if packages.is_dir() { vec![packages.to_owned()] } else { Vec::new() };
    let world = read_with_moncreneau(own)?.world(&interfaces).map_err(Failure::failed)?;
    let mut added = vec![addresses.realloc(), addresses.adapter_realloc()];
    for function in world.exported_functions() {
        let Some((name, address)) = names.iter().find(|(name, _)| *name == function.interface) else {
            continue;
        };
        let length = u32::try_from(name.len()).unwrap_or_default();
        added.push(addresses.trampoline(Trampoline {
            export: function.export,
            name: (*address, length),
            params: function.params.into_iter().map(core_type).collect(),
            is_indirect: function.is_indirect,
        }));
    }
    let mut finished = module.with_functions(&added).map_err(Failure::Failed)?;
    world.embed(&mut finished).map_err(Failure::failed)?;
    Ok(finished)
}

fn core_type(ty: CoreType) -> ValType {
    match ty {
        CoreType::I32 => ValType::I32,
        CoreType::I64 => ValType::I64,
        CoreType::F32 => ValType::F32,
        CoreType::F64 => ValType::F64,
    }
}

/// The interfaces of the registered handlers, with the addresses of their names.
fn handler_names(module: &CoreModule<'_>) -> Vec<(String, u32)> {
    let mut names: Vec<(String, u32)> = Vec::new();
    for (address, data) in module.find(EXPORT_MARK) {
        let name = data.split(|byte| *byte == MARK_END).next().unwrap_or_default();
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let is_name = name.contains(':') && name.chars().all(|c| c.is_ascii_graphic());
        if is_name && names.iter().all(|(known, _)| known != name) {
            names.push((name.to_owned(), address));
        }
    }
    names
}
