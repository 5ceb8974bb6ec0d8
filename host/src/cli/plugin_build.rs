//! `hookyard plugin build`: builds a plugin's folder, in any language, into a `.wasm` file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::author::build::{Built, build, install};
use super::author::folder::Folder;
use super::failure::Failure;
use super::settings::Settings;
use super::verifiers::{self, find_vectors};
use super::{out, plugin_check};
use crate::event::PluginName;

const EXAMPLE: &str = "\
Examples:
  hookyard plugin build my-plugin                  leaves my-plugin/dist/my-plugin.wasm
  hookyard plugin build                            the plugin in this folder
  hookyard plugin build my-plugin --out plugins    also puts it where a host looks, in one step

A folder with NAME.vectors.json is a verifier's: it is checked with its vectors.
In a folder with a Makefile that names no SDK, `make` leaves dist/NAME.wasm, in any language. A core module without
component types gets those of the handlers that it exports.";

/// Build the plugin in a folder, and check what was built
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Build {
    /// The plugin's folder; its name is the plugin's
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Copy it there: a `.wasm` file, or a directory of plugins
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
}

impl Build {
    /// Builds, and shows the result.
    ///
    /// # Errors
    /// When a tool is missing, the build failed, or the host would refuse the plugin.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let folder = Folder::at(&self.dir)?;
        let Built { file, took } = build(&folder).await?;
        let vectors = find_vectors(&self.dir, &file);
        if vectors.is_file() {
            return self.finish_verifier(&folder.name, &file, &vectors, &settings, took).await;
        }
        let checked = plugin_check::check(&file, &settings, true).await?;
        let (shown, size) = (file.display(), out::format_size(checked.size_bytes));
        let seconds = took.as_secs_f32();
        out::print(&format!(
            "built     {shown} ({size}) in {seconds:.1} s\n{}",
            plugin_check::describe_content(&checked)
        ))?;
        if !checked.ok {
            return Err(Failure::Failed(format!("{shown} was built, but the host would refuse it")));
        }
        if let Some(to) = self.out {
            let to = copy_path(&to, &folder.name);
            install(&file, &to)?;
            out::print(&format!("copied to {}", to.display()))?;
        }
        Ok(())
    }
}

impl Build {
    /// Checks a verifier with its vectors, shows the result, and copies both.
    async fn finish_verifier(
        &self,
        name: &PluginName,
        file: &Path,
        vectors: &Path,
        settings: &Settings,
        took: Duration,
    ) -> Result<(), Failure> {
        let report = verifiers::check(file, vectors, settings, true).await?;
        let (shown, seconds) = (file.display(), took.as_secs_f32());
        out::print(&format!("built     {shown} in {seconds:.1} s\n{}", verifiers::describe(&report)))?;
        if !report.ok {
            return Err(Failure::Failed(format!("{shown} was built, but the host would refuse it")));
        }
        if let Some(to) = &self.out {
            let to = copy_path(to, name);
            // The vectors first: the new file fits them, and the old one stays until it is there.
            install(vectors, &to.with_extension("vectors.json"))?;
            install(file, &to)?;
            out::print(&format!("copied to {}, with its vectors", to.display()))?;
        }
        Ok(())
    }
}

fn copy_path(out: &Path, plugin: &PluginName) -> PathBuf {
    let is_file = out.extension().is_some_and(|end| end == "wasm") && !out.is_dir();
    if is_file { out.to_owned() } else { out.join(format!("{plugin}.wasm")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_goes_to_a_file_or_into_a_directory() {
        let plugin = PluginName::new("desk").unwrap();
        assert_eq!(copy_path(Path::new("plugins"), &plugin), Path::new("plugins/desk.wasm"));
        assert_eq!(copy_path(Path::new("a/b.wasm"), &plugin), Path::new("a/b.wasm"));
    }
}
