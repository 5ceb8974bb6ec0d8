//! The sources in a plugin's folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

/// Most files scanned: no directory of sources has more.
pub(in crate::cli) const FILES_MAX: usize = 20_000;

/// The sources in a directory: files that are not hidden, not ignored by a `.gitignore` in it, and not built. A built
/// file would start the next build.
pub(in crate::cli) fn walk_sources(
    dir: &Path,
    depth_max: Option<usize>,
) -> impl Iterator<Item = DirEntry> + use<> {
    let mut walk = WalkBuilder::new(dir);
    // Settings of the machine or of a directory above would hide sources.
    walk.standard_filters(false).hidden(true).git_ignore(true).require_git(false);
    let entries = walk.max_depth(depth_max).filter_entry(|entry| !is_built(entry.file_name())).build();
    entries.flatten().filter(|entry| entry.file_type().is_some_and(|kind| !kind.is_dir()))
}

/// Ends of the names of files that a build reads.
const SOURCE_ENDS: [&str; 17] = [
    "Makefile", ".rs", ".ts", ".mts", ".js", ".mjs", ".json", ".py", ".toml", ".c", ".h", ".cc", ".cpp",
    ".go", ".mod", ".zig", ".wit",
];

/// A source of a plugin's folder that was changed after the plugin was built. Tests are not built.
pub(in crate::cli) fn find_newer_source(folder: &Path, built: &Path) -> Option<PathBuf> {
    let modified = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let built = modified(built).filter(|_| folder.is_dir())?;
    let is_source = |path: &Path| {
        let below = path.strip_prefix(folder).unwrap_or(path);
        let name = below.file_name().unwrap_or_default().to_string_lossy();
        let is_test = below.iter().any(|part| part == "test" || part == "tests")
            || name.starts_with("test_")
            || name.ends_with("_test.go");
        !is_test && SOURCE_ENDS.iter().any(|end| name.ends_with(end))
    };
    let sources = walk_sources(folder, None).take(FILES_MAX).map(DirEntry::into_path);
    let changed = |path: PathBuf| Some((modified(&path).filter(|time| *time > built)?, path));
    sources.filter(|path| is_source(path)).filter_map(changed).max().map(|(_, path)| path)
}

fn is_built(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let ends = [".wasm", ".lock", "-lock.json", ".egg-info", ".pyc", ".o", ".a", "~"];
    matches!(&*name, "target" | "node_modules" | "__pycache__" | "dist" | "build" | "zig-out")
        || ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_source_that_is_newer_than_the_plugin_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, age: u64| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            path
        };
        let built = write("dist/p.wasm", 100);
        write("src/old.rs", 200);
        for path in ["README.md", "notes", "tests/t.rs", "test_plugin.py", "target/out.rs", ".hidden"] {
            write(path, 10);
        }
        assert_eq!(find_newer_source(dir.path(), &built), None);
        write("src/newer.rs", 50);
        let newest = write("src/newest.rs", 20);
        assert_eq!(find_newer_source(dir.path(), &built), Some(newest));
        assert_eq!(find_newer_source(&built, &built), None, "a file has no sources");
    }
}
