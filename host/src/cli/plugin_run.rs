//! `hookyard plugin run`: one plugin and one event, without a server and without a database.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::author::folder::wasm_file;
use super::author::report::Report;
use super::failure::Failure;
use super::inspect::trial::{Trial, TrialOptions};
use super::samples::{self, Sample};
use super::settings::Settings;
use super::{out, plugin_check};
use crate::event::now_ms;
use crate::ingress;

const EXAMPLE: &str = "\
Examples:
  hookyard plugin run my-plugin --event appointment.created
  hookyard plugin run my-plugin.wasm --event event.json --state state.json
  hookyard plugin run my-plugin --event appointment.updated --set sms_url=https://sms.example.gn
  hookyard plugin run my-plugin --event appointment.created --config hookyard.toml --real-effects

An event is the whole body, as its sender posts it. Config, secrets and grants are those of
[plugin.NAME] in the config; without that section the plugin may ask for anything. Effects are shown,
and sent with --real-effects only; a request that a handler makes at once (wasi:http) goes out at once,
if it is granted.
Exit code: 0 when the delivery would be done, 1 otherwise.";

/// Run a plugin on one event, without a server, and show all that it does
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Run {
    /// The `.wasm` file, or the folder of a plugin that was built
    plugin: PathBuf,
    /// A sample by its type, a file with the body of an event, or `-` for standard input
    #[arg(long, value_name = "TYPE|FILE|-")]
    event: String,
    /// The source that the event comes from [default: the only one, or `moncreneau`]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Keep the plugin's store in this file, JSON, from one run to the next
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Set a key of the plugin's config; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    set: Vec<(String, String)>,
    /// Say that it is this attempt at the delivery
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    attempt: u32,
    /// Run it so often, one after the other; a sample has another id each time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeat: u32,
    /// Count the instructions that it executes
    #[arg(long)]
    fuel: bool,
    /// Send what it asks to be sent, if that is granted; one try each
    #[arg(long)]
    real_effects: bool,
    /// Print JSON; with --repeat a list
    #[arg(long)]
    json: bool,
}

impl Run {
    /// Runs it and shows what came of it.
    ///
    /// # Errors
    /// When the plugin is refused, the event cannot be read, or the delivery would not be done.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let body = EventBody::find(&self.event)?;
        let file = wasm_file(&self.plugin)?;
        let plugin_check::PluginFile { name, bytes, .. } = plugin_check::read(&file, &settings)?;
        let refused = |reason: String| Failure::Failed(format!("{} is refused: {reason}", file.display()));
        let bytes = bytes.map_err(refused)?;
        let (source, preset) = settings.trial_source(self.source.as_deref())?;
        let options = TrialOptions { set: &self.set, state: self.state.as_deref(), count_fuel: self.fuel };
        let trial = Trial::new(&settings, &name, bytes, options).await.map_err(refused)?;

        let mut reports: Vec<Report> = Vec::new();
        for number in 0..self.repeat {
            let event = ingress::read_as_sent(&source, &preset, body.next(number)?, now_ms())
                .map_err(|reason| Failure::Failed(format!("{}: {reason}", self.event)))?;
            let ran = trial.run(event, preset.package.as_deref(), self.attempt).await;
            let mut ran = ran.map_err(Failure::Failed)?;
            if self.real_effects {
                trial.perform(&mut ran).await;
            }
            let report = ran.report;
            if !self.json {
                out::print(&report.describe())?;
            }
            reports.push(report);
        }
        if let Some(state) = &self.state {
            trial.save(state).map_err(Failure::Failed)?;
        }
        match (self.json, reports.as_slice()) {
            (true, [report]) => out::print_json(report)?,
            (true, reports) => out::print_json(&reports)?,
            (false, _) => {}
        }
        if reports.iter().all(Report::is_success) { Ok(()) } else { Err(Failure::Shown) }
    }
}

/// `KEY=VALUE`.
fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    if key.is_empty() { Err("the key is empty".into()) } else { Ok((key.into(), value.into())) }
}

/// The body of the event.
enum EventBody {
    Sample(Sample),
    File(Bytes),
}

impl EventBody {
    fn find(event: &str) -> Result<Self, Failure> {
        if event == "-" {
            let mut body = Vec::new();
            std::io::stdin().lock().read_to_end(&mut body)?;
            return Ok(Self::File(body.into()));
        }
        let path = Path::new(event);
        match samples::find(event) {
            Ok(sample) => Ok(Self::Sample(sample)),
            Err(_) if path.exists() => {
                let body = std::fs::read(path);
                body.map(|body| Self::File(body.into()))
                    .map_err(|error| Failure::Failed(format!("{event}: {error}")))
            }
            Err(_) => {
                let types: Vec<_> = samples::SAMPLES.iter().map(|sample| sample.event_type).collect();
                let types = types.join(", ");
                Err(Failure::Usage(format!(
                    "`{event}` is no file and no type with a sample; there are {types}"
                )))
            }
        }
    }

    /// A sample keeps its id the first time, so that a run is like the one before.
    fn next(&self, number: u32) -> Result<Bytes, Failure> {
        match self {
            Self::File(body) => Ok(body.clone()),
            Self::Sample(sample) if number == 0 => Ok(Bytes::from_static(sample.text.as_bytes())),
            Self::Sample(sample) => sample.body(&samples::fresh_id()).map(Bytes::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_keys_and_values() {
        assert_eq!(parse_pair("url=http://x/?a=b"), Ok(("url".into(), "http://x/?a=b".into())));
        assert_eq!(parse_pair("empty="), Ok(("empty".into(), String::new())));
        assert!(parse_pair("url").is_err() && parse_pair("=x").is_err());
    }

    #[test]
    fn an_event_is_a_sample_or_a_file() {
        let sample = EventBody::find("appointment.created").unwrap();
        assert_eq!(sample.next(0).unwrap(), sample.next(0).unwrap());
        assert_ne!(sample.next(1).unwrap(), sample.next(2).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("event.json");
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(EventBody::find(file.to_str().unwrap()).unwrap().next(1).unwrap(), "{}");
        let missing = EventBody::find("appointment.moved").map(drop).unwrap_err();
        assert!(matches!(missing, Failure::Usage(_)), "{missing}");
        assert!(missing.to_string().contains("appointment.validated"), "{missing}");
    }
}
