//! Python: the SDK's own `python -m hookyard build`, in a virtual environment that has the SDK.

use std::path::PathBuf;

use tokio::process::Child;

use super::super::folder::Folder;
use super::super::tool::Tool;
use crate::cli::failure::Failure;

pub(in crate::cli::author) const GET: &str =
    "install Python 3.11 or newer with venv, as `apt-get install python3 python3-venv` does on Debian";

/// The environment in a plugin's folder, and the SDK's program that makes it or finds it good.
const OWN: &str = ".venv";
const MAKE: &str = "sdk/venv";

/// Prints the interpreter of the environment that is active, if it has the SDK.
const ACTIVE: &str = "import sys, hookyard; assert sys.prefix != sys.base_prefix; print(sys.executable)";

pub(super) async fn build(folder: &Folder) -> Result<(), Failure> {
    let python = prepare(folder).await?;
    Tool::new(python, &folder.dir, GET).arguments(["-m", "hookyard", "build"]).run().await.map(drop)
}

/// Starts a build that waits for the next [`build`] of the same folder, and ends with its standard input.
pub(super) async fn start_next(folder: &Folder) -> Option<Child> {
    let python = prepare(folder).await.ok()?;
    // The host compiles the last build at the same time.
    let arguments = ["-m", "hookyard", "ahead", "--nice", "10"];
    Tool::new(python, &folder.dir, GET).arguments(arguments).start_with_stdin().ok()
}

/// Makes the folder's own environment, and returns its interpreter. If the SDK is not in the folder, it is that of the
/// active environment.
///
/// # Errors
/// When there is no Python, or no environment with the SDK.
pub(in crate::cli::author) async fn prepare(folder: &Folder) -> Result<PathBuf, Failure> {
    // A program with a path is searched in this process's directory, not in the tool's.
    let dir = folder.dir.canonicalize().map_err(Failure::failed)?;
    if dir.join(MAKE).is_file() {
        Tool::new("python3", &dir, GET).arguments(["--version"]).run().await?;
        Tool::new(dir.join(MAKE), &dir, GET).arguments([OWN]).run().await?;
        return Ok(dir.join(OWN).join("bin/python"));
    }
    let active = Tool::new("python3", &dir, GET).arguments(["-c", ACTIVE]).read_output().await;
    active.map(PathBuf::from).ok_or_else(|| {
        Failure::Failed(format!(
            "there is no {MAKE} here, and no environment with the SDK is active: activate one, \
             or begin with `hookyard plugin new`"
        ))
    })
}
