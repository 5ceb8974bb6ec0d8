//! Python: the SDK's own `python -m hookyard build`, in a virtual environment that has the SDK.

use std::path::{Path, PathBuf};

use super::super::folder::Folder;
use super::super::tool::Tool;
use super::is_older;
use crate::cli::failure::Failure;

const GET: &str =
    "install Python 3.11 or newer with venv, as `apt-get install python3 python3-venv` does on Debian";

/// The environment of a plugin's folder, and the file in it that says when the SDK was installed.
const OWN: &str = ".venv";
const INSTALLED: &str = ".venv/hookyard-installed";

pub(super) async fn build(folder: &Folder) -> Result<(), Failure> {
    let python = python(folder).await?;
    Tool::new(python, &folder.dir, GET).arguments(["-m", "hookyard", "build"]).run().await.map(drop)
}

/// The interpreter: of the environment that is active, if it has the SDK, or else of the folder's own,
/// which is made where it is not there.
async fn python(folder: &Folder) -> Result<PathBuf, Failure> {
    let active = Tool::new("python3", &folder.dir, GET).arguments(["-c", ACTIVE]).asked().await;
    if let Some(active) = active {
        return Ok(active.into());
    }
    let dir = folder.dir.canonicalize().map_err(Failure::failed)?;
    let (own, sdk) = (dir.join(OWN).join("bin/python"), dir.join("sdk"));
    if !sdk.is_dir() {
        return Err(Failure::Failed(
            "no SDK is here: activate an environment that has it, or install it from a folder `sdk`".into(),
        ));
    }
    if is_older(&dir.join(INSTALLED), &dir.join("pyproject.toml")) {
        install(&dir, &own).await?;
    }
    Ok(own)
}

/// Prints the interpreter of an active environment that has the SDK.
const ACTIVE: &str = "import sys, hookyard; assert sys.prefix != sys.base_prefix; print(sys.executable)";

async fn install(dir: &Path, own: &Path) -> Result<(), Failure> {
    if !own.exists() {
        Tool::new("python3", dir, GET).arguments(["-m", "venv", OWN]).run().await?;
    }
    let pip = Tool::new(own, dir, GET).arguments(["-m", "pip", "install", "--quiet"]);
    pip.arguments(["--disable-pip-version-check", "--editable", "./sdk", "pytest"]).run().await?;
    std::fs::write(dir.join(INSTALLED), "").map_err(Failure::failed)
}
