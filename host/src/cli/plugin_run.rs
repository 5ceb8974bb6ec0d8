//! `hookyard plugin run`: one plugin and one event, without a server and without a database.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::author::folder::wasm_file;
use super::author::packages::{PackageSample, find_sample, type_of};
use super::author::report::Report;
use super::author::sources::find_newer_source;
use super::exported::{self, EventOnHost};
use super::failure::{Failure, warn};
use super::inspect::trial::{Trial, TrialDelivery, TrialOptions};
use super::samples::{self, Sample};
use super::settings::{Connection, Settings};
use super::{input, out, plugin_check};
use crate::admin::api::ExportedEvent;
use crate::config::Source;
use crate::event::{PluginName, SourceName, now_ms};
use crate::ingress::{self, TrialRequest};

const EXAMPLE: &str = "\
Examples:
  hookyard plugin run my-plugin --event appointment.created
  hookyard plugin run my-plugin.wasm --event event.json --state state.json
  hookyard plugin run my-plugin --event appointment.updated --set sms_url=https://sms.example.gn
  hookyard plugin run my-plugin --event appointment.created --config hookyard.toml --real-effects
  hookyard plugin run my-plugin --event-id evt_abc123

An event is the whole body, as its sender posts it, or what `event export` wrote. --event-id fetches one from
the running host: the plugin gets the same payload and context as there. Config, secrets and grants are those of
[plugin.NAME] in the config; without that section the plugin may ask for anything. Effects are shown,
and sent with --real-effects only; a request that a handler makes at once (wasi:http) goes out at once,
if it is granted.
Exit code: 0 when the delivery would be done and a host with this config would take its effects, 1 otherwise.";

/// Run a plugin on one event, without a server, and show all that it does
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Run {
    /// The `.wasm` file, or the folder of a plugin that was built
    plugin: PathBuf,
    /// A sample by its type, a file with the body of an event or an export, or `-` for standard input
    #[arg(long, value_name = "TYPE|FILE|-", required_unless_present = "event_id")]
    event: Option<String>,
    #[command(flatten)]
    fetched: FetchedEvent,
    /// The source that the event comes from; the text of --event is a body then [default: the only one, or
    /// `moncreneau`]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Take the sample from this WIT package [default: the folder `wit` of the plugin's folder]
    #[arg(long, value_name = "FILE|DIR")]
    wit: Vec<PathBuf>,
    /// Keep the plugin's store in this file, JSON, from one run to the next
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Set a key of the plugin's config; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    set: Vec<(String, String)>,
    /// Say that it is this attempt at the delivery [default: 1, or the last one of an export]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
    /// Run it so often, one after the other; a sample has another id each time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeat: u32,
    /// Count the instructions that it executes
    #[arg(long)]
    fuel: bool,
    /// Send its effects, if they are granted; one attempt each
    #[arg(long)]
    real_effects: bool,
    /// Print JSON; with --repeat a list
    #[arg(long)]
    json: bool,
}

