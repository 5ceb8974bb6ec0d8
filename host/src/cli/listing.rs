//! The options that all lists have, and how a list is printed: as JSON, for people, or again and again.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::Client;
use super::failure::Failure;
use super::out;
use super::poll::{Look, Poll};
use super::settings::{Connection, Settings};
use super::table::TextTable;
use crate::admin::api::{
    AuditEntry, AuditList, DeliveryList, EffectList, EventList, EventSummary, ListedDelivery, ListedEffect,
    ReplayList, ReplayProgress, StoreKey, StoreKeyList,
};

/// Moves the cursor to the upper left, and clears the terminal.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// A page of a list.
pub(super) trait Page {
    /// What it lists.
    type Item;

    /// The items on it.
    fn items(&self) -> &[Self::Item];

    /// Where the next page begins, if there is one.
    fn next_cursor(&self) -> Option<&str>;
}

macro_rules! pages {
    ($($list:ident of $item:ident),+ $(,)?) => {$(
        impl Page for $list {
            type Item = $item;

            fn items(&self) -> &[$item] {
                &self.items
            }

            fn next_cursor(&self) -> Option<&str> {
                self.next_cursor.as_deref()
            }
        }
    )+};
}

pages! {
    EventList of EventSummary,
    DeliveryList of ListedDelivery,
    EffectList of ListedEffect,
    AuditList of AuditEntry,
    StoreKeyList of StoreKey,
    ReplayList of ReplayProgress,
}

/// Reads the first page with items. A page without items is not the end, while it names a next one.
///
/// # Errors
/// As [`Client::get`].
pub(super) async fn find_page<T: Page + DeserializeOwned>(
    client: &Client,
    path: &[&str],
    query: &[(&str, impl AsRef<str>)],
) -> Result<T, Failure> {
    let mut query: Vec<_> = query.iter().map(|(key, value)| (*key, value.as_ref().to_owned())).collect();
    loop {
        let page: T = client.get(path, &query).await?;
        let Some(cursor) = page.next_cursor().filter(|_| page.items().is_empty()) else { return Ok(page) };
        query.retain(|(key, _)| *key != "cursor");
        query.push(("cursor", cursor.to_owned()));
    }
}

/// Prints a page as a table, or `none`, and how to get the next one.
///
/// # Errors
/// [`Failure::ReaderGone`] when the reader has gone.
pub(super) fn print_page<T: Page>(
    page: &T,
    none: &str,
    table: impl Fn(&[T::Item]) -> TextTable,
) -> Result<(), Failure> {
    if page.items().is_empty() {
        return out::print(none);
    }
    out::print_table(&table(page.items()))?;
    match page.next_cursor() {
        Some(cursor) => out::print(&format!("\nthere are more: --cursor {cursor}, or --limit N")),
        None => Ok(()),
    }
}

/// The options of a list.
#[derive(Debug, clap::Args)]
pub(super) struct ListOptions {
    /// Print JSON; with --watch one document on a line
    #[arg(long)]
    pub(super) json: bool,
    /// Print the list again when it has changed, and look every SECONDS, until Ctrl-C [default: 2]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) watch: Option<u64>,
    #[command(flatten)]
    pub(super) connection: Connection,
}

impl ListOptions {
    /// Prints what `fetch` reads: by `print` for people. With `--watch` it goes on until a signal, also while the host
    /// is restarted.
    ///
    /// # Errors
    /// When the host does not answer at first, or refuses, or the output is closed.
    pub(super) async fn show<T: Serialize>(
        &self,
        settings: &Settings,
        fetch: impl AsyncFn(&Client) -> Result<T, Failure>,
        print: impl Fn(&T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let list = fetch(&settings.client(&self.connection)?).await?;
        match (self.watch, self.json) {
            (Some(seconds), _) => {
                self.watch(Duration::from_secs(seconds), settings, list, fetch, print).await
            }
            (None, true) => out::print_json(&list),
            (None, false) => print(&list),
        }
    }

    async fn watch<T: Serialize>(
        &self,
        interval: Duration,
        settings: &Settings,
        first: T,
        fetch: impl AsyncFn(&Client) -> Result<T, Failure>,
        print: impl Fn(&T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut poll = Poll::every(interval)?;
        let mut shown = self.print_again(&first, None, &print)?;
        loop {
            // A restarted host may have another address and another token.
            let look = async { fetch(&settings.client(&self.connection)?).await };
            match poll.look(look).await? {
                Look::Found(list) => shown = self.print_again(&list, Some(shown), &print)?,
                Look::Lost => {}
                Look::Stopped => return Ok(()),
            }
        }
    }

    /// Prints a list unless it is the one that is shown. Returns its form for the next comparison.
    fn print_again<T: Serialize>(
        &self,
        list: &T,
        shown: Option<Vec<u8>>,
        print: impl Fn(&T) -> Result<(), Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let form = serde_json::to_vec(list).map_err(Failure::failed)?;
        if shown.as_ref() == Some(&form) {
            return Ok(form);
        }
        if self.json {
            out::print_json_line(list)?;
            return Ok(form);
        }
        let mut stdout = std::io::stdout();
        if stdout.is_terminal() {
            write!(stdout, "{CLEAR}")?;
        } else if shown.is_some() {
            out::print("")?;
        }
        print(list)?;
        stdout.flush()?;
        Ok(form)
    }
}
