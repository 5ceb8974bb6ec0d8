//! `hookyard token create`, `list` and `revoke`.

use jiff::{Span, SpanRelativeTo};

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::out;
use super::settings::{ChangeConnection, Settings};
use super::table::{TextTable, format_table};
use crate::admin::api::{CreatedToken, TokenList, TokenRequest, TokenState, TokenView};
use crate::event::Name;
use crate::token::{PluginPattern, Role};

const CREATE_EXAMPLE: &str = "\
Examples:
  hookyard token create dashboard --role read
  hookyard token create night-shift --role operate --expires 30d
  hookyard token create sms-pipeline --role deploy --plugins confirmation-sms --plugins 'reminder-*'

Roles:
  read      sees everything but personal values
  operate   pauses, replays, discards; sees personal values
  deploy    changes the revisions of the plugins that --plugins names, and nothing else
  admin     everything, tokens and the audit log too

The token alone is on standard output, and is shown this once.";

/// Make a token for the admin API
#[derive(Debug, clap::Args)]
#[command(after_help = CREATE_EXAMPLE)]
pub(super) struct Create {
    /// Its name, for the list and the audit log
    #[arg(value_name = "NAME", value_parser = Name::new)]
    name: Name,
    /// `read`, `operate`, `deploy` or `admin`
    #[arg(long, value_name = "ROLE", value_parser = parse_role)]
    role: Role,
    /// Only for these plugins: a name, the beginning of names and `*`, or `*`; may be repeated
    #[arg(long, value_name = "PATTERN", value_parser = PluginPattern::new)]
    plugins: Vec<PluginPattern>,
    /// How long it is valid, such as 30d or 12h [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    expires: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

/// List the tokens of the admin API: roles, plugins, expiry, last use
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard token list\n  hookyard token list --all --json")]
pub(super) struct List {
    /// Revoked ones too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    options: ListOptions,
}

/// Revoke a token: from then on no request with it is answered
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard token revoke night-shift --note 'the shift has ended'")]
pub(super) struct Revoke {
    /// The token
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl Create {
    /// Prints the secret.
    ///
    /// # Errors
    /// When the name is taken, or the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        let Self { name, role, plugins, expires: expires_in_ms, .. } = self;
        if role == Role::Deploy && plugins.is_empty() {
            return Err(Failure::Usage(
                "a token with the role `deploy` names its plugins: add --plugins PATTERN".into(),
            ));
        }
        let request = TokenRequest { name, role, plugins, expires_in_ms };
        let created: CreatedToken = client.post(&["tokens"], &request).await?;
        let Some(secret) = &created.secret else {
            let name = created.token.name;
            return Err(Failure::Failed(format!(
                "the token `{name}` was made, but the connection broke before its secret arrived: revoke it \
                 (`hookyard token revoke {name}`), and make another"
            )));
        };
        if self.json { out::print_json(&created) } else { out::print(secret) }
    }
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let fetch = async |client: &Client| {
            let mut page: TokenList = client.get(&["tokens"], &()).await?;
            page.items.retain(|token| self.all || token.state != TokenState::Revoked);
            Ok(page)
        };
        self.options.show(&settings, fetch, |page| out::print_table(&table(&page.items))).await
    }
}

impl Revoke {
    /// Revokes the token.
    ///
    /// # Errors
    /// When there is no such token, or the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        client.delete(&["tokens", &self.name]).await?;
        out::print(&format!("{} is revoked", self.name))
    }
}

fn table(tokens: &[TokenView]) -> TextTable {
    let time = |at: Option<u64>| at.map_or_else(|| "-".into(), out::format_time);
    let rows: Vec<_> = tokens
        .iter()
        .map(|token| {
            let plugins: Vec<_> = token.plugins.iter().map(ToString::to_string).collect();
            let state = match token.state {
                TokenState::Valid => "valid",
                TokenState::Expired => "expired",
                TokenState::Revoked => "revoked",
            };
            [
                token.name.clone(),
                token.role.to_string(),
                if plugins.is_empty() { "all".into() } else { plugins.join(", ") },
                state.into(),
                out::format_time(token.created_at),
                token.created_by.clone(),
                time(token.used_at),
                time(token.expires_at),
            ]
        })
        .collect();
    let header = ["NAME", "ROLE", "PLUGINS", "STATE", "CREATED", "BY", "LAST USE", "EXPIRES"];
    format_table(header, &rows)
}

fn parse_role(text: &str) -> Result<Role, String> {
    let found = Role::ALL.into_iter().find(|role| role.as_str() == text);
    found.ok_or_else(|| format!("`{text}` is no role: it is one of read, operate, deploy, admin"))
}

/// A time such as 30d, in ms.
pub(super) fn parse_span(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time: write 30d, 12h or 90m");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    u64::try_from(time.as_millis()).ok().filter(|time| *time > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_time_until_the_expiry() {
        for (text, ms) in [("30d", 2_592_000_000), ("12h", 43_200_000), ("90m", 5_400_000), ("1s", 1000)] {
            assert_eq!(parse_span(text), Ok(ms));
        }
        for wrong in ["", "0s", "-1d", "soon", "30"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }
}