/// An event of a running host.
#[derive(Debug, clap::Args)]
struct FetchedEvent {
    /// Fetch the event with this id from the running host
    #[arg(long = "event-id", id = "event_id", value_name = "ID", conflicts_with = "event")]
    id: Option<String>,
    /// Fetch personal values too
    #[arg(long, requires = "event_id")]
    unmasked: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Run {
    /// Runs it and shows the result.
    ///
    /// # Errors
    /// When the plugin is refused, the event cannot be read, or the delivery would not be done.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let event = self.find_event(&settings).await?;
        let file = wasm_file(&self.plugin)?;
        if let Some(source) = find_newer_source(&self.plugin, &file) {
            let (source, built, folder) = (source.display(), file.display(), self.plugin.display());
            warn(&format!(
                "{source} is newer than {built}: `hookyard plugin build {folder}` builds it again"
            ));
        }
        let plugin_check::PluginFile { name, bytes, .. } = plugin_check::read(&file, &settings)?;
        let refused = |reason: String| Failure::Failed(format!("{} is refused: {reason}", file.display()));
        let bytes = bytes.map_err(refused)?;
        let options = TrialOptions { set: &self.set, state: self.state.as_deref(), count_fuel: self.fuel };
        let trial = Trial::new(&settings, &name, bytes, options).await.map_err(refused)?;

        let mut reports: Vec<Report> = Vec::new();
        for number in 0..self.repeat {
            let delivery = self.next_delivery(&event, &name, number)?;
            let mut ran = trial.run(delivery).await.map_err(Failure::Failed)?;
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

    async fn find_event(&self, settings: &Settings) -> Result<TrialEvent, Failure> {
        if let Some(id) = &self.fetched.id {
            let client = settings.client(&self.fetched.connection)?;
            let (source, unmasked) = (self.source.as_deref(), self.fetched.unmasked);
            let wanted = EventOnHost { id, source, unmasked };
            return exported::fetch(&client, wanted).await.map(Box::new).map(TrialEvent::Exported);
        }
        let event = self.event.as_deref().unwrap_or_default();
        let given = read_given(event)?;
        let sample = self.find_sample(settings, event, given.as_ref()).await?;
        let body = EventBody::find(event, given, sample.clone())?;
        if let EventBody::File(text) = &body
            && let Some(mut exported) = exported::parse(text).filter(|_| self.source.is_none())
        {
            let of_source = |(name, preset): (SourceName, Source)| {
                (name.as_str() == exported.source).then_some(preset.package).flatten()
            };
            let known = [settings.trial_source(Some(&exported.source)), settings.trial_source(None)];
            let package = known.into_iter().flatten().find_map(of_source);
            exported.package = exported.package.or(package);
            return Ok(TrialEvent::Exported(Box::new(exported)));
        }
        let (source, preset) = self.find_source(settings, sample, &body)?;
        Ok(TrialEvent::Sent { body, source, preset: Box::new(preset) })
    }

    /// The delivery of a run, as a host would make it.
    fn next_delivery(
        &self,
        event: &TrialEvent,
        plugin: &PluginName,
        run: u32,
    ) -> Result<TrialDelivery, Failure> {
        match event {
            TrialEvent::Exported(exported) => {
                let of_plugin =
                    exported.deliveries.iter().rfind(|delivery| delivery.plugin == plugin.as_str());
                let (number, attempts) =
                    of_plugin.map_or((1, 1), |delivery| (delivery.id.number, delivery.attempts.max(1)));
                let (package, attempt) = (exported.package.clone(), self.attempt.unwrap_or(attempts));
                Ok(TrialDelivery { event: exported::to_event(exported)?, package, number, attempt })
            }
            TrialEvent::Sent { body, source, preset } => {
                let named = self.event.as_deref().unwrap_or_default();
                let event_type = (!matches!(body, EventBody::File(_))).then_some(named);
                let id = samples::fresh_id();
                let request = TrialRequest { id: Some(&id), event_type, body: body.next(run, preset)? };
                let event = ingress::read_as_sent(source, preset, &request, now_ms())
                    .map_err(|reason| Failure::Failed(format!("{named}: {reason}")))?;
                let (package, attempt) = (preset.package.clone(), self.attempt.unwrap_or(1));
                Ok(TrialDelivery { event, package, number: 1, attempt })
            }
        }
    }

    /// The sample of the event type in a package. An event that was given has one, too, if it is of such a type.
    async fn find_sample(
        &self,
        settings: &Settings,
        event: &str,
        given: Option<&Bytes>,
    ) -> Result<Option<PackageSample>, Failure> {
        let own_type = given.and_then(|event| type_of(event));
        let event_type = match given {
            Some(_) => own_type.as_deref(),
            None => Some(event).filter(|event| !self.wit.is_empty() || samples::find(event).is_err()),
        };
        match event_type {
            Some(event_type) => find_sample(settings, &self.wit, &self.plugin, event_type).await,
            None => Ok(None),
        }
    }

    /// The source that sends the event: the one that is named, or one with the package of the event, or a preset.
    fn find_source(
        &self,
        settings: &Settings,
        sample: Option<PackageSample>,
        body: &EventBody,
    ) -> Result<(SourceName, Source), Failure> {
        let Some(sample) = sample.filter(|_| self.source.is_none()) else {
            return settings.trial_source(self.source.as_deref());
        };
        if let Some(name) = settings.source_of_package(&sample.package) {
            return settings.trial_source(Some(name));
        }
        match body {
            EventBody::File(bytes) => {
                sample.with_event(String::from_utf8_lossy(bytes).into_owned()).trial_source()
            }
            _ => sample.trial_source(),
        }
    }
}

/// `KEY=VALUE`.
fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    if key.is_empty() { Err("the key is empty".into()) } else { Ok((key.into(), value.into())) }
}

/// The event of the runs.
enum TrialEvent {
    /// One that a host had.
    Exported(Box<ExportedEvent>),
    /// One as its source sends it.
    Sent { body: EventBody, source: SourceName, preset: Box<Source> },
}

/// The bytes of an event that is no sample's type: a file, or standard input. They are read once: a pipe has them once.
fn read_given(event: &str) -> Result<Option<Bytes>, Failure> {
    let path = Path::new(event);
    let is_given = event == "-" || (samples::find(event).is_err() && path.exists());
    if is_given { input::read(path).map(|bytes| Some(bytes.into())) } else { Ok(None) }
}

/// The body of the event.
enum EventBody {
    Sample(Sample),
    Package(PackageSample),
    File(Bytes),
}

/// The time of a package's sample.
const SAMPLE_CREATED: &str = "2026-01-21T14:30:00Z";

impl EventBody {
    fn find(event: &str, given: Option<Bytes>, sample: Option<PackageSample>) -> Result<Self, Failure> {
        match (given, sample, samples::find(event)) {
            (Some(body), ..) => Ok(Self::File(body)),
            (None, Some(sample), _) => Ok(Self::Package(sample)),
            (None, None, Ok(sample)) => Ok(Self::Sample(sample)),
            (None, None, Err(_)) => {
                let types: Vec<_> = samples::SAMPLES.iter().map(|sample| sample.event_type).collect();
                let types = types.join(", ");
                Err(Failure::Usage(format!(
                    "`{event}` is no file and no type with a sample; there are {types}"
                )))
            }
        }
    }

