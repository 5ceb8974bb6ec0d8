//! `hookyard event send`: signs events and sends them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::author::packages::{PackageSample, find_sample};
use super::failure::{Failure, warn};
use super::samples::edit;
use super::send::{Answer, Sender, replay_command, webhook_url};
use super::settings::Settings;
use super::{input, out, samples};
use crate::config::{self, Pointer, Scheme, Secret, Source};
use crate::event::{now_ms, rfc3339};

/// Requests open at once.
const CONCURRENCY: usize = 16;
/// Requests open at once with --rate.
const PACED_MAX: usize = 1000;
/// Up to so many events are printed one by one.
const LINES_MAX: usize = 20;

const EXAMPLE: &str = "\
Examples:
  hookyard event send appointment.created
  hookyard event send appointment.created --count 1000
  hookyard event send appointment.created --count 1000 --rate 50 --burst 10
  hookyard event send appointment.created --id evt_1      (send it twice: the second is a duplicate)
  hookyard event send appointment.created --set /data/object/name=Awa --set /data/object/creditsUsed=3
  hookyard event send --file event.json --source moncreneau
  hookyard event send --file event.json --count 5         (each copy with a fresh id)
  hookyard event send appointment.updated --to https://hooks.example.gn --secret-file secret.txt

Types: appointment.created, appointment.updated, appointment.validated, appointment.completed,
appointment.cancelled";

/// Sign a sample event, or a file, and send it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Send {
    /// Type of the sample; with --file, what the sender's event header says
    #[arg(value_name = "TYPE", required_unless_present = "file")]
    event_type: Option<String>,
    /// How many, each with a fresh id (with --id, the same event every time)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// How many per second, to see what a host bears [default: as fast as they are answered]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// How many at once: with --rate, the events of a second are sent in groups of so many [default: 16, or 1 with --rate]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    burst: Option<u32>,
    /// Send the bytes of this file as they are, but for --id, --set and --count; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace the value at this JSON pointer, by JSON or else a text; may be repeated
    #[arg(long, value_name = "/POINTER=VALUE", value_parser = parse_change)]
    set: Vec<Change>,
    /// Where to: a webhook URL, or a host's address [default: `server.listen` of the config]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Send as this source [default: the one with the package of the sample, the only one, or `moncreneau`]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Take the sample from this WIT package [default: the folder `wit`, if there is one]
    #[arg(long, value_name = "FILE|DIR", conflicts_with = "file")]
    wit: Vec<PathBuf>,
    /// Sign with the secret in this file, `-` is standard input [default: the variable `HOOKYARD_SECRET`, or the
    /// source's first one]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Every user of the machine sees it in the list of processes
    #[arg(long, value_name = "SECRET", hide = true, conflicts_with = "secret_file")]
    secret: Option<String>,
    /// Use this id instead of a fresh one, or of the file's
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Print the answers as JSON
    #[arg(long)]
    json: bool,
}

