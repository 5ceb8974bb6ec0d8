//! `hookyard verifier list` and `check`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::author::folder::wasm_file;
use super::client::Client;
use super::failure::Failure;
use super::inspect;
use super::listing::ListOptions;
use super::settings::Settings;
use super::table::{TextTable, format_table};
use super::{out, visible};
use crate::admin::api::{VerifierItem, VerifierList};
use crate::event::{Digest, VerifierName};

/// List the verifiers of a running host: which file runs, why one was refused, which sources have it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard verifier list\n  hookyard verifier list --json")]
pub(super) struct List {
    #[command(flatten)]
    options: ListOptions,
}

const EXAMPLE: &str = "\
Examples:
  hookyard verifier check verifiers/billing.wasm      with verifiers/billing.vectors.json beside it
  hookyard verifier check billing                     what `plugin build` left in that folder
  hookyard verifier check billing.wasm --vectors other.json --json";

/// Check a verifier's file and its vectors as the host would, without a host
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Check {
    /// The `.wasm` file, or the folder of a verifier that was built
    file: PathBuf,
    /// Its vectors [default: `NAME.vectors.json` beside the file, or in the folder]
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result of a check.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct VerifierReport {
    /// The verifier's name: the file's, without `.wasm`.
    pub(super) name: String,
    /// Whether the host would take it.
    pub(super) ok: bool,
    /// SHA-256 of the file, hexadecimal.
    pub(super) revision: String,
    /// Its size.
    pub(super) size_bytes: u64,
    /// The vectors that came out as they say: all, or none.
    pub(super) vectors: usize,
    /// The reason why the host would refuse it.
    pub(super) refusal: Option<String>,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let fetch = async |client: &Client| client.get::<VerifierList>(&["verifiers"], &()).await;
        let show = |page: &VerifierList| {
            out::print_table(&table(&page.items))?;
            let refusals = page.items.iter().filter_map(|item| item.refusal.as_ref());
            refusals.into_iter().try_for_each(|refusal| out::print(&visible::escape_continued(refusal, "! ")))
        };
        self.options.show(&settings, fetch, show).await
    }
}

impl Check {
    /// Prints the result; exit code 1 if the host would refuse it.
    ///
    /// # Errors
    /// When a file cannot be read, or the host would refuse the verifier.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let file = wasm_file(&self.file)?;
        let vectors = self.vectors.unwrap_or_else(|| find_vectors(&self.file, &file));
        let report = check(&file, &vectors, &settings, false).await?;
        if self.json {
            out::print_json(&report)?;
        } else {
            out::print(&describe(&report))?;
        }
        if report.ok { Ok(()) } else { Err(Failure::Shown) }
    }
}

/// The vectors of a verifier: beside its file, or, of what was built in a folder, in that folder.
pub(super) fn find_vectors(given: &Path, file: &Path) -> PathBuf {
    let name = file.with_extension("vectors.json");
    if given.is_dir() { given.join(name.file_name().unwrap_or_default()) } else { name }
}

/// Checks a verifier's file with its vectors; `cached` as in [`inspect::inspect`].
///
/// # Errors
/// When a file cannot be read; a refusal is no error.
pub(super) async fn check(
    file: &Path,
    vectors: &Path,
    settings: &Settings,
    cached: bool,
) -> Result<VerifierReport, Failure> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
    };
    let (bytes, vectors) = (read(file)?, read(vectors)?);
    let mut report = VerifierReport {
        name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        revision: Digest::of(&bytes).to_string(),
        size_bytes: bytes.len() as u64,
        ..VerifierReport::default()
    };
    if let Err(why) = VerifierName::new(&report.name) {
        report.refusal = Some(format!("its file's name is no name of a verifier: {why}"));
        return Ok(report);
    }
    match inspect::admit_verifier(settings, bytes, &vectors, cached).await {
        Ok(number) => (report.ok, report.vectors) = (true, number),
        Err(refusal) => report.refusal = Some(refusal),
    }
    Ok(report)
}

/// Describes a check for people.
pub(super) fn describe(report: &VerifierReport) -> String {
    let VerifierReport { name, revision, size_bytes, vectors, refusal, .. } = report;
    let (revision, size) = (out::shorten_digest(revision), out::format_size(*size_bytes));
    let mut text = format!("verifier  {name}\nrevision  {revision}\nsize      {size}\n");
    let _ = match refusal {
        Some(refusal) => write!(text, "refused   {}", visible::escape_continued(refusal, "        ! ")),
        None => write!(text, "vectors   {vectors}, all as they say\nok: the host takes it"),
    };
    text
}

fn table(items: &[VerifierItem]) -> TextTable {
    let row = |item: &VerifierItem| {
        [
            out::escape(&item.name),
            match (&item.refusal, item.state.as_str()) {
                (Some(_), "running") => "running, latest refused".to_owned(),
                (_, state) => state.to_owned(),
            },
            item.revision
                .as_deref()
                .map_or_else(|| "-".into(), |revision| out::shorten_digest(revision).to_owned()),
            item.since.map_or_else(|| "-".into(), out::format_time),
            item.vectors.to_string(),
            item.sources.join(", "),
        ]
    };
    let rows: Vec<_> = items.iter().map(row).collect();
    format_table(["NAME", "STATE", "REVISION", "SINCE", "VECTORS", "SOURCES"], &rows)
}
