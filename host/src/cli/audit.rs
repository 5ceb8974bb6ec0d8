//! `hookyard audit list`, `export` and `verify`.

use std::path::PathBuf;

use serde::Serialize;

use super::client::Client;
use super::failure::Failure;
use super::listing::{ListOptions, print_page};
use super::out;
use super::selectors::parse_time;
use super::settings::{Connection, Settings};
use super::table::{TextTable, format_table};
use crate::admin::api::{AuditCheck, AuditEntry, AuditHead, AuditList};
use crate::db;

const LIST_EXAMPLE: &str = "\
Examples:
  hookyard audit list
  hookyard audit list --since 7d --action plugin
  hookyard audit list --actor night-shift --json
  hookyard audit list --target confirmation-sms";

const VERIFY_EXAMPLE: &str = "\
Examples:
  hookyard audit verify
  hookyard audit verify --expect 812:9f2c…     the log must have this entry, which an earlier check printed
  hookyard audit verify --database backup.db   a backup, or the database while no host runs

Exit code: 0 when the log is whole; 1 with the number of the first wrong entry, or with the reason why the
log could not be checked.
An attacker who can write the database can write the whole log anew. That is noticed only with --expect, so
note the head that this prints somewhere else.";

/// List what operators and the host decided, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLE)]
pub(super) struct List {
    /// Only since then: `2026-11-25T08:00:00Z`, or `2h`, `7d` ago
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<u64>,
    /// Only decisions of this token, file or host
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this action, such as `plugin.pause`, or those below it, such as `plugin`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only with this target: a plugin, a token, a delivery, a replay
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Entries on the page
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// `next_cursor` of the page before
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    options: ListOptions,
}

/// Print the whole audit log, oldest first, one JSON document a line
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard audit export > audit.jsonl")]
pub(super) struct Export {
    #[command(flatten)]
    connection: Connection,
}

/// Check that the audit log is whole
#[derive(Debug, clap::Args)]
#[command(after_help = VERIFY_EXAMPLE)]
pub(super) struct Verify {
    /// An entry that the log must have: the head that an earlier check printed
    #[arg(long, value_name = "NUMBER:HASH")]
    expect: Option<String>,
    /// Check this file, which no host may have open
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    database: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Serialize)]
struct ListQuery {
    since: Option<u64>,
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    limit: u32,
    cursor: Option<String>,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let Self { since, actor, action, target, limit, cursor, options } = self;
        let query = ListQuery { since, actor, action, target, limit, cursor };
        let fetch = async |client: &Client| client.get(&["audit"], &query).await;
        let print = |page: &AuditList| print_page(page, "no entries", table);
        options.show(&settings, fetch, print).await
    }
}

impl Export {
    /// Prints all entries.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client(&self.connection)?;
        let mut cursor: Option<String> = None;
        loop {
            let page = export_page(&client, cursor.as_deref()).await?;
            page.items.iter().try_for_each(out::print_json_line)?;
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }
}

async fn export_page(client: &Client, cursor: Option<&str>) -> Result<AuditList, Failure> {
    client.get(&["audit", "export"], &[("limit", Some("500")), ("cursor", cursor)]).await
}

impl Verify {
    /// Prints the result.
    ///
    /// # Errors
    /// [`Failure::Shown`] when the log is not whole.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let check: AuditCheck = if let Some(file) = &self.database {
            let expected = self.expect.as_deref().map(str::parse).transpose().map_err(Failure::Usage)?;
            db::verify_audit(file, expected).await.map_err(Failure::failed).map_err(unchecked)?.into()
        } else {
            let client = settings.client(&self.connection)?;
            let checked =
                client.get_slowly(&["audit", "verify"], &[("expect", self.expect.as_deref())]).await;
            checked.map_err(unchecked)?
        };
        if self.json {
            out::print_json(&check)?;
        } else {
            out::print(&describe(&check))?;
        }
        if check.whole { Ok(()) } else { Err(Failure::Shown) }
    }
}

/// A failure of the check itself, which says nothing about the log.
fn unchecked(failure: Failure) -> Failure {
    match failure {
        Failure::Failed(why) => Failure::Failed(format!("the audit log could not be checked: {why}")),
        other => other,
    }
}

fn describe(check: &AuditCheck) -> String {
    match check {
        AuditCheck { whole: true, head: Some(AuditHead { number, hash }), .. } => format!(
            "the audit log is whole: {}\nhead {number}:{hash}",
            out::format_count(u64::try_from(*number).unwrap_or(0), "entry", "entries")
        ),
        AuditCheck { first_wrong, problem, .. } => format!(
            "the audit log is not whole: entry {}: {}",
            first_wrong.unwrap_or(0),
            problem.as_deref().unwrap_or_default()
        ),
    }
}

fn table(entries: &[AuditEntry]) -> TextTable {
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            [
                entry.number.to_string(),
                out::format_time(entry.at),
                format!("{} {}", entry.kind, entry.actor),
                entry.address.clone().unwrap_or_else(|| "-".into()),
                entry.action.clone(),
                if entry.target.is_empty() { "-".into() } else { entry.target.clone() },
                entry.result.clone(),
                entry.note.as_deref().map_or_else(|| "-".into(), out::first_line),
            ]
        })
        .collect();
    format_table(["NUMBER", "TIME", "WHO", "FROM", "ACTION", "TARGET", "RESULT", "NOTE"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_a_whole_log_and_the_first_wrong_entry() {
        let head = Some(AuditHead { number: 1, hash: "ab".into() });
        let whole = AuditCheck { whole: true, head, first_wrong: None, problem: None };
        assert_eq!(describe(&whole), "the audit log is whole: 1 entry\nhead 1:ab");
        let problem = Some("it is missing".into());
        let wrong = AuditCheck { whole: false, head: None, first_wrong: Some(7), problem };
        assert_eq!(describe(&wrong), "the audit log is not whole: entry 7: it is missing");
    }
}
