//! `hookyard delivery replay` and `discard`: dead letters, replayed or resolved.

use super::failure::Failure;
use super::selectors::{DeliverySelector, require_selection};
use super::settings::{ChangeConnection, Settings};
use super::{out, replaying};
use crate::admin::api::{
    DiscardResult, ReplayAction, ReplayProgress, ReplayRequest, ReplaySelection, ReplayTarget,
};
use crate::delivery::DeliveryId;

const REPLAY_EXAMPLE: &str = "\
Examples:
  hookyard delivery replay 12-1
  hookyard delivery replay 12-1 --revision 3f2a90c1
  hookyard delivery replay --plugin confirmation-sms --reason 'timed out' --dry-run
  hookyard delivery replay --since 2h
  hookyard delivery replay --all";

const DISCARD_EXAMPLE: &str = "\
Examples:
  hookyard delivery discard 12-1
  hookyard delivery discard --plugin old-plugin --dry-run
  hookyard delivery discard --all";

/// Replay dead letters: each as a new delivery, with an idempotency key of its own
#[derive(Debug, clap::Args)]
#[command(after_help = REPLAY_EXAMPLE)]
pub(super) struct Replay {
    /// On this kept revision of their plugin, by the first digits of its digest [default: the one in force]
    #[arg(long, value_name = "DIGEST")]
    revision: Option<String>,
    #[command(flatten)]
    deliveries: DeliveryArguments,
}

/// Discard deliveries: skip open ones, resolve dead letters
#[derive(Debug, clap::Args)]
#[command(after_help = DISCARD_EXAMPLE)]
pub(super) struct Discard {
    #[command(flatten)]
    deliveries: DeliveryArguments,
}

/// Which deliveries, and how to print the result.
#[derive(Debug, clap::Args)]
struct DeliveryArguments {
    /// These deliveries, done or dead; without ids, unresolved dead letters
    #[arg(value_name = "ID")]
    ids: Vec<DeliveryId>,
    #[command(flatten)]
    which: DeliverySelector,
    /// All unresolved dead letters
    #[arg(long)]
    all: bool,
    /// Only count them, and show the first
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl Replay {
    /// Replays, and prints the number of deliveries.
    ///
    /// # Errors
    /// When nothing was selected, a named delivery cannot run again, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let deliveries = self.deliveries;
        let progress = deliveries.follow(ReplayAction::Replay, self.revision, &settings).await?;
        replaying::print(&progress, deliveries.json)?;
        let missing = (deliveries.ids.len() as u64).saturating_sub(progress.made);
        if missing > 0 {
            return Err(Failure::Failed(format!(
                "{missing} of those named cannot run again: they are open (`hookyard delivery show ID`), unknown, \
                 or of a type that the revision does not handle"
            )));
        }
        Ok(())
    }
}

impl Discard {
    /// Discards, and prints the result.
    ///
    /// # Errors
    /// When nothing was named, a named delivery is done or running, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let deliveries = self.deliveries;
        if deliveries.ids.is_empty() || deliveries.dry_run {
            let progress = deliveries.follow(ReplayAction::Discard, None, &settings).await?;
            return replaying::print(&progress, deliveries.json);
        }
        deliveries.selection()?;
        let client = settings.client_to_change(&deliveries.connection)?;
        let mut done = Vec::new();
        for id in &deliveries.ids {
            let discarded: DiscardResult =
                client.post(&["deliveries", &id.to_string(), "discard"], &()).await?;
            if !deliveries.json {
                out::print(&format!("delivery {id}: {}", discarded.done))?;
            }
            done.push(discarded);
        }
        if deliveries.json { out::print_json(&done) } else { Ok(()) }
    }
}

impl DeliveryArguments {
    fn selection(&self) -> Result<ReplaySelection, Failure> {
        let ids = (!self.ids.is_empty()).then(|| self.ids.clone());
        let selection = ReplaySelection { deliveries: ids, ..self.which.selection() };
        require_selection(selection, self.all, "dead letters")
    }

    async fn follow(
        &self,
        action: ReplayAction,
        revision: Option<String>,
        settings: &Settings,
    ) -> Result<ReplayProgress, Failure> {
        let (selection, dry_run) = (self.selection()?, self.dry_run);
        let request = ReplayRequest {
            of: ReplayTarget::Deliveries,
            action,
            selection,
            to: None,
            again: false,
            revision,
            dry_run,
        };
        replaying::follow(&settings.client_to_change(&self.connection)?, &request).await
    }
}