impl Send {
    /// Sends, and shows the answers.
    ///
    /// # Errors
    /// When the host does not answer, or an answer is not 2xx.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let secret = self.read_secret()?;
        let content = self.find_content(&settings).await?;
        let source = self.find_source(&settings, &content)?;
        let preset = settings.config().sources.get(source.as_str());
        let content = content.for_source(preset);
        let bodies = EventBodies {
            content,
            id_at: preset
                .map_or_else(|| Some(Pointer::to(&["id"])), |preset| preset.id.as_pointer().cloned()),
            id: self.id.clone(),
            is_repeated: self.count > 1,
            changes: self.set.clone(),
        };
        let signer = settings.make_signer(&source, secret)?;
        let (webhooks, _) = settings.addresses();
        let url = webhook_url(self.to.as_deref(), webhooks, &source);
        let sender = Sender::new(url, signer)?;
        let answers = self.send(Arc::new(sender), bodies).await?;
        if self.json {
            out::print_json(&answers)?;
        } else {
            out::print(&describe(&answers))?;
        }
        if answers.iter().all(Answer::is_accepted) { Ok(()) } else { Err(Failure::Shown) }
    }

    /// The source to send as. No other source than one with the sample's package would have a handler for the event.
    fn find_source(&self, settings: &Settings, content: &Content) -> Result<String, Failure> {
        let (None, Content::Package { sample, .. }) = (&self.source, content) else {
            return settings.find_source(self.source.as_deref());
        };
        let package = &sample.package;
        settings.source_of_package(package).map(str::to_owned).ok_or_else(|| {
            Failure::Usage(format!(
                "no source of the config, or more than one, has `package = \"{package}\"`: add it to the source of this \
                 event, or name a source with --source"
            ))
        })
    }

    /// Reads the given secret, which a list of processes must not show.
    fn read_secret(&self) -> Result<Option<Secret>, Failure> {
        if let Some(secret) = &self.secret {
            let seen = "other users can see --secret in the list of processes: use --secret-file FILE, `-` for \
                        standard input, or the variable";
            warn(&format!("{seen} {}", config::SECRET_VARIABLE));
            return Ok(Some(Secret::new(secret.clone())));
        }
        let Some(path) = &self.secret_file else { return Ok(config::signing_secret()) };
        let standard = path == Path::new("-");
        if standard && self.file.as_deref() == Some(path) {
            return Err(Failure::Usage("standard input cannot be both --file and --secret-file".into()));
        }
        let read = if standard {
            config::read_secret(&mut std::io::stdin().lock())
        } else {
            std::fs::File::open(path).and_then(|mut file| config::read_secret(&mut file))
        };
        read.map(Some).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
    }

    async fn find_content(&self, settings: &Settings) -> Result<Content, Failure> {
        if let Some(path) = &self.file {
            return Ok(Content::File { name: path.display().to_string(), bytes: input::read(path)?.into() });
        }
        let event_type = self.event_type.as_deref().unwrap_or_default();
        let built_in = samples::find(event_type);
        if self.wit.is_empty() && built_in.is_ok() {
            return built_in.map(Content::Sample);
        }
        match find_sample(settings, &self.wit, Path::new("."), event_type).await? {
            Some(sample) => Ok(Content::Package { sample, source: None }),
            None => built_in.map(Content::Sample),
        }
    }

    /// Sends all, some at a time, and returns the answers in the order of the events.
    async fn send(&self, sender: Arc<Sender>, bodies: EventBodies) -> Result<Vec<Answer>, Failure> {
        let mut open = JoinSet::new();
        let mut answers = BTreeMap::new();
        let group = self.burst.unwrap_or(1);
        let mut ticks = self.rate.map(|rate| tokio::time::interval(group_interval(group, rate)));
        // A rate is kept by a host that answers slowly, too, up to a limit.
        let open_max =
            if ticks.is_some() { PACED_MAX } else { self.burst.map_or(CONCURRENCY, |burst| burst as usize) };
        for number in 0..self.count {
            if let Some(ticks) = ticks.as_mut().filter(|_| number % group == 0) {
                ticks.tick().await;
            }
            if open.len() >= open_max {
                record(&mut answers, open.join_next().await)?;
            }
            let (id, body) = bodies.next()?;
            let (sender, event_type) = (Arc::clone(&sender), self.event_type.clone());
            open.spawn(async move { (number, sender.send(id, event_type.as_deref(), body).await) });
        }
        while let Some(ended) = open.join_next().await {
            record(&mut answers, Some(ended))?;
        }
        Ok(answers.into_values().collect())
    }
}

/// The time from one group of events to the next.
fn group_interval(group: u32, rate: u32) -> Duration {
    Duration::from_secs(1) * group / rate
}

type SendResult = Result<(u32, Result<Answer, Failure>), tokio::task::JoinError>;

fn record(answers: &mut BTreeMap<u32, Answer>, ended: Option<SendResult>) -> Result<(), Failure> {
    let Some(ended) = ended else { return Ok(()) };
    let (number, answer) = ended.map_err(Failure::failed)?;
    answers.insert(number, answer?);
    Ok(())
}

/// A value to replace.
#[derive(Debug, Clone)]
struct Change {
    at: Pointer,
    /// JSON.
    value: String,
}

/// The bodies of all events to send.
struct EventBodies {
    content: Content,
    /// The place of the id in a body; `None` if it is in a header.
    id_at: Option<Pointer>,
    /// The id of all of them, if it was given.
    id: Option<String>,
    /// Whether there are several, which need ids of their own.
    is_repeated: bool,
    changes: Vec<Change>,
}

/// What is sent, before the changes.
enum Content {
    File {
        name: String,
        bytes: Bytes,
    },
    Sample(samples::Sample),
    /// With the source that sends it.
    Package {
        sample: PackageSample,
        source: Option<Box<Source>>,
    },
}

impl Content {
    fn for_source(self, source: Option<&Source>) -> Self {
        match self {
            Self::Package { sample, .. } => Self::Package { sample, source: source.cloned().map(Box::new) },
            other => other,
        }
    }
}

