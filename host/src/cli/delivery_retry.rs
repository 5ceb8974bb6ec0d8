//! `hookyard delivery retry`: makes waiting deliveries due now.

use super::failure::Failure;
use super::selectors::{DeliverySelector, require_selection};
use super::settings::{ChangeConnection, Settings};
use super::{delivery_list, out};
use crate::admin::api::{ReplaySelection, RetryRequest, RetryResult};
use crate::delivery::DeliveryId;

const EXAMPLE: &str = "\
Examples:
  hookyard delivery retry 12-1
  hookyard delivery retry --plugin confirmation-sms --dry-run
  hookyard delivery retry --reason 'no connection' --since 2h
  hookyard delivery retry --all

A delivery that waits for its next attempt gets it now, under the same idempotency key. A delivery that is
held, or blocked by an earlier one of its ordering key, stays so. Dead letters are replayed instead.";

/// Give waiting deliveries their next attempt now
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Retry {
    /// These deliveries
    #[arg(value_name = "ID")]
    ids: Vec<DeliveryId>,
    #[command(flatten)]
    which: DeliverySelector,
    /// All waiting deliveries
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

impl Retry {
    /// Makes them due, and prints their number.
    ///
    /// # Errors
    /// When nothing was selected, a named delivery does not wait, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let ids = (!self.ids.is_empty()).then(|| self.ids.clone());
        let selection = ReplaySelection { deliveries: ids, ..self.which.selection() };
        let selection = require_selection(selection, self.all, "waiting deliveries")?;
        let client = settings.client_to_change(&self.connection)?;
        let request = RetryRequest { selection, dry_run: self.dry_run };
        let result: RetryResult = client.post(&["deliveries", "retry"], &request).await?;
        if self.json {
            out::print_json(&result)?;
        } else {
            out::print(&self.describe(&result))?;
        }
        let missing = (self.ids.len() as u64).saturating_sub(result.deliveries);
        if missing > 0 {
            return Err(Failure::Failed(format!(
                "{missing} of those named do not wait for an attempt: `hookyard delivery show ID` says what they do"
            )));
        }
        Ok(())
    }

    fn describe(&self, result: &RetryResult) -> String {
        let deliveries = out::format_count(result.deliveries, "waiting delivery", "waiting deliveries");
        if !self.dry_run {
            return format!("due now: {deliveries}");
        }
        let first = match result.first.as_slice() {
            [] => String::new(),
            first => format!(", the newest:\n{}", delivery_list::table(first)),
        };
        format!("would be due now: {deliveries}{first}\nnothing was changed: this was a dry run")
    }
}
