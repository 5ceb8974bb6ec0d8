//! TypeScript and JavaScript: the SDK's own build, with tools from npm.
//!
//! A plugin that needs no packages but the SDK shares the SDK's tools with all others: its `node_modules` is a link to a
//! directory of links. npm replaces that link by a directory, so it never changes the shared tools.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::folder::Folder;
use super::super::tool::Tool;
use super::super::tool::cache::{key_of, link, lock, shared_dir, tools_home};
use super::is_older;
use crate::cli::failure::Failure;

pub(in crate::cli::author) const GET: &str = "install Node.js 20 or newer, with npm: https://nodejs.org";

/// The directory of installed packages, and the file that npm writes at the end of an installation.
const MODULES: &str = "node_modules";
const INSTALLED: &str = "node_modules/.package-lock.json";

/// The SDK's package, and its place in a plugin's folder.
const PACKAGE: &str = "@hookyard/plugin";
const SDK: &str = "sdk";

/// Prints what the packages for this machine depend on.
const MACHINE: &str = "process.version + process.platform + process.arch + \
                       (process.report.getReport().header.glibcVersionRuntime ?? '')";

pub(super) async fn build(folder: &Folder) -> Result<(), Failure> {
    prepare(folder).await?;
    npm(&folder.dir, &["run", "--silent", "build"]).run().await.map(drop)
}

/// Installs the packages that the plugin's own programs need.
///
/// # Errors
/// When npm is missing, or fails.
pub(in crate::cli::author) async fn prepare(folder: &Folder) -> Result<(), Failure> {
    let is_installed = folder.dir.join(MODULES).symlink_metadata().is_ok_and(|found| found.is_dir());
    if !is_installed
        && let Some(home) = tools_home("npm")
        && needs_only_sdk(&folder.dir)
    {
        return share_tools(&folder.dir, &home).await;
    }
    if is_older(&folder.dir.join(INSTALLED), &folder.dir.join("package.json")) {
        npm(&folder.dir, &["install", "--no-audit", "--no-fund"]).run().await?;
    }
    Ok(())
}

fn npm(dir: &Path, arguments: &[&str]) -> Tool {
    Tool::new("npm", dir, GET).arguments(arguments)
}

/// Whether the plugin has the SDK in its folder, and its `package.json` names no other package.
fn needs_only_sdk(dir: &Path) -> bool {
    let text = std::fs::read(dir.join("package.json")).unwrap_or_default();
    let package: Value = serde_json::from_slice(&text).unwrap_or_default();
    let groups = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
    let mut named = groups.iter().filter_map(|group| package[group].as_object()).flatten();
    let is_sdk = |(name, from): (&String, &Value)| {
        name == PACKAGE && matches!(from.as_str(), Some("file:./sdk" | "file:sdk"))
    };
    dir.join(SDK).join("package-lock.json").is_file() && package["workspaces"].is_null() && named.all(is_sdk)
}

/// Links the plugin's `node_modules` to the shared tools.
async fn share_tools(dir: &Path, home: &Path) -> Result<(), Failure> {
    let dir = dir.canonicalize().map_err(Failure::failed)?;
    let sdk = dir.join(SDK);
    let tools = install_tools(&sdk, home).await?;
    let own = home.join("plugins").join(key_of(&[dir.as_os_str().as_encoded_bytes()])).join(MODULES);
    let _lock = lock(home.join("plugins.lock")).await.map_err(Failure::failed)?;
    let links = || -> io::Result<()> {
        for (name, target) in packages(&tools.join(MODULES))? {
            link(&target, &own.join(name))?;
        }
        link(&sdk, &own.join(PACKAGE))?;
        for program in std::fs::read_dir(sdk.join("bin"))? {
            let program = program?.path();
            let name = program.file_stem().unwrap_or_default();
            link(&program, &own.join(".bin").join(name))?;
        }
        link(&own, &dir.join(MODULES))
    };
    links().map_err(|error| Failure::Failed(format!("{}: {error}", own.display())))
}

/// The directory with the packages that the SDK's lock file names.
async fn install_tools(sdk: &Path, home: &Path) -> Result<PathBuf, Failure> {
    let [manifest, lock_file] = ["package.json", "package-lock.json"].map(|name| sdk.join(name));
    let locked = std::fs::read(&lock_file).map_err(Failure::failed)?;
    let machine = Tool::new("node", sdk, GET).arguments(["-p", MACHINE]).read_output().await;
    let machine = machine.ok_or_else(|| Failure::Failed(format!("there is no `node` here: {GET}")))?;
    shared_dir(home, &key_of(&[&locked, machine.as_bytes()]), async |new: &Path| {
        std::fs::copy(&manifest, new.join("package.json"))?;
        std::fs::copy(&lock_file, new.join("package-lock.json"))?;
        let arguments = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
        npm(new, &arguments).run().await.map(drop)
    })
    .await
}

/// The packages in a `node_modules`, by name: `typescript`, `@types/node`.
fn packages(modules: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(modules)? {
        let entry = entry?;
        let name = PathBuf::from(entry.file_name());
        if name.as_os_str().as_encoded_bytes().starts_with(b"@") {
            for below in std::fs::read_dir(entry.path())? {
                let below = below?;
                found.push((name.join(below.file_name()), below.path()));
            }
        } else if !name.as_os_str().as_encoded_bytes().starts_with(b".") {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_with_packages_of_its_own_shares_no_tools() {
        let dir = tempfile::tempdir().unwrap();
        let needs_only_sdk = |package: &str| {
            std::fs::write(dir.path().join("package.json"), package).unwrap();
            super::needs_only_sdk(dir.path())
        };
        let sdk = r#"{"dependencies":{"@hookyard/plugin":"file:./sdk"}}"#;
        assert!(!needs_only_sdk(sdk), "no SDK is here");
        std::fs::create_dir(dir.path().join("sdk")).unwrap();
        std::fs::write(dir.path().join("sdk/package-lock.json"), "{}").unwrap();
        assert!(needs_only_sdk(sdk) && needs_only_sdk("{}"));
        for own in [
            r#"{"dependencies":{"@hookyard/plugin":"file:./sdk","semver":"7"}}"#,
            r#"{"devDependencies":{"prettier":"3"}}"#,
            r#"{"dependencies":{"@hookyard/plugin":"1.0.0"}}"#,
            r#"{"workspaces":["a"]}"#,
        ] {
            assert!(!needs_only_sdk(own), "{own}");
        }
    }

    #[test]
    fn packages_are_found_below_their_scopes() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["typescript", "@types/node", "@types/a", ".bin"] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let mut names: Vec<_> = packages(dir.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["@types/a", "@types/node", "typescript"].map(PathBuf::from));
    }
}