impl EventBodies {
    /// The next event, with its id if this command chose it.
    fn next(&self) -> Result<(Option<String>, Bytes), Failure> {
        match &self.content {
            Content::Sample(sample) => {
                let id = self.id.clone().unwrap_or_else(samples::fresh_id);
                let body = sample.body_of_today(&id, samples::object_of(&id), now_ms())?;
                let failed = |why| Failure::Usage(format!("sample `{}`: {why}", sample.event_type));
                Ok((Some(id), self.change(body).map_err(failed)?.into()))
            }
            Content::Package { sample, source } => {
                let id = self.id.clone().unwrap_or_else(samples::fresh_id);
                let preset = || Source::preset(Scheme::HMAC, Vec::new());
                let source = source.as_deref().cloned().unwrap_or_else(preset);
                let body = sample.body(&source, &id, &rfc3339(now_ms())).map_err(Failure::Usage)?;
                Ok((Some(id), self.change(body).map_err(Failure::Usage)?.into()))
            }
            Content::File { bytes, .. }
                if self.id.is_none() && !self.is_repeated && self.changes.is_empty() =>
            {
                Ok((None, bytes.clone()))
            }
            Content::File { name, bytes } => {
                let failed = |why: String| Failure::Usage(format!("{name}: {why}"));
                let text = std::str::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
                let (id, body) = self.identify(text).map_err(failed)?;
                Ok((id, self.change(body).map_err(failed)?.into()))
            }
        }
    }

    /// Gives a file's event the id that was asked for, or a fresh one if it is sent several times.
    fn identify(&self, text: &str) -> Result<(Option<String>, String), String> {
        if self.id.is_none() && !self.is_repeated {
            return Ok((None, text.to_owned()));
        }
        let Some(id_at) = &self.id_at else {
            let id = self.id.clone().unwrap_or_else(samples::fresh_id);
            return Ok((Some(id), text.to_owned()));
        };
        let explain = |why: String| format!("{why}; the source's `id` says where the id is");
        let old = edit::value_at(text, id_at).map_err(explain)?;
        // An id that is a number stays one.
        let is_number = !old.starts_with('"');
        let id = self.id.clone().unwrap_or_else(|| match samples::fresh_id() {
            id if is_number => samples::object_of(&id).to_string(),
            id => id,
        });
        let number = is_number && id.parse::<u64>().is_ok_and(|number| number.to_string() == id);
        let value = if number { id.clone() } else { samples::quoted(&id) };
        Ok((Some(id), edit::replace_at(text, id_at, &value)?))
    }

    fn change(&self, body: String) -> Result<String, String> {
        let change = |body: String, change: &Change| edit::replace_at(&body, &change.at, &change.value);
        self.changes.iter().try_fold(body, change)
    }
}

/// Parses `/POINTER=VALUE`.
fn parse_change(text: &str) -> Result<Change, String> {
    let (pointer, value) = text.split_once('=').ok_or("write /POINTER=VALUE, as /data/object/name=Awa")?;
    let at = Pointer::parse(pointer)?;
    if at.is_root() {
        return Err("the pointer is empty: write /POINTER=VALUE, as /data/object/name=Awa".into());
    }
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
    Ok(Change { at, value: if is_json { value.trim().to_owned() } else { samples::quoted(value) } })
}

/// One line for each of a few; for many, how often each answer came, and one example of each. Then what to do about
/// events without a handler.
fn describe(answers: &[Answer]) -> String {
    let mut lines = if answers.len() <= LINES_MAX {
        answers.iter().map(describe_answer).collect()
    } else {
        summarize(answers)
    };
    let unhandled: Vec<_> =
        answers.iter().filter(|answer| answer.is_accepted() && answer.deliveries == Some(0)).collect();
    match (&*unhandled, answers) {
        ([Answer { event: Some(id), .. }], [_]) => {
            lines.push(format!("No plugin handles it. When one does: {}", replay_command(id)));
        }
        ([], _) => {}
        _ => lines.push(
            "No plugin handles those with 0 deliveries. When one does: hookyard event replay --unhandled"
                .into(),
        ),
    }
    lines.join("\n")
}

fn summarize(answers: &[Answer]) -> Vec<String> {
    let mut kinds: BTreeMap<(u16, &str), (u64, &Answer)> = BTreeMap::new();
    for answer in answers {
        let kind = (answer.http_status, answer.status.as_str());
        kinds.entry(kind).or_insert((0, answer)).0 += 1;
    }
    let mut lines = vec![format!("{} sent", answers.len())];
    for ((http_status, status), (number, example)) in kinds {
        let mut line = format!("{number:>8} × {http_status} {}", out::escape(status));
        if let Some(reason) = &example.reason {
            let _ = write!(line, ": {}", out::escape(reason));
        }
        lines.push(line);
    }
    lines
}

