//! `hookyard plugin test`: runs a plugin's own tests with its language's tools.

use std::path::PathBuf;

use super::author::folder::Folder;
use super::author::test;
use super::failure::Failure;

const EXAMPLE: &str = "\
Examples:
  hookyard plugin test my-plugin
  hookyard plugin test                       the plugin in this folder
  hookyard plugin test my-plugin --wasm      builds it, and runs the same tests on what was built
  hookyard plugin test my-plugin -- --help   what follows `--` goes to the language's own test program

It runs `cargo test`, `npm test`, `python -m unittest`, `make test` or `go test`, and installs what they need as
`plugin build` does. With --wasm, the deliveries of the tests run on the built component, in this program. Exit code: 0 when all tests pass, 1 otherwise.";

/// Run a plugin's own tests
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Test {
    /// The plugin's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Build the plugin, and run the deliveries of its tests on what was built
    #[arg(long)]
    wasm: bool,
    /// For the language's own test program
    #[arg(value_name = "ARGUMENT", last = true)]
    arguments: Vec<String>,
}

impl Test {
    /// Runs the tests; their output is shown as it comes.
    ///
    /// # Errors
    /// When a tool is missing, or a test failed.
    pub(super) async fn run(self) -> Result<(), Failure> {
        test::run(&Folder::at(&self.dir)?, self.wasm, &self.arguments).await
    }
}
