//! `hookyard config check`: is the config one that a host would take?

use serde::Serialize;

use super::author::embedded::provider_packages;
use super::failure::{Failure, warn};
use super::inspect::packages::{HandledPackages, handled_packages};
use super::out;
use super::settings::Settings;
use super::similar::find_similar;

const EXAMPLE: &str = "\
Examples:
  hookyard config check
  hookyard config check --config hookyard.toml --json";

/// Check the config: unknown keys, wrong values, secrets that are not there, packages that no plugin handles
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Check {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The content of a config, without its secrets.
#[derive(Debug, Serialize)]
struct Summary {
    config: Option<String>,
    webhooks: String,
    admin: String,
    database: String,
    plugins: String,
    sources: Vec<String>,
    /// The path of the secret of the host's own source, if the config names no source.
    own_secret: Option<String>,
}

impl Check {
    /// Prints the config; loading it has already found the errors that need no plugins.
    ///
    /// # Errors
    /// When no plugin here handles a source's package, or the output is closed.
    pub(super) async fn run(&self, settings: &Settings) -> Result<(), Failure> {
        check_packages(settings).await?;
        let config = settings.config();
        let summary = Summary {
            config: settings.file().map(|file| file.display().to_string()),
            webhooks: config.server.listen.to_string(),
            admin: config.admin.listen.to_string(),
            database: without_password(&config.database.url),
            plugins: config.plugins.dir.display().to_string(),
            sources: config.sources.keys().map(ToString::to_string).collect(),
            own_secret: settings.secret_path(),
        };
        if self.json {
            return out::print_json(&summary);
        }
        out::print(&describe(&summary))
    }
}

/// Checks that the plugins of this config, or hookyard itself, know the package of each source.
async fn check_packages(settings: &Settings) -> Result<(), Failure> {
    let known: Vec<String> = provider_packages();
    let sources = settings.config().sources.iter();
    let unknown: Vec<_> = sources
        .filter_map(|(name, source)| Some((name, source.package.as_deref()?)))
        .filter(|(_, package)| !known.iter().any(|known| known == package))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let handled = handled_packages(settings).await.map_err(Failure::Failed)?;
    let dir = settings.config().plugins.dir.display().to_string();
    let mut wrong = Vec::new();
    for (name, package) in unknown.into_iter().filter(|(_, package)| !handled.packages.contains(*package)) {
        let key = ["sources", name.as_str(), "package"];
        let similar = handled.packages.iter().chain(&known).map(String::as_str);
        let similar = find_similar(package, similar);
        if handled.plugins == 0 && similar.is_none() {
            warn(&format!(
                "`{} = {package:?}`: no plugin is in {dir} that could have handlers of it",
                key.join(".")
            ));
            continue;
        }
        wrong.push((key.map(str::to_owned).to_vec(), explain_package(&handled, &dir, similar)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::failed(settings.loaded().reject(wrong))) }
}

fn explain_package(handled: &HandledPackages, dir: &str, similar: Option<&str>) -> String {
    let meant = similar.map(|similar| format!("; did you mean `{similar}`?")).unwrap_or_default();
    let packages: Vec<_> = handled.packages.iter().map(|package| out::escape(package)).collect();
    let packages = if packages.is_empty() { "none".into() } else { packages.join(", ") };
    format!(
        "no plugin in {dir} has handlers of this package{meant} (packages of the plugins there: {packages})"
    )
}

fn describe(summary: &Summary) -> String {
    let config = summary.config.as_deref().unwrap_or("no file: every key has its default");
    let Summary { webhooks, admin, database, plugins, sources, .. } = summary;
    let sources = match (&summary.own_secret, sources.as_slice()) {
        (Some(path), names) => format!("{} (the config names none), secret in {path}", names.join(", ")),
        (None, []) => "moncreneau, with a secret that `hookyard serve` makes at its first start".into(),
        (None, names) => names.join(", "),
    };
    format!(
        "config    {config}\nwebhooks  {webhooks}\nadmin     {admin}\ndatabase  {database}\n\
         plugins   {plugins}\nsources   {sources}\nok"
    )
}

/// A database's URL may carry a password: the part between `//` and `@` is not shown.
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
