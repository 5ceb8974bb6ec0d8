//! `hookyard store list` and `get`: what a plugin keeps in its store.

use super::client::Client;
use super::failure::Failure;
use super::listing::{ListOptions, print_page};
use super::settings::{Connection, Settings};
use super::table::{TextTable, format_table};
use super::{out, visible};
use crate::admin::api::{StoreEntry, StoreKey, StoreKeyList};

const LIST_EXAMPLE: &str = "\
Examples:
  hookyard store list daily-stats
  hookyard store list daily-stats --prefix 2026-01 --limit 100
  hookyard store list daily-stats --bucket counters --json";

const GET_EXAMPLE: &str = "\
Examples:
  hookyard store get daily-stats 2026-01-21
  hookyard store get daily-stats 2026-01-21 --bucket counters --json

A value that is no text is shown in base64.";

/// List the keys of a plugin's store
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLE)]
pub(super) struct List {
    /// The plugin
    #[arg(value_name = "NAME")]
    plugin: String,
    /// Only keys that begin so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Only in this bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on after a page: `next_cursor` of --json
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    options: ListOptions,
}

/// Print a value of a plugin's store
#[derive(Debug, clap::Args)]
#[command(after_help = GET_EXAMPLE)]
pub(super) struct Get {
    /// The plugin
    #[arg(value_name = "NAME")]
    plugin: String,
    /// The key
    #[arg(value_name = "KEY")]
    key: String,
    /// Its bucket; needed only when several have the key
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
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
    /// When there is no such plugin, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let limit = self.limit.to_string();
        let filters = [
            ("prefix", self.prefix.as_deref()),
            ("bucket", self.bucket.as_deref()),
            ("cursor", self.cursor.as_deref()),
            ("limit", Some(&limit)),
        ];
        let query: Vec<_> = filters.iter().filter_map(|(key, value)| Some((*key, (*value)?))).collect();
        let path = ["plugins", &self.plugin, "store"];
        let fetch = async |client: &Client| client.get(&path, &query).await;
        let print = |page: &StoreKeyList| print_page(page, "no such keys", table);
        self.options.show(&settings, fetch, print).await
    }
}

impl Get {
    /// Prints the value.
    ///
    /// # Errors
    /// When there is no such entry, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let mut query = vec![("key", self.key.as_str())];
        query.extend(self.bucket.as_deref().map(|bucket| ("bucket", bucket)));
        let client = settings.client(&self.connection)?;
        let entry: StoreEntry = client.get(&["plugins", &self.plugin, "store", "entry"], &query).await?;
        if self.json {
            return out::print_json(&entry);
        }
        match (&entry.value, &entry.base64) {
            (Some(text), _) => out::print(&visible::escape_block(text)),
            (None, base64) => out::print(&format!("base64 {}", base64.as_deref().unwrap_or_default())),
        }
    }
}

fn table(keys: &[StoreKey]) -> TextTable {
    let row = |key: &StoreKey| [key.bucket.clone(), key.key.clone(), out::format_size(key.bytes)];
    format_table(["BUCKET", "KEY", "SIZE"], &keys.iter().map(row).collect::<Vec<_>>())
}