    /// A sample keeps its id the first time, so that a run is like the one before.
    fn next(&self, number: u32, source: &Source) -> Result<Bytes, Failure> {
        match self {
            Self::Package(sample) => {
                let id = if number == 0 { "evt_sample".into() } else { samples::fresh_id() };
                sample.body(source, &id, SAMPLE_CREATED).map(Bytes::from).map_err(Failure::Usage)
            }
            Self::File(body) => Ok(body.clone()),
            Self::Sample(sample) if number == 0 => Ok(Bytes::from_static(sample.text.as_bytes())),
            Self::Sample(sample) => {
                let id = samples::fresh_id();
                sample.body(&id, samples::object_of(&id)).map(Bytes::from)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scheme;

    #[test]
    fn parses_keys_and_values() {
        assert_eq!(parse_pair("url=http://x/?a=b"), Ok(("url".into(), "http://x/?a=b".into())));
        assert_eq!(parse_pair("empty="), Ok(("empty".into(), String::new())));
        assert!(parse_pair("url").is_err() && parse_pair("=x").is_err());
    }

    #[test]
    fn an_event_is_a_sample_or_a_file() {
        let find = |event: &str| EventBody::find(event, read_given(event)?, None);
        let source = Source::preset(Scheme::MONCRENEAU, Vec::new());
        let sample = EventBody::find("appointment.created", None, None).unwrap();
        assert_eq!(sample.next(0, &source).unwrap(), sample.next(0, &source).unwrap());
        assert_ne!(sample.next(1, &source).unwrap(), sample.next(2, &source).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("event.json");
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(find(file.to_str().unwrap()).unwrap().next(1, &source).unwrap(), "{}");
        let missing = find("appointment.moved").map(drop).unwrap_err();
        assert!(matches!(missing, Failure::Usage(_)), "{missing}");
        assert!(missing.to_string().contains("appointment.validated"), "{missing}");
    }
}
