//! Any language: `make` leaves a component or a core module. A core module without component types gets those of its
//! handlers here.

use std::path::{Path, PathBuf};

use super::super::folder::Folder;
use super::super::packages::read_with_moncreneau;
use super::super::sources::find_newer_source;
use super::super::tool::Tool;
use super::module_names::{ModuleNames, WasmFile};
use super::replace;
use crate::cli::failure::{Failure, warn};
use crate::cli::{input, out};
use crate::config;
use crate::wit::PluginWorld;

const GET: &str = "install GNU make, as `apt-get install make` does on Debian";

/// Names of a module in a message.
const NAMES_SHOWN_MAX: usize = 8;

/// The module of preview 1 of WASI, for which the host has an adapter.
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// Runs `make`.
///
/// # Errors
/// When it is missing, or fails.
pub(super) async fn run(folder: &Folder) -> Result<(), Failure> {
    tool(folder, "build")?.run().await.map(drop)
}

/// Runs `make`, and adds the component types that a module lacks.
///
/// # Errors
/// When `make` fails, or left no plugin.
pub(super) async fn build(folder: &Folder) -> Result<(), Failure> {
    let file = folder.built();
    let modified = || file.metadata().and_then(|file| file.modified()).ok();
    let before = modified();
    run(folder).await?;
    let shown = file.display();
    if !file.is_file() {
        return Err(missing(folder));
    }
    if before == modified()
        && let Some(source) = find_newer_source(&folder.dir, &file)
    {
        let source = source.display();
        warn(&format!(
            "`make` left {shown} as it was, and {source} is newer: does the Makefile name it as a prerequisite?"
        ));
    }
    let bytes = input::read(&file)?;
    let wasm = WasmFile::read(&bytes).map_err(|error| {
        Failure::Failed(format!(
            "{shown} is not a WebAssembly file ({error}): set the compiler's target to WebAssembly, such as \
             wasm32-wasi or wasm32-freestanding"
        ))
    })?;
    let WasmFile::UntypedModule(names) = wasm else { return Ok(()) };
    let typed = with_types(bytes, &names, &folder.dir.join("wit"))
        .map_err(|error| Failure::Failed(format!("{shown} {error}")))?;
    replace(&file, &mut typed.as_slice()).map_err(|error| Failure::Failed(format!("{shown}: {error}")))
}

/// `make` as it runs from a shell: the options, variables and level of a calling `make` do not reach it.
///
/// # Errors
/// When the same `make` already runs and has called this program.
pub(in crate::cli::author) fn tool(folder: &Folder, purpose: &str) -> Result<Tool, Failure> {
    let own = folder.dir.canonicalize().map_err(Failure::failed)?;
    let own = format!("{purpose} {}", own.display());
    let making = config::making();
    if making.lines().any(|other| other == own) {
        return Err(Failure::Failed(format!(
            "the Makefile in {} calls `hookyard plugin {purpose}` on its own folder, which would never end: let it call \
             the language's own tools",
            folder.dir.display()
        )));
    }
    let inherited = ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"];
    // Without the option, `make` would prefer a `GNUmakefile` or `makefile`.
    let tool = Tool::new("make", &folder.dir, GET)
        .arguments(["--file=Makefile"])
        .variable(config::MAKING_VARIABLE, format!("{making}{own}\n"));
    Ok(inherited.into_iter().fold(tool, |tool, name| tool.variable(name, "")))
}

fn missing(folder: &Folder) -> Failure {
    let file = folder.built();
    let dist = file.parent().unwrap_or(Path::new("."));
    let beside = dist.read_dir().into_iter().flatten().flatten();
    let is_wasm = |path: &PathBuf| path.extension().is_some_and(|end| end == "wasm");
    let beside = beside.map(|entry| PathBuf::from(entry.file_name())).filter(is_wasm);
    let mut others: Vec<_> = beside.map(|name| name.display().to_string()).collect();
    others.sort();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!("; {} has {}", dist.display(), list(others)),
    };
    Failure::Failed(format!(
        "the build left no {}: let `make` write the plugin there, under the name of its folder{others}",
        file.display()
    ))
}

/// Adds the types of the handlers that a module exports. What it exports and imports is checked first, because the
/// messages of later steps do not name the remedy.
///
/// # Errors
/// Says what of the module does not fit; the text continues its file name.
fn with_types(mut module: Vec<u8>, names: &ModuleNames, packages: &Path) -> Result<Vec<u8>, String> {
    let interfaces = names.exported_interfaces();
    if interfaces.is_empty() {
        return Err(format!(
            "exports no handler, but {}. Name the function for an event type \
             `moncreneau:events/appointment-created@1.0.0#handle`, and those for events of any type \
             `hookyard:plugin/event-handler@0.1.0#handle` and `…#subscriptions`",
            list(&names.exports)
        ));
    }
    let own = if packages.is_dir() { vec![packages.to_owned()] } else { Vec::new() };
    let read = read_with_moncreneau(own).map_err(|error| format!("gets no types: {error}"))?;
    let world = read.world(&interfaces).map_err(|error| {
        format!(
            "exports handlers of {}, which are not all known: {error}. Put the WIT packages of other providers into {}",
            list(&interfaces),
            packages.display()
        )
    })?;
    check_imports(names, &world)?;
    world.embed(&mut module).map_err(|error| format!("gets no types: {error}"))?;
    Ok(module)
}

fn check_imports(names: &ModuleNames, world: &PluginWorld) -> Result<(), String> {
    let offered = world.imported_interfaces();
    let is_unknown = |module: &&String| *module != PREVIEW1 && !offered.contains(module);
    let Some(module) = names.imports.keys().find(is_unknown) else { return Ok(()) };
    let without_version = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    let meant = offered.iter().find(|known| without_version(known) == without_version(module));
    let remedy = match meant {
        Some(meant) => format!("this version of hookyard has {meant}"),
        None => format!(
            "no host offers it. A module may import {PREVIEW1} and the interfaces of hookyard, such as \
             wasi:logging/logging@0.1.0-draft; `hookyard wit export` writes them"
        ),
    };
    Err(format!("imports {} from `{}`: {remedy}", list(&names.imports[module]), out::escape(module)))
}

fn list(names: &[String]) -> String {
    let shown: Vec<_> =
        names.iter().take(NAMES_SHOWN_MAX).map(|name| format!("`{}`", out::escape(name))).collect();
    let more = names.len() - shown.len();
    match (shown.as_slice(), more) {
        ([], _) => "nothing".into(),
        (shown, 0) => shown.join(", "),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}
