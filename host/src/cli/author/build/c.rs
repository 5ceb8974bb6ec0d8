//! C: `make`, which knows the compiler, and says what is missing.

use super::super::folder::Folder;
use super::super::tool::Tool;
use crate::cli::failure::Failure;

const GET: &str = "install GNU make, as `apt-get install make` does on Debian";

pub(super) async fn build(folder: &Folder) -> Result<(), Failure> {
    // The variables of a `make` that called this one are not meant for it.
    let make = Tool::new("make", &folder.dir, GET).variable("MAKEFLAGS", "").variable("MFLAGS", "");
    make.run().await.map(drop)
}
