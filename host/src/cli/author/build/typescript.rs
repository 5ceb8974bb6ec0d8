//! TypeScript and JavaScript: npm, with what `package.json` names installed once.

use super::super::folder::Folder;
use super::super::tool::Tool;
use super::is_older;
use crate::cli::failure::Failure;

const GET: &str = "install Node.js 20 or newer, with npm: https://nodejs.org";

/// What npm writes at the end of an installation.
const INSTALLED: &str = "node_modules/.package-lock.json";

pub(super) async fn build(folder: &Folder) -> Result<(), Failure> {
    let npm = |arguments: &[&str]| Tool::new("npm", &folder.dir, GET).arguments(arguments);
    if is_older(&folder.dir.join(INSTALLED), &folder.dir.join("package.json")) {
        npm(&["install", "--no-audit", "--no-fund"]).run().await?;
    }
    npm(&["run", "--silent", "build"]).run().await.map(drop)
}
