//! `hookyard plugin check`: whether a host would load this file, and its content.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::author::asks::{Capability, Grant, list_capabilities, list_grants};
use super::author::folder::wasm_file;
use super::failure::Failure;
use super::settings::Settings;
use super::verifiers::{self, find_vectors};
use super::{inspect, out, visible};
use crate::event::{Digest, PluginName};

const EXAMPLE: &str = "\
Examples:
  hookyard plugin check target/plugins/appointment-desk.wasm
  hookyard plugin check my-plugin            what `plugin build` left in that folder
  hookyard plugin check my-plugin.wasm --json";

/// Check a plugin's file as the host would: what it handles, what it asks for, why it is refused
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Check {
    /// The `.wasm` file, or the folder of a plugin that was built
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result of a check.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct CheckReport {
    /// The plugin's name: the file's, without `.wasm`.
    pub(super) name: String,
    /// Whether the host would take it.
    pub(super) ok: bool,
    /// SHA-256 of the file, hexadecimal.
    pub(super) revision: String,
    /// Its size.
    pub(super) size_bytes: u64,
    /// The time to compile it and to instantiate it once.
    pub(super) compile_ms: u64,
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub(super) handles: Vec<String>,
    /// The capabilities of its imports.
    pub(super) asks: Vec<Capability>,
    /// The operator's grants that these need, with their values in the config.
    pub(super) grants: Vec<Grant>,
    /// Its imports.
    pub(super) imports: Vec<String>,
    /// The reason why the host would refuse it.
    pub(super) refusal: Option<String>,
}

impl Check {
    /// Prints the content of the file; exit code 1 if the host would refuse it.
    ///
    /// # Errors
    /// When the file cannot be read or would be refused.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let file = wasm_file(&self.file)?;
        let vectors = find_vectors(&self.file, &file);
        if vectors.is_file() {
            let report = verifiers::check(&file, &vectors, &settings, false).await?;
            if self.json {
                out::print_json(&report)?;
            } else {
                out::print(&verifiers::describe(&report))?;
            }
            return if report.ok { Ok(()) } else { Err(Failure::Shown) };
        }
        let checked = check(&file, &settings, false).await?;
        if self.json {
            out::print_json(&checked)?;
        } else {
            out::print(&describe(&checked))?;
        }
        if checked.ok { Ok(()) } else { Err(Failure::Shown) }
    }
}

/// A plugin's name and bytes, or why the host would not even read it.
pub(super) struct PluginFile {
    pub(super) name: PluginName,
    pub(super) size_bytes: u64,
    pub(super) bytes: Result<Vec<u8>, String>,
}

/// Reads a plugin's file.
///
/// # Errors
/// When its name is no plugin's, or it cannot be read.
pub(super) fn read(file: &Path, settings: &Settings) -> Result<PluginFile, Failure> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = PluginName::new(&stem).map_err(|error| {
        Failure::Failed(format!("{}: the file's name names the plugin: {error}", file.display()))
    })?;
    let unreadable = |error| Failure::Failed(format!("{}: {error}", file.display()));
    let size_bytes = std::fs::metadata(file).map_err(unreadable)?.len();
    let most = settings.config().plugins.file_max_bytes;
    if size_bytes > most {
        let refusal = format!("it has {size_bytes} bytes, `plugins.file_max_bytes` is {most}");
        return Ok(PluginFile { name, size_bytes, bytes: Err(refusal) });
    }
    let bytes = std::fs::read(file).map_err(unreadable)?;
    Ok(PluginFile { name, size_bytes: bytes.len() as u64, bytes: Ok(bytes) })
}

/// Checks a file as the host would; `cached` as in [`inspect::inspect`].
///
/// # Errors
/// When it cannot be read; a refusal is no error.
pub(super) async fn check(file: &Path, settings: &Settings, cached: bool) -> Result<CheckReport, Failure> {
    let PluginFile { name, size_bytes, bytes } = read(file, settings)?;
    let mut checked = CheckReport { name: name.to_string(), size_bytes, ..CheckReport::default() };
    let found = match bytes {
        Ok(bytes) => {
            checked.revision = Digest::of(&bytes).to_string();
            inspect::inspect(settings, &name, bytes, cached).await
        }
        Err(refusal) => Err(refusal),
    };
    match found {
        Ok(found) => {
            checked.ok = true;
            checked.compile_ms = u64::try_from(found.took.as_millis()).unwrap_or(u64::MAX);
            checked.handles = found.handles;
            checked.asks = list_capabilities(&found.imports);
            checked.grants = list_grants(&checked.asks, &settings.config().plugin(name.as_str()));
            checked.imports = found.imports;
        }
        Err(refusal) => checked.refusal = Some(refusal),
    }
    Ok(checked)
}

fn describe(checked: &CheckReport) -> String {
    let CheckReport { name, revision, size_bytes, compile_ms, .. } = checked;
    let size = out::format_size(*size_bytes);
    let revision = out::shorten_digest(revision);
    let mut text = format!("plugin    {name}\nrevision  {revision}\nsize      {size}");
    if checked.ok {
        let took = out::format_duration(compile_ms.saturating_mul(1000));
        let _ = write!(text, ", compiled in {took}");
    }
    let _ = write!(text, "\n{}", describe_content(checked));
    if checked.ok {
        text.push_str("\nok: the host takes it");
    }
    text
}

/// Describes its handlers and capabilities, or its refusal.
pub(super) fn describe_content(checked: &CheckReport) -> String {
    if let Some(refusal) = &checked.refusal {
        return format!("refused   {}", visible::escape_continued(refusal, "        ! "));
    }
    let asks: Vec<_> = checked.asks.iter().map(|asks| asks.what.to_owned()).collect();
    let mut text =
        format!("handles   {}\nasks for  {}", format_column(&checked.handles), format_column(&asks));
    if !checked.grants.is_empty() {
        let grants: Vec<_> = checked.grants.iter().map(|grant| grant.describe(&checked.name)).collect();
        let _ = write!(text, "\ngrants    {}", format_column(&grants));
    }
    text
}

fn format_column(items: &[String]) -> String {
    if items.is_empty() {
        return "nothing".into();
    }
    items.iter().map(|item| out::escape(item)).collect::<Vec<_>>().join("\n          ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_handlers_grants_and_refusals() {
        let mut checked = CheckReport {
            name: "desk".into(),
            ok: true,
            revision: "0123456789abcdef".into(),
            size_bytes: 2048,
            compile_ms: 31,
            handles: vec!["a".into(), "b".into()],
            asks: list_capabilities(&["wasi:http/outgoing-handler@0.2.12".into()]),
            ..CheckReport::default()
        };
        checked.grants = list_grants(&checked.asks, &crate::config::Plugin::default());
        let text = describe(&checked);
        assert!(text.contains("size      2 KiB, compiled in 31.00 ms\nhandles   a\n          b\n"), "{text}");
        assert!(text.contains("\nasks for  HTTP requests at once"), "{text}");
        assert!(
            text.contains("\ngrants    http: no address is reached without `[plugin.desk] http = ["),
            "{text}"
        );
        assert!(text.ends_with("\nok: the host takes it"), "{text}");
        (checked.ok, checked.refusal) = (false, Some("it imports `x`".into()));
        assert!(describe(&checked).ends_with("refused   it imports `x`"));
    }
}
