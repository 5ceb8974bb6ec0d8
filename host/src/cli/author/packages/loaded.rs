//! Reads packages and decodes their samples.

use std::path::PathBuf;

use super::decoder::PayloadDecoder;
use super::sample::payload_of;
use crate::cli::author::embedded;
use crate::cli::failure::Failure;
use crate::cli::settings::Settings;
use crate::wit::{Handler, Package, Packages};

/// Moncreneau's package in this program.
const MONCRENEAU: &str = "moncreneau-events-1.0.0";

/// Packages with their handlers and samples.
pub(in crate::cli) struct LoadedPackages {
    /// For modules of them.
    pub(in crate::cli) read: Packages,
    /// Their handlers and types.
    pub(in crate::cli) all: Vec<Package>,
}

impl LoadedPackages {
    /// The handler of an event type, and its package.
    pub(in crate::cli) fn handler(&self, event_type: &str) -> Option<(&Package, &Handler)> {
        self.all.iter().find_map(|package| Some((package, package.handler(event_type)?)))
    }

    /// The event types of all handlers.
    pub(in crate::cli) fn events(&self) -> impl Iterator<Item = &str> {
        let handlers = self.all.iter().flat_map(|package| &package.handlers);
        handlers.map(|handler| handler.event.as_str())
    }
}

/// Reads packages: folders with WIT files, WIT files, folders of packages.
///
/// # Errors
/// Names the file that is not WIT, the handler that no host could call, or the sample that does not fit.
pub(in crate::cli) async fn load(settings: &Settings, paths: &[PathBuf]) -> Result<LoadedPackages, Failure> {
    let read = Packages::read(paths, embedded::texts_below("wit")).map_err(Failure::failed)?;
    with_samples(settings, read).await
}

/// Moncreneau's package, which every SDK has.
///
/// # Errors
/// Does not happen with the files that this program embeds.
pub(in crate::cli) async fn load_moncreneau(settings: &Settings) -> Result<LoadedPackages, Failure> {
    with_samples(settings, moncreneau()?).await
}

/// Reads Moncreneau's package, with samples from its types.
///
/// # Errors
/// As [`load_moncreneau`].
pub(in crate::cli) fn read_moncreneau() -> Result<Vec<Package>, Failure> {
    moncreneau()?.all().map_err(Failure::failed)
}

fn moncreneau() -> Result<Packages, Failure> {
    read_with_moncreneau(Vec::new())
}

/// Reads packages as [`load`] does, and Moncreneau's, without samples.
///
/// # Errors
/// Names the file that is not WIT.
pub(in crate::cli) fn read_with_moncreneau(mut paths: Vec<PathBuf>) -> Result<Packages, Failure> {
    let dir = tempfile::tempdir().map_err(Failure::failed)?;
    let package = dir.path().join(MONCRENEAU);
    for (path, file) in embedded::below(&format!("wit/{MONCRENEAU}")) {
        let to = package.join(path);
        std::fs::create_dir_all(to.parent().unwrap_or(&package)).map_err(Failure::failed)?;
        std::fs::write(to, file.bytes).map_err(Failure::failed)?;
    }
    paths.push(package);
    Packages::read(&paths, embedded::texts_below("wit")).map_err(Failure::failed)
}

async fn with_samples(settings: &Settings, read: Packages) -> Result<LoadedPackages, Failure> {
    let mut all = read.all().map_err(Failure::failed)?;
    for package in &mut all {
        if package.handlers.iter().any(|handler| handler.sample_file.is_some()) {
            let decoder = PayloadDecoder::new(settings, &read, package).await.map_err(Failure::Failed)?;
            for handler in &mut package.handlers {
                take_sample(&decoder, handler, &package.types)
                    .map_err(|error| Failure::Failed(format!("{}: {error}", package.id)))?;
            }
        }
    }
    Ok(LoadedPackages { read, all })
}

fn take_sample(
    decoder: &PayloadDecoder,
    handler: &mut Handler,
    types: &[crate::wit::TypeDef],
) -> Result<(), String> {
    let Some(sample) = &handler.sample_file else { return Ok(()) };
    let within = |error: String| format!("samples/{}.json: {error}", handler.event);
    let payload = payload_of(&handler.event, sample).map_err(within)?;
    let sample = decoder.decode(&handler.event, payload).map_err(within)?;
    handler.set_sample(&sample.canonical, types)
}
