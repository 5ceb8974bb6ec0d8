//! The WIT packages whose events a config's plugins handle.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::cli::settings::Settings;
use crate::event::PluginName;

/// Most plugins that are read.
const PLUGINS_MAX: usize = 1000;

/// What a directory of plugins has handlers for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct HandledPackages {
    /// Number of plugins that were read.
    pub(in crate::cli) plugins: usize,
    /// Packages of their typed handlers, `moncreneau:events`.
    pub(in crate::cli) packages: BTreeSet<String>,
}

/// Reads the exports of all plugins of a config, without compiling them. Files that are no plugins are left out.
///
/// # Errors
/// When the engine does not start.
pub(in crate::cli) async fn handled_packages(settings: &Settings) -> Result<HandledPackages, String> {
    let config = settings.config();
    let runtime = super::runtime(config, false)?;
    let mut handled = HandledPackages::default();
    for file in plugin_files(settings) {
        let is_small = file.metadata().is_ok_and(|file| file.len() <= config.plugins.file_max_bytes);
        let Some(bytes) = is_small.then(|| std::fs::read(&file).ok()).flatten() else { continue };
        let Ok(exports) = runtime.read_exports(bytes).await else { continue };
        handled.plugins += 1;
        let packages = exports.interfaces.iter().filter_map(|interface| interface.split_once('/'));
        handled.packages.extend(packages.map(|(package, _)| package.to_owned()));
    }
    Ok(handled)
}

/// The plugins' files, by name.
fn plugin_files(settings: &Settings) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(&settings.config().plugins.dir).into_iter().flatten().flatten();
    let is_plugin = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        path.extension().is_some_and(|end| end == "wasm") && PluginName::new(&stem).is_ok() && path.is_file()
    };
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(is_plugin).collect();
    files.sort();
    files.truncate(PLUGINS_MAX);
    files
}
