//! `hookyard plugin attempt`: one attempt that a test host describes.

use std::path::PathBuf;

use super::author::folder::wasm_file;
use super::failure::Failure;
use super::inspect::case::Case;
use super::{input, out};
use crate::event::PluginName;

const EXAMPLE: &str = "\
Examples:
  hookyard plugin attempt my-plugin < case.json
  hookyard plugin attempt my-plugin/dist/my-plugin.wasm --case case.json

The test hosts of the SDKs call it to run the same tests on the built plugin (`hookyard plugin test --wasm`).
The case is JSON: `event`, as `hookyard event export` writes it, and optionally `attempt`, `config`, `store` (buckets,
in them values by their keys), `refusals` (for each effect that the handler asks for, in order, null or the reason to
refuse it) and `answers` to the handler's own requests, in their order: {\"status\": 200, \"headers\": [[\"name\", \"value\"]],
\"body\": {\"text\": \"…\"}} or {\"failure\": \"…\", \"denied\": false}. A request beyond the answers fails, and the report says
`is_unanswered`: make the attempt again with one answer more. `asked` has the effects and requests in their order. No
config file is read, and nothing is sent.
Exit code: 0 whatever the attempt's outcome, 1 when the plugin is refused or the case is none.";

/// Make one attempt that a test host describes, and print its report as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Attempt {
    /// The `.wasm` file, or the folder of a plugin that was built
    plugin: PathBuf,
    /// The file of the case; `-` is standard input
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    case: PathBuf,
}

impl Attempt {
    /// Makes the attempt and prints its report.
    ///
    /// # Errors
    /// When the plugin is refused, or the case cannot be read.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let text = input::read(&self.case)?;
        let wrong = |error: serde_json::Error| {
            let case =
                if self.case.as_os_str() == "-" { "standard input" } else { &*self.case.to_string_lossy() };
            Failure::Failed(format!("{case}: {error}"))
        };
        let case: Case = serde_json::from_slice(&text).map_err(wrong)?;
        let file = wasm_file(&self.plugin)?;
        let failed = |reason: String| Failure::Failed(format!("{}: {reason}", file.display()));
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = PluginName::new(&stem)
            .map_err(|error| failed(format!("the file's name names the plugin: {error}")))?;
        let report = case.run(&name, input::read(&file)?).await.map_err(failed)?;
        out::print_json_line(&report)
    }
}
