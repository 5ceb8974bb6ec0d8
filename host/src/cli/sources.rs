//! `hookyard source list` and `test`.

use std::path::PathBuf;

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::settings::{Connection, Settings};
use super::table::{TextTable, format_table};
use super::{input, out};
use crate::admin::api::{SourceList, SourceTestRequest, SourceTestResult, SourceTestStep, SourceView};

/// List the sources of a running host, with their schemes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard source list\n  hookyard source list --json")]
pub(super) struct List {
    #[command(flatten)]
    options: ListOptions,
}

const EXAMPLE: &str = "\
Examples:
  hookyard source test payments --file request.http
  hookyard source test payments --file request.http --at 1700000000000    (as if it came then)

The file has a request as it came: the request line, the headers, an empty line and the body, byte by byte:
  POST /webhooks/payments HTTP/1.1
  Stripe-Signature: t=1700000000,v1=…

  {\"id\":\"evt_1\", …}";

/// Test a request against a source, without storing anything
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Test {
    /// The source
    #[arg(value_name = "NAME")]
    name: String,
    /// The request; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The time of its receipt, ms since 1970 [default: now]
    #[arg(long, value_name = "MS")]
    at: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let fetch = async |client: &Client| client.get::<SourceList>(&["sources"], &()).await;
        self.options.show(&settings, fetch, |page| out::print_table(&table(&page.items))).await
    }
}

impl Test {
    /// Tests the request, and prints what would become of it.
    ///
    /// # Errors
    /// When it would be rejected, the file is no request, or the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let bytes = input::read(&self.file)?;
        let request = SourceTestRequest::parse(&bytes, self.at)
            .map_err(|why| Failure::Usage(format!("{}: {why}", self.file.display())))?;
        let client = settings.client(&self.connection)?;
        let result: SourceTestResult = client.post(&["sources", &self.name, "test"], &request).await?;
        if self.json {
            out::print_json(&result)?;
        } else {
            out::print(&describe(&result))?;
        }
        let is_taken = matches!(result.step, SourceTestStep::Accepted | SourceTestStep::Handshake);
        if is_taken { Ok(()) } else { Err(Failure::Shown) }
    }
}

fn describe(result: &SourceTestResult) -> String {
    let by = result.secret.map(|secret| format!("secret {secret} verified it")).unwrap_or_default();
    let reason = out::escape(result.reason.as_deref().unwrap_or_default());
    match result.step {
        SourceTestStep::Request => format!("no request for webhooks: {reason}"),
        SourceTestStep::Verification => format!("401: {reason}"),
        SourceTestStep::Verifier => format!("503: {reason}"),
        SourceTestStep::Body => format!("{by}\n400: {reason}"),
        SourceTestStep::Handshake if by.is_empty() => format!("handshake: {reason}"),
        SourceTestStep::Handshake => format!("{by}\nhandshake: {reason}"),
        SourceTestStep::Accepted => {
            let events = result.events.iter().map(|event| {
                let [id, event_type, created] =
                    [&event.id, &event.event_type, &event.created].map(|text| out::escape(text));
                format!("\nevent {id}, {event_type}, created {created}")
            });
            let events: Vec<_> = events.collect();
            format!("{by}{}", events.concat())
        }
    }
}

fn table(sources: &[SourceView]) -> TextTable {
    let row = |source: &SourceView| {
        [
            source.name.clone(),
            source.verifier.as_ref().map_or_else(|| source.scheme.clone(), |name| format!("verifier {name}")),
            if source.verifier.is_some() { "-" } else { &source.algorithm }.to_owned(),
            match (&source.verifier, source.covers_body) {
                (Some(_), _) => "-",
                (None, true) => "yes",
                (None, false) => "no",
            }
            .to_owned(),
            source.tolerance_seconds.map_or_else(|| "-".into(), |seconds| format!("{seconds} s")),
            source.secrets.len().to_string(),
        ]
    };
    let rows: Vec<_> = sources.iter().map(row).collect();
    format_table(["NAME", "SCHEME", "SIGNATURE", "COVERS BODY", "WINDOW", "SECRETS"], &rows)
}
