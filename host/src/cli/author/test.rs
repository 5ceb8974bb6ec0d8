//! Runs the tests in a plugin's folder with its language's own tools.

use std::path::PathBuf;

use super::build::{build, go, make, python, rust, typescript};
use super::folder::Folder;
use super::language::{Language, Project};
use super::tool::Tool;
use crate::cli::failure::Failure;

/// Where test hosts find this program, and the component that deliveries run on.
const PROGRAM: &str = "HOOKYARD";
const COMPONENT: &str = "HOOKYARD_WASM";

/// Runs a plugin's tests, with these arguments for the test program. Its output goes to the terminal. With `wasm`, the
/// plugin is built, and deliveries run on what was built.
///
/// # Errors
/// When a tool is missing, the build or a test failed, or the plugin has no test host.
pub(in crate::cli) async fn run(folder: &Folder, wasm: bool, arguments: &[String]) -> Result<(), Failure> {
    let component = if wasm { Some(built(folder).await?) } else { None };
    let tool = match folder.project {
        Project::Sdk(Language::Typescript) => {
            typescript::prepare(folder).await?;
            let separator = (!arguments.is_empty()).then_some("--");
            Tool::new("npm", &folder.dir, typescript::GET).arguments(["test"]).arguments(separator)
        }
        Project::Sdk(Language::Python) => {
            let python = python::prepare(folder).await?;
            Tool::new(python, &folder.dir, python::GET).arguments(["-m", "unittest"])
        }
        Project::Sdk(Language::Go) => {
            let compiler = go::find_compiler(&folder.dir).await?;
            // Go keeps the result of tests whose inputs did not change, and a component is none that it knows.
            let fresh = component.is_some().then_some("-count=1");
            Tool::new(compiler, &folder.dir, go::GET)
                .arguments(["test"])
                .arguments(fresh)
                .arguments(["./..."])
        }
        Project::Sdk(Language::C) | Project::Makefile => make::tool(folder, "test")?.arguments(["test"]),
        Project::Sdk(Language::Rust) => Tool::new("cargo", &folder.dir, rust::GET).arguments(["test"]),
    };
    let own = std::env::current_exe()?;
    tool.variable(PROGRAM, own)
        .variable(COMPONENT, component.unwrap_or_default())
        .arguments(arguments)
        .run_shown()
        .await
}

/// Builds the plugin and returns the full path of its component.
async fn built(folder: &Folder) -> Result<PathBuf, Failure> {
    if folder.project == Project::Makefile {
        let why = "`make test` has no test host; let it call `hookyard plugin run`";
        return Err(Failure::Usage(format!("--wasm: {why}")));
    }
    let built = build(folder).await?.file;
    built.canonicalize().map_err(|error| Failure::Failed(format!("{}: {error}", built.display())))
}
