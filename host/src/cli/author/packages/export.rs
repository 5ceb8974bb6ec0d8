//! The contract in the layout that wit-bindgen takes: the plugin's own package with its world, and the packages that it
//! uses in the folder `deps`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::loaded::read_moncreneau;
use crate::cli::author::embedded;
use crate::cli::failure::Failure;

/// The file of the plugin's own package.
const WORLD: &str = "plugin.wit";

/// Writes the contract below a folder. Returns the number of files.
///
/// # Errors
/// When a file is there already, in which case none is written, or cannot be written.
pub(in crate::cli) fn export(dir: &Path) -> Result<usize, Failure> {
    let contract = embedded::below("wit").filter(|(path, _)| !path.contains("/samples/"));
    let deps = contract.map(|(path, file)| {
        let path = path.strip_prefix("wasi/").unwrap_or(path);
        (dir.join("deps").join(path), file.bytes)
    });
    let world = world()?;
    let files: Vec<_> = std::iter::once((dir.join(WORLD), world.as_bytes())).chain(deps).collect();
    if let Some((there, _)) = files.iter().find(|(to, _)| to.symlink_metadata().is_ok()) {
        return Err(Failure::Failed(format!(
            "{}: it is there already, so nothing was written: export into another folder, or move it away",
            there.display()
        )));
    }
    let count = files.len();
    for (to, bytes) in files {
        let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", to.display()));
        std::fs::create_dir_all(to.parent().unwrap_or(dir)).map_err(failed)?;
        let created = std::fs::File::options().write(true).create_new(true).open(&to);
        created.and_then(|mut created| created.write_all(bytes)).map_err(failed)?;
    }
    Ok(count)
}

/// A world with the generic handler, and the typed ones in comments.
fn world() -> Result<String, Failure> {
    let mut text = String::from(
        "package my:plugin;\n\n/// The handlers of this plugin, and what it may import. Export only handlers that it has.\n\
         world plugin {\n    include hookyard:plugin/imports@0.1.0;\n    import hookyard:event/metadata@0.1.0;\n\n    /// Events of any type, as JSON.\n    \
         export hookyard:plugin/event-handler@0.1.0;\n\n    // Events of one type, typed:\n",
    );
    for handler in read_moncreneau()?.iter().flat_map(|package| &package.handlers) {
        let _ = writeln!(text, "    // export {};", handler.wit);
    }
    text.push_str("}\n");
    Ok(text)
}
