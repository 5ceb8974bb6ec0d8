//! Makes a complete [`Config`] from a file: parse, resolve references and paths, check.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::files::read_text;
use super::locate::{Found, Places, dotted, line_at, path};
use super::values::{References, Secret};
use super::{Config, Plugin, check, formats, source_check};

/// The default path of the file.
pub const DEFAULT_FILE: &str = "hookyard.toml";
/// Every key, documented, with its default.
pub const DEFAULT_TEXT: &str = include_str!("../../config.default.toml");

/// The variable that takes the place of `log.level` for one run.
pub const LOG_VARIABLE: &str = "HOOKYARD_LOG";

/// The value of [`LOG_VARIABLE`], if it is set.
#[must_use]
pub fn log_level() -> Option<String> {
    std::env::var(LOG_VARIABLE).ok().filter(|level| !level.is_empty())
}

/// A configuration and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The resulting configuration.
    pub config: Config,
    /// The file; `None` when there is none and defaults hold.
    pub path: Option<PathBuf>,
    /// The directory that relative paths start from; empty means the current one.
    pub dir: PathBuf,
    /// The file that a running host follows: `path`, or the default one, which may appear later.
    pub followed: Option<PathBuf>,
}

/// The reason why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A value is not allowed.
    #[error("{}", listed(file, problems))]
    Invalid {
        /// The configuration file.
        file: PathBuf,
        /// All problems, in the order of checking.
        problems: Vec<Problem>,
    },
    /// There is no token for the admin API.
    #[error("{0}")]
    NoToken(String),
}

/// One thing wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: Option<usize>,
    /// The key, dotted.
    pub key: Option<String>,
    /// The written value; never a secret.
    pub value: Option<String>,
    /// The error, and the valid values.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.value) {
            (Some(key), Some(value)) => write!(f, "`{key} = {value}`: {}", self.message),
            (Some(key), None) => write!(f, "`{key}`: {}", self.message),
            (None, _) => f.write_str(&self.message),
        }
    }
}

impl Loaded {
    /// The error of values that only the caller can judge: the path of each key, and what is wrong with its value.
    #[must_use]
    pub fn reject(&self, found: Vec<(Vec<String>, String)>) -> ConfigError {
        let file = self.path.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        let text = read_text(&file).unwrap_or_default();
        let places = Places::of(&text);
        let problems = found.into_iter().map(|found| problem_at(&places, found)).collect();
        ConfigError::Invalid { file, problems }
    }
}

fn listed(file: &Path, problems: &[Problem]) -> String {
    let file = file.display();
    let one = |problem: &Problem| match problem.line {
        Some(line) => format!("{file}:{line}: {problem}"),
        None => format!("{file}: {problem}"),
    };
    problems.iter().map(one).collect::<Vec<_>>().join("\n")
}

impl Config {
    /// Reads the configuration: this file, or else `hookyard.toml` in the current directory. If
    /// there is none, the defaults apply.
    ///
    /// # Errors
    /// The message names the file and, for each problem, key, value and line.
    pub fn load(path: Option<&Path>) -> Result<Loaded, ConfigError> {
        Self::load_with(path, true)
    }

    /// As [`Config::load`], for a command that asks a running host: it needs the host's address and data directory, not
    /// its secrets, which the user who runs the command may not have. References without a value are left as written.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_without_secrets(path: Option<&Path>) -> Result<Loaded, ConfigError> {
        Self::load_with(path, false)
    }

    fn load_with(path: Option<&Path>, required: bool) -> Result<Loaded, ConfigError> {
        let named = path.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match read_text(named) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => {
                let followed = Some(named.into());
                return Ok(Loaded { config: Self::default(), path: None, dir: PathBuf::new(), followed });
            }
            Err(error) => {
                return Err(ConfigError::File { path: named.into(), error });
            }
        };
        let dir = named.parent().map(Path::to_path_buf).unwrap_or_default();
        let env = |name: &str| std::env::var(name).ok();
        let from = References { required, dir: &dir, env: &env };
        let config = Self::parse(&text, &from)
            .map_err(|problems| ConfigError::Invalid { file: named.into(), problems })?;
        Ok(Loaded { config, path: Some(named.into()), dir, followed: Some(named.into()) })
    }

    /// Reads a configuration's text.
    pub(super) fn parse(text: &str, from: &References<'_>) -> Result<Self, Vec<Problem>> {
        let places = Places::of(text);
        let mut config: Self =
            toml::from_str(text).map_err(|error| vec![of_parser(text, &places, &error)])?;
        for (name, plugin) in &mut config.plugin {
            // A host that allows less than the default lowers the default with it.
            if !places.has(&path(&["plugin", name.as_str(), "memory_max_bytes"])) {
                plugin.memory_max_bytes = Plugin::within(config.runtime.memory_max_bytes).memory_max_bytes;
            }
        }
        let mut found = source_check::written(&config, &places);
        found.extend(check::all(&config));
        found.extend(resolve(&mut config, from));
        if found.is_empty() && from.required {
            found = check::receivers(&config);
            found.extend(source_check::keys(&config));
        }
        if found.is_empty() {
            return Ok(config);
        }
        Err(found.into_iter().map(|found| problem_at(&places, found)).collect())
    }
}

fn problem_at(places: &Places<'_>, (path, message): Found) -> Problem {
    Problem {
        line: places.line(&path),
        value: if hidden(&path) { None } else { places.value(&path) },
        key: Some(dotted(&path)),
        message,
    }
}

