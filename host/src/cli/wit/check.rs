//! `hookyard wit check`: the event types of a package, and payloads that do not fit.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::author::packages::{LoadedPackages, PayloadDecoder, load, payload_of};
use crate::cli::failure::Failure;
use crate::cli::settings::Settings;
use crate::cli::{input, out};
use crate::wit::{Handler, Package};

const EXAMPLE: &str = "\
Examples:
  hookyard wit check acme.wit
  hookyard wit check wit/acme-events-1.0.0
  hookyard wit check acme.wit --event paid.json                 does this event fit?
  hookyard wit check acme.wit --event paid.json --type order.paid

An event is a whole event with its `type`, or a payload with --type. Samples in the folder `samples` beside the WIT are
checked, too.
Exit code: 0 when all fits, 1 otherwise.";

/// Say which event types a WIT package handles, and which payloads do not fit
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(in crate::cli) struct Check {
    /// A WIT file, a package's folder, or a folder of packages
    #[arg(value_name = "FILE|DIR", required = true)]
    packages: Vec<PathBuf>,
    /// Check that this event or payload fits; may be repeated; `-` is standard input
    #[arg(long, value_name = "FILE")]
    event: Vec<PathBuf>,
    /// The event type of --event [default: its member `type`]
    #[arg(long = "type", value_name = "TYPE", requires = "event")]
    event_type: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result for one package.
#[derive(Debug, Serialize)]
struct CheckedPackage {
    package: String,
    handlers: Vec<CheckedHandler>,
}

/// A handler, for people.
#[derive(Debug, Serialize)]
struct CheckedHandler {
    event: String,
    interface: String,
    /// Whether the documentation names the event type.
    documented: bool,
    summary: String,
    sample: &'static str,
}

/// The result for one event.
#[derive(Debug, Serialize)]
struct CheckedEvent {
    file: String,
    event: String,
    fits: bool,
    /// Each place that does not fit.
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Checked {
    packages: Vec<CheckedPackage>,
    events: Vec<CheckedEvent>,
}

impl Check {
    /// Checks, and shows the result.
    ///
    /// # Errors
    /// When a package cannot be read, a host would refuse its handlers, or an event does not fit.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let packages = load(&settings, &self.packages).await?;
        if packages.all.iter().all(|package| package.handlers.is_empty()) {
            return Err(Failure::Failed(format!(
                "{}: no interface has a function `handle`, so no event type has a typed handler",
                self.packages.first().map(|path| path.display().to_string()).unwrap_or_default()
            )));
        }
        let mut checked = Checked { packages: Vec::new(), events: Vec::new() };
        let mut decoders = Vec::new();
        for package in &packages.all {
            checked.packages.push(describe_package(package));
            if !package.handlers.is_empty() {
                let decoder = PayloadDecoder::new(&settings, &packages.read, package).await;
                decoders.push((package, decoder.map_err(Failure::Failed)?));
            }
        }
        for file in &self.event {
            let text = input::read_text(file)?;
            let event = self.find_event(&text, &packages);
            let (event, payload) =
                event.map_err(|problem| Failure::Failed(format!("{}: {problem}", file.display())))?;
            let decoder = decoders.iter().find(|(package, _)| package.handler(&event).is_some());
            let result = decoder.map(|(_, decoder)| decoder.decode(&event, &payload));
            let problems = match result {
                None => vec![format!("no package here handles `{event}`")],
                Some(Err(problem)) => vec![problem],
                Some(Ok(payload)) => payload.notes,
            };
            let (file, fits) = (file.display().to_string(), problems.is_empty());
            checked.events.push(CheckedEvent { file, event, fits, problems });
        }
        if self.json {
            out::print_json(&checked)?;
        } else {
            out::print(&describe(&checked))?;
        }
        if checked.events.iter().all(|event| event.fits) { Ok(()) } else { Err(Failure::Shown) }
    }

    /// The event type and the payload.
    fn find_event(&self, text: &str, packages: &LoadedPackages) -> Result<(String, String), String> {
        let given = self.event_type.clone();
        let own = || {
            let json: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            json.get("type").and_then(|own| own.as_str().map(str::to_owned)).ok_or_else(|| {
                let events = packages.all.iter().flat_map(|package| &package.handlers);
                let events: Vec<_> = events.map(|handler| handler.event.as_str()).collect();
                format!(
                    "it has no member `type`; name the event type of this payload with --type: {}",
                    events.join(", ")
                )
            })
        };
        let event = given.map_or_else(own, Ok)?;
        let payload = payload_of(&event, text)?;
        Ok((event, payload.to_owned()))
    }
}

fn describe_package(package: &Package) -> CheckedPackage {
    let handler = |handler: &Handler| CheckedHandler {
        event: handler.event.clone(),
        interface: handler.wit.clone(),
        documented: handler.is_documented,
        summary: handler.docs.lines().next().unwrap_or_default().to_owned(),
        sample: if handler.sample_file.is_some() { "beside the WIT" } else { "from the types" },
    };
    CheckedPackage { package: package.id.clone(), handlers: package.handlers.iter().map(handler).collect() }
}

fn describe(checked: &Checked) -> String {
    let mut text = String::new();
    for package in &checked.packages {
        let _ = writeln!(text, "{}", package.package);
        for handler in &package.handlers {
            let _ = writeln!(text, "  {}", handler.event);
            let _ = writeln!(text, "    {}   sample {}", handler.interface, handler.sample);
            if !handler.documented {
                let _ = writeln!(
                    text,
                    "    The interface's documentation does not begin with the event type between backticks, so `-` \
                     was read as `.`: write /// `{}`: … if that is right",
                    handler.event
                );
            }
        }
    }
    for event in &checked.events {
        let CheckedEvent { file, event, fits, problems } = event;
        let _ = writeln!(text, "{file}: {event} {}", if *fits { "fits" } else { "does not fit" });
        for problem in problems {
            let _ = writeln!(text, "  {problem}");
        }
    }
    text.trim_end().to_owned()
}
