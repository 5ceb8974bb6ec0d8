//! Rust: cargo, with a compiler that has WebAssembly's standard library or its sources.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::folder::Folder;
use super::super::tool::Tool;
use super::super::tool::cache::tools_home;
use super::install;
use crate::cli::failure::Failure;

pub(in crate::cli::author) const GET: &str = "install Rust: https://rustup.rs";
const TARGET: &str = "wasm32-unknown-unknown";

/// The compiler's path in Debian's packages.
const SYSTEM_COMPILER: &str = "/usr/bin/rustc";

const NO_TARGET: &str = "no Rust compiler here builds for wasm32-unknown-unknown. One of these gets one:\n  \
                         rustup target add wasm32-unknown-unknown\n  \
                         apt-get install --no-install-recommends rustc-web rust-web-src    (Debian)";

/// A small stack keeps the memory that is reset after every call small; it grows down from 64 KiB, so
/// that running out of it is a trap and not a silent write into data.
const FLAGS: &str = "-Clink-arg=-zstack-size=65536";

pub(super) async fn build(folder: &Folder) -> Result<(), Failure> {
    let compiler = Compiler::find(&folder.dir).await?;
    let mut cargo = Tool::new("cargo", &folder.dir, GET)
        .quiet()
        .arguments(["build", "--release", "--target", TARGET])
        // Errors are for people, and the result's path is for this program.
        .arguments(["--message-format", "json-render-diagnostics"])
        .variable("RUSTC", compiler.rustc)
        .variable("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", FLAGS);
    if compiler.builds_std {
        cargo = cargo.arguments(["-Z", "build-std=std,panic_abort"]).variable("RUSTC_BOOTSTRAP", "1");
    }
    // Dependencies are compiled once for all plugins; only the plugin itself stays in its folder. An older cargo has
    // everything there.
    if let Some(home) = tools_home("cargo") {
        cargo = cargo.variable("CARGO_BUILD_BUILD_DIR", home);
    }
    if let Some((linker, path)) = linker(&folder.dir).await {
        cargo = cargo.variable("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker).variable("PATH", path);
    }
    let messages = cargo.run().await?;
    let made = made(&messages, &folder.dir).ok_or_else(|| {
        Failure::Failed("cargo made no .wasm file: Cargo.toml needs `crate-type = [\"cdylib\"]`".into())
    })?;
    install(&made, &folder.built())
}

/// A compiler that can build for WebAssembly.
struct Compiler {
    rustc: PathBuf,
    /// Whether the standard library has to be built as well.
    builds_std: bool,
}

impl Compiler {
    async fn find(dir: &Path) -> Result<Self, Failure> {
        let mut there = false;
        for rustc in ["rustc", SYSTEM_COMPILER] {
            let ask = |what: &[&str]| {
                let tool = Tool::new(rustc, dir, GET).arguments(["--print"]).arguments(what);
                async move { tool.read_output().await.map(PathBuf::from) }
            };
            let Some(root) = ask(&["sysroot"]).await else { continue };
            there = true;
            // rustc prints the directory of a target's libraries even if it does not exist.
            let library = ask(&["target-libdir", "--target", TARGET]).await;
            if library.is_some_and(|library| has_core(&library)) {
                return Ok(Self { rustc: rustc.into(), builds_std: false });
            }
            if root.join("lib/rustlib/src/rust/library/Cargo.lock").is_file() {
                return Ok(Self { rustc: rustc.into(), builds_std: true });
            }
        }
        Err(Failure::Failed(if there {
            NO_TARGET.into()
        } else {
            format!("there is no `rustc` here: {GET}")
        }))
    }
}

fn has_core(library: &Path) -> bool {
    let entries = std::fs::read_dir(library).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("libcore-"))
}

/// The linker that makes a component, and a `PATH` with the one that it calls: every toolchain of rustup
/// has both. Without them the compiler's own linker leaves a module, of which the host makes a component.
async fn linker(dir: &Path) -> Option<(PathBuf, OsString)> {
    let rustc = |what: &[&str]| Tool::new("rustc", dir, GET).arguments(what);
    let root = rustc(&["--print", "sysroot"]).read_output().await?;
    let version = rustc(&["-vV"]).read_output().await?;
    let machine = version.lines().find_map(|line| line.strip_prefix("host: "))?;
    let tools = Path::new(&root).join("lib/rustlib").join(machine).join("bin");
    let linker = tools.join("wasm-component-ld");
    if !linker.is_file() {
        return None;
    }
    let path = crate::config::search_path();
    let path = std::env::join_paths(std::iter::once(tools.join("gcc-ld")).chain(path)).ok()?;
    Some((linker, path))
}

/// The `.wasm` file among cargo's messages that belongs to the package in this folder.
fn made(messages: &[u8], dir: &Path) -> Option<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Message {
        manifest_path: Option<PathBuf>,
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let own = dir.join("Cargo.toml").canonicalize().ok()?;
    let messages = messages.split(|&byte| byte == b'\n');
    let messages = messages.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let of_own = |message: &Message| {
        message.manifest_path.as_ref().and_then(|path| path.canonicalize().ok()) == Some(own.clone())
    };
    let mut files = messages.filter(of_own).flat_map(|message| message.filenames);
    files.find(|file| file.extension().is_some_and(|end| end == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_plugin_is_read_from_cargos_messages() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = dir.path().join("Cargo.toml");
        std::fs::write(&manifest, "").unwrap();
        let message = |manifest: &Path, file: &str| serde_json::json!({ "reason": "compiler-artifact", "manifest_path": manifest, "filenames": [file] });
        let messages = format!(
            "{}\nnot JSON\n{}\n{}\n{}\n",
            message(Path::new("/other/Cargo.toml"), "/target/other.wasm"),
            message(&manifest, "/target/build-script"),
            message(&manifest, "/target/my_plugin.wasm"),
            serde_json::json!({ "reason": "build-finished", "success": true }),
        );
        assert_eq!(made(messages.as_bytes(), dir.path()), Some("/target/my_plugin.wasm".into()));
        assert_eq!(made(b"", dir.path()), None);
    }
}
