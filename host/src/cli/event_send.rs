//! `hookyard event send`: signs events and sends them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::failure::{Failure, warn};
use super::send::{Answer, Sender, webhook_url};
use super::settings::Settings;
use super::{out, samples};
use crate::config::{self, Secret};
use crate::event::now_ms;

/// Requests open at once.
const CONCURRENCY: usize = 16;
/// Up to so many events are printed one by one.
const LINES_MAX: usize = 20;

const EXAMPLE: &str = "\
Examples:
  hookyard event send appointment.created
  hookyard event send appointment.created --count 1000
  hookyard event send appointment.created --id evt_1      (send it twice: the second is a duplicate)
  hookyard event send --file event.json --source moncreneau
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
    /// How many, each with a fresh id (with --id or --file, the same event every time)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Send the bytes of this file as they are; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "id")]
    file: Option<PathBuf>,
    /// Where to: a webhook URL, or a host's address [default: `server.listen` of the config]
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Send as this source [default: the only one, or `moncreneau`]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Sign with the secret in this file, `-` is standard input [default: the variable `HOOKYARD_SECRET`, or the
    /// source's first one]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Every user of the machine sees it in the list of processes
    #[arg(long, value_name = "SECRET", hide = true, conflicts_with = "secret_file")]
    secret: Option<String>,
    /// Use this id instead of a fresh one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Print the answers as JSON
    #[arg(long)]
    json: bool,
}

impl Send {
    /// Sends, and shows what was answered.
    ///
    /// # Errors
    /// When nobody answers, or an answer is not 2xx.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let secret = self.read_secret()?;
        let bodies = self.find_bodies()?;
        let source = settings.find_source(self.source.as_deref())?;
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

    /// The secret that is given, which must not be seen by whoever lists processes.
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

    fn find_bodies(&self) -> Result<EventBodies, Failure> {
        if let Some(path) = &self.file {
            return read_file(path).map(EventBodies::File);
        }
        let event_type = self.event_type.as_deref().unwrap_or_default();
        samples::find(event_type).map(EventBodies::Sample)
    }

    /// Sends all, some at a time, and gives the answers in the order in which they were asked for.
    async fn send(&self, sender: Arc<Sender>, bodies: EventBodies) -> Result<Vec<Answer>, Failure> {
        let mut open = JoinSet::new();
        let mut answers = BTreeMap::new();
        for number in 0..self.count {
            if open.len() >= CONCURRENCY {
                record(&mut answers, open.join_next().await)?;
            }
            let (id, body) = bodies.next(self.id.as_deref())?;
            let (sender, event_type) = (Arc::clone(&sender), self.event_type.clone());
            open.spawn(async move { (number, sender.send(id, event_type.as_deref(), body).await) });
        }
        while let Some(ended) = open.join_next().await {
            record(&mut answers, Some(ended))?;
        }
        Ok(answers.into_values().collect())
    }
}

type SendResult = Result<(u32, Result<Answer, Failure>), tokio::task::JoinError>;

fn record(answers: &mut BTreeMap<u32, Answer>, ended: Option<SendResult>) -> Result<(), Failure> {
    let Some(ended) = ended else { return Ok(()) };
    let (number, answer) = ended.map_err(Failure::failed)?;
    answers.insert(number, answer?);
    Ok(())
}

enum EventBodies {
    File(Bytes),
    Sample(samples::Sample),
}

impl EventBodies {
    fn next(&self, id: Option<&str>) -> Result<(Option<String>, Bytes), Failure> {
        match self {
            Self::File(bytes) => Ok((None, bytes.clone())),
            Self::Sample(sample) => {
                let id = id.map_or_else(samples::fresh_id, str::to_owned);
                let body = sample.body_of_today(&id, now_ms())?;
                Ok((Some(id), body.into()))
            }
        }
    }
}

fn read_file(path: &Path) -> Result<Bytes, Failure> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let wrong = |error| Failure::Failed(format!("{}: {error}", path.display()));
    read.map(Bytes::from).map_err(wrong)
}

/// One line for each of a few; for many, how often each answer came, and one example of each.
fn describe(answers: &[Answer]) -> String {
    if answers.len() <= LINES_MAX {
        return answers.iter().map(describe_answer).collect::<Vec<_>>().join("\n");
    }
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
    lines.join("\n")
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

    #[test]
    fn a_few_answers_are_lines() {
        let answers = [answer(202, "accepted", None), answer(401, "unauthorized", Some("no match"))];
        let expected = "evt_1  202 accepted, 1 delivery\nevt_1  401 unauthorized: no match";
        assert_eq!(describe(&answers), expected);
    }

    #[test]
    fn many_answers_are_a_summary() {
        let mut answers = vec![answer(202, "accepted", None); 30];
        answers.push(answer(429, "busy", Some("the queue is full")));
        let expected = "31 sent\n      30 × 202 accepted\n       1 × 429 busy: the queue is full";
        assert_eq!(describe(&answers), expected);
    }
}
