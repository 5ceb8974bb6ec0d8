//! `hookyard source list` and `test`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::settings::{Connection, Settings};
use super::table::{TextTable, format_table};
use super::{input, out};
use crate::admin::api::{
    HeaderView, SourceList, SourceTestRequest, SourceTestResult, SourceTestStep, SourceView,
};

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
        let request = parse_request(&bytes, self.at)
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

/// Reads a request: lines may end with a line feed alone.
fn parse_request(bytes: &[u8], at: Option<u64>) -> Result<SourceTestRequest, String> {
    let mut rest = bytes;
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = end.map_or((rest, &rest[rest.len()..]), |end| (&rest[..end], &rest[end + 1..]));
        rest = after;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        std::str::from_utf8(line).map_err(|_| "a header is not text".to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = words.next().zip(words.next()).ok_or_else(|| {
        format!(
            "it does not begin with a request line such as `POST /webhooks/NAME HTTP/1.1`, but with `{first}`"
        )
    })?;
    let (method, target) = (method.to_owned(), Some(target.to_owned()));
    let mut headers = Vec::new();
    loop {
        let text = line()?;
        if text.is_empty() {
            break;
        }
        let (name, value) =
            text.split_once(':').ok_or_else(|| format!("`{text}` is no header: write NAME: VALUE"))?;
        headers.push(HeaderView { name: name.trim().to_owned(), value: value.trim().to_owned() });
    }
    Ok(SourceTestRequest { method, target, headers, body_base64: STANDARD.encode(rest), at })
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_came() {
        for text in [
            "POST /webhooks/a?x=1 HTTP/1.1\r\nA: 1\r\nb:  two: 2 \r\n\r\n{\r\n}\n",
            "POST /webhooks/a?x=1 HTTP/1.1\nA: 1\nb: two: 2\n\n{\r\n}\n",
        ] {
            let request = parse_request(text.as_bytes(), Some(7)).unwrap();
            assert_eq!(
                (request.method.as_str(), request.target.as_deref()),
                ("POST", Some("/webhooks/a?x=1"))
            );
            let headers: Vec<_> =
                request.headers.iter().map(|of| format!("{}={}", of.name, of.value)).collect();
            assert_eq!(headers, ["A=1", "b=two: 2"]);
            assert_eq!(STANDARD.decode(request.body_base64).unwrap(), b"{\r\n}\n");
            assert_eq!(request.at, Some(7));
        }
        let bare = parse_request(b"GET /x", None).unwrap();
        assert_eq!((bare.headers.len(), bare.body_base64.as_str()), (0, ""));
        for (wrong, part) in
            [("", "request line"), ("{}", "request line"), ("POST / x\nno header\n", "NAME: VALUE")]
        {
            let why = parse_request(wrong.as_bytes(), None).unwrap_err();
            assert!(why.contains(part), "{wrong}: {why}");
        }
        assert!(parse_request(b"POST / x\n\xff: 1\n\n", None).is_err());
    }
}
