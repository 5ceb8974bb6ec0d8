//! `hookyard plugin check`: would the host take this file, and what would it see in it?

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::failure::Failure;
use super::settings::Settings;
use super::{inspect, out};
use crate::event::{Digest, PluginName};

const EXAMPLE: &str = "\
Examples:
  hookyard plugin check target/plugins/appointment-desk.wasm
  hookyard plugin check my-plugin.wasm --json";

/// Check a plugin's file as the host would: what it handles, what it imports, why it is refused
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Check {
    /// The `.wasm` file
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the host sees in a file.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Checked {
    /// The plugin's name: the file's, without `.wasm`.
    pub(super) name: String,
    /// Whether the host would take it.
    pub(super) ok: bool,
    /// SHA-256 of the file, hexadecimal.
    pub(super) revision: String,
    /// Its size.
    pub(super) size_bytes: u64,
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub(super) handles: Vec<String>,
    /// What it imports.
    pub(super) imports: Vec<String>,
    /// Why the host would not take it.
    pub(super) refusal: Option<String>,
}

impl Check {
    /// Prints what the host sees; exit code 1 when it would refuse the file.
    ///
    /// # Errors
    /// When the file cannot be read or would be refused.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let checked = check(&self.file, &settings).await?;
        if self.json {
            out::json(&checked)?;
        } else {
            out::line(&told(&checked))?;
        }
        if checked.ok { Ok(()) } else { Err(Failure::Shown) }
    }
}

async fn check(file: &Path, settings: &Settings) -> Result<Checked, Failure> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = PluginName::new(&stem).map_err(|error| {
        Failure::Failed(format!("{}: the file's name names the plugin: {error}", file.display()))
    })?;
    let unreadable = |error| Failure::Failed(format!("{}: {error}", file.display()));
    let size_bytes = std::fs::metadata(file).map_err(unreadable)?.len();
    let most = settings.config().plugins.file_max_bytes;
    if size_bytes > most {
        let refusal = format!("it has {size_bytes} bytes, `plugins.file_max_bytes` is {most}");
        return Ok(Checked {
            name: name.to_string(),
            ok: false,
            revision: String::new(),
            size_bytes,
            handles: Vec::new(),
            imports: Vec::new(),
            refusal: Some(refusal),
        });
    }
    let bytes = std::fs::read(file).map_err(unreadable)?;
    let revision = Digest::of(&bytes).to_string();
    let size_bytes = bytes.len() as u64;
    let (handles, imports, refusal) = match inspect::inspect(settings, &name, bytes).await {
        Ok(found) => (found.handles, found.imports, None),
        Err(refusal) => (Vec::new(), Vec::new(), Some(refusal)),
    };
    let name = name.to_string();
    Ok(Checked { name, ok: refusal.is_none(), revision, size_bytes, handles, imports, refusal })
}

fn told(checked: &Checked) -> String {
    let Checked { name, revision, size_bytes, .. } = checked;
    let size = out::size(*size_bytes);
    let revision = out::short(revision);
    let mut text = format!("plugin    {name}\nrevision  {revision}\nsize      {size}\n");
    if let Some(refusal) = &checked.refusal {
        let refusal: Vec<_> = refusal.lines().map(out::plain).collect();
        let _ = write!(text, "refused   {}", refusal.join("\n          "));
        return text;
    }
    let _ = writeln!(text, "handles   {}", column(&checked.handles));
    let _ = writeln!(text, "imports   {}", column(&checked.imports));
    text.push_str("ok: the host takes it");
    text
}

fn column(items: &[String]) -> String {
    if items.is_empty() {
        return "nothing".into();
    }
    items.iter().map(|item| out::plain(item)).collect::<Vec<_>>().join("\n          ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_and_what_is_refused_are_told() {
        let mut checked = Checked {
            name: "desk".into(),
            ok: true,
            revision: "0123456789abcdef".into(),
            size_bytes: 2048,
            handles: vec!["a".into(), "b".into()],
            imports: Vec::new(),
            refusal: None,
        };
        let text = told(&checked);
        assert!(text.ends_with("handles   a\n          b\nimports   nothing\nok: the host takes it"));
        checked.refusal = Some("it imports `x`".into());
        assert!(told(&checked).ends_with("refused   it imports `x`"));
    }
}
