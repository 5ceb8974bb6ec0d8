//! Embeds what `hookyard plugin new` copies: the SDKs with their templates, and the WIT. As a list of
//! files in `OUT_DIR`, so that what is left out is said here: a checkout in which plugins were built has
//! hundreds of megabytes beside the sources.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What is embedded, below the repository's root.
const ROOTS: [&str; 6] =
    ["plugin-sdk/c", "plugin-sdk/go", "plugin-sdk/python", "plugin-sdk/rust", "plugin-sdk/typescript", "wit"];

/// What builds leave beside the sources, wherever they are, and at one place only: elsewhere something
/// else may be called so.
const BUILT: [&str; 4] = ["target", "node_modules", "dist", "__pycache__"];
const BUILT_HERE: [&str; 2] = ["plugin-sdk/c/build", "plugin-sdk/python/build"];

/// Directories into which tools write beside the sources; Python's write into each below, too. Cargo does not look at these:
/// in a fresh clone the first run of a tool would build the host anew. A new file is embedded with the next change of another.
const TOOLS_WRITE: [&str; 3] = ["plugin-sdk/c", "plugin-sdk/python", "plugin-sdk/typescript"];

fn main() -> Result<(), Box<dyn Error>> {
    let host = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let root = host.parent().ok_or("the host is not in a repository")?.canonicalize()?;
    let mut files = Vec::new();
    println!("cargo::rerun-if-changed=build.rs");
    for below in ROOTS {
        collect(&root, Path::new(below), &mut files)?;
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let full = root.join(file);
        let executable = fs::metadata(&full)?.permissions().mode() & 0o100 != 0;
        let path = file.to_str().ok_or_else(|| format!("{} is not UTF-8", file.display()))?;
        let bytes = full.to_str().ok_or("the repository's path is not UTF-8")?;
        writeln!(
            list,
            "    File {{ path: {path:?}, executable: {executable}, bytes: include_bytes!({bytes:?}) }},"
        )?;
    }
    list.push_str("]\n");
    fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("embedded.rs"), list)?;
    let build = describe_build(&root).map(|build| format!(" ({build})")).unwrap_or_default();
    println!("cargo::rustc-env=HOOKYARD_BUILD={build}");
    Ok(())
}

/// The commit for `--version`: `HOOKYARD_COMMIT`, or that of the clone. A debug build has none, for each commit would
/// build the host anew.
fn describe_build(root: &Path) -> Option<String> {
    println!("cargo::rerun-if-env-changed=HOOKYARD_COMMIT");
    let given = std::env::var("HOOKYARD_COMMIT").ok().filter(|given| !given.is_empty());
    if given.is_some() {
        return given.map(|given| given.chars().filter(char::is_ascii_graphic).take(40).collect());
    }
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        return Some("debug build".into());
    }
    read_commit(root).map(|commit| commit.chars().take(12).collect())
}

/// Reads the commit that is checked out, without git. `None` where there is no clone.
fn read_commit(root: &Path) -> Option<String> {
    let read = |path: &Path| {
        println!("cargo::rerun-if-changed={}", path.display());
        fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    let dot_git = root.join(".git");
    if !dot_git.exists() {
        return None;
    }
    // In a worktree it is a file with the directory's path, which has the path of the clone's own.
    let dir = if dot_git.is_dir() { dot_git } else { root.join(read(&dot_git)?.strip_prefix("gitdir: ")?) };
    let head = read(&dir.join("HEAD"))?;
    // It grows with each commit, also where the branch has no file of its own yet.
    let log = dir.join("logs/HEAD");
    if log.is_file() {
        println!("cargo::rerun-if-changed={}", log.display());
    }
    let Some(branch) = head.strip_prefix("ref: ") else { return is_commit(&head).then_some(head) };
    let common = dir.join("commondir");
    let common = if common.is_file() { dir.join(read(&common)?) } else { dir };
    let (loose, packed) = (common.join(branch), common.join("packed-refs"));
    // Cargo would run this script each time for a file that is missing.
    let commit = if loose.is_file() { read(&loose) } else { None };
    let commit = commit.or_else(|| {
        let packed = if packed.is_file() { read(&packed)? } else { return None };
        let line = packed.lines().find(|line| line.split(' ').nth(1) == Some(branch))?;
        line.split(' ').next().map(str::to_owned)
    });
    commit.filter(|commit| is_commit(commit))
}

fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Collects the files of a directory. Tells Cargo to look for new ones where no tool writes.
fn collect(root: &Path, dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let full = root.join(dir);
    for entry in fs::read_dir(&full).map_err(|error| format!("{}: {error}", full.display()))? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), dir.join(entry.file_name()));
        let name = name.to_string_lossy();
        let kind = entry.file_type()?;
        let hidden = name.starts_with('.') && name != ".gitignore";
        let built = BUILT.contains(&&*name)
            || BUILT_HERE.iter().any(|here| path == Path::new(here))
            || name.ends_with(".egg-info");
        if hidden || built {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if kind.is_file() {
            // Links are not followed: an SDK's `wit` leads to what is embedded once.
            println!("cargo::rerun-if-changed={}", full.join(&*name).display());
            files.push(path);
        }
    }
    let is_written = TOOLS_WRITE.iter().any(|written| dir == Path::new(written));
    if !is_written && !dir.starts_with("plugin-sdk/python") {
        println!("cargo::rerun-if-changed={}", full.display());
    }
    Ok(())
}