/// An answer on one line.
pub(super) fn describe_answer(answer: &Answer) -> String {
    let id = answer.event.as_deref().unwrap_or("-");
    let mut line = format!("{}  {} {}", out::escape(id), answer.http_status, out::escape(&answer.status));
    if let Some(deliveries) = answer.deliveries {
        let _ = write!(line, ", {}", out::format_count(deliveries, "delivery", "deliveries"));
    }
    if let Some(reason) = &answer.reason {
        let _ = write!(line, ": {}", out::escape(reason));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(http_status: u16, status: &str, reason: Option<&str>) -> Answer {
        Answer {
            event: Some("evt_1".into()),
            http_status,
            status: status.into(),
            deliveries: reason.is_none().then_some(1),
            reason: reason.map(str::to_owned),
        }
    }

    fn file(text: &'static str, id: Option<&str>, is_repeated: bool, set: &[&str]) -> EventBodies {
        EventBodies {
            content: Content::File { name: "event.json".into(), bytes: Bytes::from_static(text.as_bytes()) },
            id_at: Some(Pointer::to(&["id"])),
            id: id.map(str::to_owned),
            is_repeated,
            changes: set.iter().map(|text| parse_change(text).unwrap()).collect(),
        }
    }

    #[test]
    fn a_file_keeps_every_byte_that_no_option_changes() {
        for (text, id, set, expected) in [
            ("not JSON", None, &[][..], "not JSON"),
            ("{ \"id\": \"a\", \"n\": 1.0 }", Some("b\""), &[], "{ \"id\": \"b\\\"\", \"n\": 1.0 }"),
            ("{\"id\":5}", Some("7"), &[], "{\"id\":7}"),
            ("{\"id\":5}", Some("x"), &[], "{\"id\":\"x\"}"),
            (
                "{\"id\":5,\"n\": {\"a\": 1}}",
                None,
                &["/n/a=[1, 2]", "/id=Awa Diop"],
                "{\"id\":\"Awa Diop\",\"n\": {\"a\": [1, 2]}}",
            ),
        ] {
            assert_eq!(file(text, id, false, set).next().unwrap().1, expected, "{text}");
        }
        let repeated = file("{\"id\":5}", None, true, &[]);
        let (first, second) = (repeated.next().unwrap(), repeated.next().unwrap());
        assert_ne!(first, second);
        assert!(serde_json::from_slice::<serde_json::Value>(&first.1).unwrap()["id"].is_u64());
        for (bodies, part) in [
            (
                file("{\"n\":5}", None, true, &[]),
                "event.json: nothing is at `/id`: the top is an object with n; the source's",
            ),
            (
                file("{\"id\":5}", None, false, &["/x=1"]),
                "event.json: nothing is at `/x`: the top is an object with id",
            ),
            (file("{", None, false, &["/x=1"]), "event.json: it is not JSON"),
        ] {
            let error = bodies.next().unwrap_err();
            assert!(matches!(&error, Failure::Usage(why) if why.contains(part)), "{error}");
        }
        for wrong in ["x", "x=1", "=1", "/a~2=1"] {
            assert!(parse_change(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn groups_of_events_keep_the_rate() {
        for (group, rate, ms) in [(1, 1, 1000), (1, 50, 20), (10, 50, 200), (200, 100, 2000)] {
            assert_eq!(group_interval(group, rate), Duration::from_millis(ms), "{group} {rate}");
        }
    }

    #[test]
    fn a_few_answers_are_lines() {
        let answers = [answer(202, "accepted", None), answer(401, "unauthorized", Some("no match"))];
        let expected = "evt_1  202 accepted, 1 delivery\nevt_1  401 unauthorized: no match";
        assert_eq!(describe(&answers), expected);
    }

    #[test]
    fn an_event_without_a_handler_is_told_how_to_get_to_one() {
        let unhandled = || Answer { deliveries: Some(0), ..answer(202, "accepted", None) };
        let replay = "No plugin handles it. When one does: hookyard event replay evt_1";
        assert_eq!(describe(&[unhandled()]), format!("evt_1  202 accepted, 0 deliveries\n{replay}"));
        let two = describe(&[unhandled(), answer(202, "accepted", None)]);
        assert!(two.ends_with("When one does: hookyard event replay --unhandled"), "{two}");
    }

    #[test]
    fn many_answers_are_a_summary() {
        let mut answers = vec![answer(202, "accepted", None); 30];
        answers.push(answer(429, "busy", Some("the queue is full")));
        let expected = "31 sent\n      30 × 202 accepted\n       1 × 429 busy: the queue is full";
        assert_eq!(describe(&answers), expected);
    }
}