/// Reads references and makes relative paths start at the configuration's directory.
fn resolve(config: &mut Config, from: &References<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (name, source) in &mut config.sources {
        if let Some(token) = &mut source.verify_token {
            let key = || path(&["sources", name.as_str(), "verify_token"]);
            found.extend(token.resolve(from).err().map(|message| (key(), message)));
        }
        for (index, secret) in source.secrets.iter_mut().enumerate() {
            let key = || path(&["sources", name.as_str(), "secrets", &index.to_string()]);
            found.extend(secret.resolve(from).err().map(|message| (key(), message)));
        }
    }
    for (name, plugin) in &mut config.plugin {
        for (key, secret) in &mut plugin.secrets {
            let key = || path(&["plugin", name.as_str(), "secrets", key]);
            found.extend(secret.resolve(from).err().map(|message| (key(), message)));
        }
        for (origin, secret) in &mut plugin.webhook_keys {
            let key = || path(&["plugin", name.as_str(), "webhook_keys", origin]);
            found.extend(secret.resolve(from).err().map(|message| (key(), message)));
        }
        for (key, value) in &mut plugin.config {
            let key = || path(&["plugin", name.as_str(), "config", key]);
            found.extend(from.resolve(value).err().map(|message| (key(), message)));
        }
    }
    for (index, alert) in config.alerts.iter_mut().enumerate() {
        for (name, secret) in [("webhook", &mut alert.webhook), ("webhook_secret", &mut alert.webhook_secret)]
        {
            let key = || path(&["alerts", &index.to_string(), name]);
            let resolved = secret.as_mut().map_or(Ok(()), |secret| secret.resolve(from));
            found.extend(resolved.err().map(|message| (key(), message)));
        }
    }
    if let Some(smtp) = &mut config.email.smtp {
        found.extend(smtp.resolve(from).err().map(|message| (path(&["email", "smtp"]), message)));
    }
    for (name, secret) in &mut config.telemetry.headers {
        let key = || path(&["telemetry", "headers", name]);
        let resolved = secret.resolve(from).and_then(|()| header_value(secret));
        found.extend(resolved.err().map(|message| (key(), message)));
    }
    config.plugins.dir = from.dir.join(&config.plugins.dir);
    config.verifiers.dir = from.dir.join(&config.verifiers.dir);
    if let Some(dir) = &mut config.server.data_dir {
        *dir = from.dir.join(&*dir);
    }
    for watched in &mut config.dev.watch {
        *watched = from.dir.join(&*watched);
    }
    if let Some(file) = formats::sqlite_path(&config.database.url) {
        config.database.url = format!("sqlite:{}", from.dir.join(file).display());
    }
    found
}

fn header_value(secret: &Secret) -> Result<(), String> {
    let value = http::HeaderValue::from_str(secret.expose());
    value.map(drop).map_err(|_| "it has characters that a header cannot have".into())
}

/// Whether a key's value may hold a secret, which no error may repeat. A text in a section's place
/// counts too: `sources.x = "…"` may be a secret in the wrong place.
fn hidden(path: &[String]) -> bool {
    let section = matches!(path.first().map(String::as_str), Some("sources" | "plugin"));
    let inside = path
        .iter()
        .skip(2)
        .any(|part| matches!(part.as_str(), "secrets" | "config" | "verify_token" | "webhook_keys"));
    let in_alert = path.first().is_some_and(|part| part == "alerts")
        && path.get(2).is_none_or(|part| part == "webhook" || part == "webhook_secret");
    let in_telemetry = path.first().is_some_and(|part| part == "telemetry")
        && path.get(1).is_none_or(|part| part == "headers");
    in_alert
        || in_telemetry
        || (section && (path.len() <= 2 || inside))
        || matches!(dotted(path).as_str(), "database.url" | "email.smtp")
}

/// The parser names Rust's types; an author of the file need not know them.
const WORDS: [(&str, &str); 5] = [
    ("unknown field", "unknown key"),
    ("missing field", "missing key"),
    ("unknown variant", "unknown value"),
    ("struct Written", "a section"),
    ("invalid socket address syntax", "not an address and a port: write `127.0.0.1:8080`, not a name"),
];

fn of_parser(text: &str, places: &Places<'_>, error: &toml::de::Error) -> Problem {
    let span = error.span();
    let key = span.as_ref().and_then(|span| places.path_at(span));
    let mut message =
        WORDS.iter().fold(error.message().to_owned(), |text, (old, new)| text.replace(old, new));
    // A text with a key that comes twice has no places.
    let twice =
        span.clone().and_then(|span| text.get(span)).filter(|_| message.trim_end() == "duplicate key");
    if let Some(twice) = twice {
        message = format!("duplicate key `{twice}`");
    }
    let wrong_type = message.starts_with("invalid type") || message.starts_with("invalid value");
    if wrong_type && key.is_some_and(hidden) {
        let expected = message.rsplit_once(", expected ").map_or("another type", |(_, expected)| expected);
        message = format!("wrong type, expected {expected}");
    }
    let about_key = message.starts_with("unknown key") || message.starts_with("missing key");
    let shown = key.filter(|key| !about_key && !hidden(key));
    Problem {
        line: span.map(|span| line_at(text, span.start)),
        value: shown.and_then(|key| places.value(key)),
        key: key.map(dotted),
        message: formats::without_passwords(message.trim_end()),
    }
}
