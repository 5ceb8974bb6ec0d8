//! `hookyard event erase`: overwrites the personal values of events.

use std::time::Duration;

use super::client::Client;
use super::event_show::source_of;
use super::failure::Failure;
use super::out;
use super::progress::Progress;
use super::selectors::{EventSelector, require_selection};
use super::settings::{ChangeConnection, Settings};
use super::table::format_table;
use crate::admin::api::{
    ErasureExample, ErasureProgress, ErasureRequest, ErasureSelection, ErasureState, EventView,
    ReplaySelection,
};

/// Interval between requests for the progress.
const POLL: Duration = Duration::from_millis(50);

const EXAMPLE: &str = "\
Examples:
  hookyard event erase evt_abc123
  hookyard event erase evt_abc123 --yes --note 'request 2026-117'
  hookyard event erase --source moncreneau --until 365d --yes

Without --yes it only says what it would erase. It overwrites the values at `personal` of the source with `[erased]` in
the body, and all reasons, log lines, requests and answers of the event's attempts and effects as a whole. Ids, types,
times, revisions and outcomes stay, so a copy that is sent again is still a duplicate. An erased event cannot run again.
Of events that plugins emitted the whole body is erased. These and edited copies are events of their own: select them too. Events with
open deliveries or effects are skipped.

It does not touch what plugins wrote into their stores (`hookyard store`), backups made before (`hookyard backup`), a
damaged search index that was kept (*.search.damaged), logs that were written elsewhere, and what partners received.";

/// Erase the personal values of events
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Erase {
    /// This event
    #[arg(value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    which: EventSelector,
    /// All events
    #[arg(long)]
    all: bool,
    /// Erase; without it, only say what would be erased
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl Erase {
    /// Erases, and prints the result.
    ///
    /// # Errors
    /// When nothing was named, the event is unknown, or the host refuses or does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        let selection = self.selection(&client).await?;
        let all = selection == ErasureSelection::default();
        let progress = follow(&client, &ErasureRequest { selection, all, dry_run: !self.yes }).await?;
        if self.json {
            return out::print_json(&progress);
        }
        out::print(&describe(&progress))
    }

    async fn selection(&self, client: &Client) -> Result<ErasureSelection, Failure> {
        let Some(id) = &self.id else {
            let ReplaySelection { event_type, source, since, until, .. } =
                require_selection(self.which.selection(), self.all, "events")?;
            return Ok(ErasureSelection { events: None, event_type, source, since, until });
        };
        let which = EventSelector { source: None, ..self.which.clone() };
        if self.all || which.selection() != ReplaySelection::default() {
            return Err(Failure::Usage("an event that is named needs no other filter".into()));
        }
        let source = match &self.which.source {
            Some(source) => source.clone(),
            None => source_of(client, id).await?,
        };
        let event: EventView = client.get(&["events", &source, id], &()).await?;
        Ok(ErasureSelection { events: Some(vec![event.number]), ..ErasureSelection::default() })
    }
}

/// Begins an erasure and waits until it has ended; prints its progress on stderr if that takes long.
async fn follow(client: &Client, request: &ErasureRequest) -> Result<ErasureProgress, Failure> {
    let mut progress: ErasureProgress = client.post(&["erasures"], request).await?;
    let id = progress.id.to_string();
    let mut shown = Progress::new(format!("erasure {id}"));
    while progress.state == ErasureState::Running {
        tokio::time::sleep(POLL).await;
        progress = client.get(&["erasures", &id], &()).await?;
        shown.update(progress.erased + skipped(&progress), progress.found);
    }
    Ok(progress)
}

fn skipped(progress: &ErasureProgress) -> u64 {
    progress.skipped.open + progress.skipped.not_personal
}

fn describe(progress: &ErasureProgress) -> String {
    let dry_run = progress.request.dry_run;
    let events = out::format_count(progress.erased, "event", "events");
    let mut text = if dry_run {
        format!("would erase the personal values of {events}")
    } else {
        format!("erased the personal values of {events} (erasure {})", progress.id)
    };
    if skipped(progress) > 0 {
        let reasons = [
            (progress.skipped.open, "with open deliveries or effects"),
            (progress.skipped.not_personal, "of sources without personal values"),
        ];
        let reasons = reasons.iter().filter(|(count, _)| *count > 0);
        let reasons: Vec<_> = reasons.map(|(count, reason)| format!("{count} {reason}")).collect();
        let events = out::format_count(skipped(progress), "event", "events");
        text = format!("{text}; skipped {events}: {}", reasons.join(", "));
    }
    for (source, pointers) in &progress.personal {
        text = format!("{text}\n{source}: {}", pointers.join(", "));
    }
    if !progress.first.is_empty() {
        let row = |example: &ErasureExample| {
            [
                out::format_time(example.received_at),
                example.source.clone(),
                example.event.clone(),
                example.event_type.clone(),
            ]
        };
        let rows: Vec<_> = progress.first.iter().map(row).collect();
        let table = format_table(["RECEIVED", "SOURCE", "EVENT", "TYPE"], &rows);
        text = format!("{text}\nthe first:\n{table}");
    }
    text.push_str(if dry_run {
        "\nnothing was changed: say --yes to erase them"
    } else if progress.erased > 0 {
        "\nthe values remain in backups made before, plugins' stores, *.search.damaged, logs written elsewhere, and at \
         partners"
    } else {
        ""
    });
    text
}
