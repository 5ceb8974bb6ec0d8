//! `hookyard session list` and `revoke`.

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::out;
use super::settings::{ChangeConnection, Settings};
use super::table::{TextTable, format_table};
use crate::admin::api::{SessionList, SessionView};

/// List the browsers that are logged in to the pages
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard session list\n  hookyard session list --json")]
pub(super) struct List {
    #[command(flatten)]
    options: ListOptions,
}

/// End a session: its browser is logged out at once
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard session revoke 3 --note 'a lost phone'")]
pub(super) struct Revoke {
    /// Its number, from `hookyard session list`
    #[arg(value_name = "ID")]
    id: i64,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let fetch = async |client: &Client| client.get::<SessionList>(&["sessions"], &()).await;
        self.options.show(&settings, fetch, |page| out::print_table(&table(&page.items))).await
    }
}

impl Revoke {
    /// Ends the session.
    ///
    /// # Errors
    /// When there is no such session, or the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        client.delete(&["sessions", &self.id.to_string()]).await?;
        out::print(&format!("session {} has ended", self.id))
    }
}

fn table(sessions: &[SessionView]) -> TextTable {
    let row = |session: &SessionView| {
        [
            session.id.to_string(),
            session.token.clone(),
            session.address.clone().unwrap_or_else(|| "-".into()),
            session.agent.clone(),
            out::format_time(session.created_at),
            out::format_time(session.used_at),
            out::format_time(session.expires_at),
        ]
    };
    let rows: Vec<_> = sessions.iter().map(row).collect();
    format_table(["ID", "TOKEN", "FROM", "BROWSER", "LOGGED IN", "LAST USE", "EXPIRES"], &rows)
}
