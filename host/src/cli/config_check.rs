//! `hookyard config check`: is the config one that a host would take?

use serde::Serialize;

use super::failure::Failure;
use super::out;
use super::settings::Settings;

const EXAMPLE: &str = "\
Examples:
  hookyard config check
  hookyard config check --config hookyard.toml --json";

/// Check the config: unknown keys, wrong values, secrets that are not there
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Check {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a config says, without its secrets.
#[derive(Debug, Serialize)]
struct Summary {
    config: Option<String>,
    webhooks: String,
    admin: String,
    database: String,
    plugins: String,
    sources: Vec<String>,
}

impl Check {
    /// Prints what the config says; loading it has already found what is wrong.
    ///
    /// # Errors
    /// When nobody reads the output.
    pub(super) fn run(&self, settings: &Settings) -> Result<(), Failure> {
        let config = settings.config();
        let summary = Summary {
            config: settings.file().map(|file| file.display().to_string()),
            webhooks: config.server.listen.to_string(),
            admin: config.admin.listen.to_string(),
            database: without_password(&config.database.url),
            plugins: config.plugins.dir.display().to_string(),
            sources: config.sources.keys().map(ToString::to_string).collect(),
        };
        if self.json {
            return out::print_json(&summary);
        }
        out::print(&describe(&summary))
    }
}

fn describe(summary: &Summary) -> String {
    let config = summary.config.as_deref().unwrap_or("no file: every key has its default");
    let Summary { webhooks, admin, database, plugins, sources, .. } = summary;
    let sources = match (&summary.config, sources.as_slice()) {
        (None, []) => "moncreneau, with a secret that `hookyard serve` makes at its first start".into(),
        (Some(_), []) => "none: every webhook is answered 404".into(),
        _ => sources.join(", "),
    };
    format!(
        "config    {config}\nwebhooks  {webhooks}\nadmin     {admin}\ndatabase  {database}\n\
         plugins   {plugins}\nsources   {sources}\nok"
    )
}

/// A database's URL may carry a password: what stands between `//` and `@` is not shown.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let hidden = rest.rsplit_once('@').map(|(_, host)| format!("{scheme}://…@{host}"));
    hidden.unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_password("sqlite:data/x.db"), "sqlite:data/x.db");
        assert_eq!(without_password("postgres://u:p@h/db"), "postgres://…@h/db");
        assert_eq!(without_password("postgres://h/db"), "postgres://h/db");
    }
}
