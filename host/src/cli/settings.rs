//! The config for commands: the source to send as, its signature, and the address of the running host.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::client::{Bearer, Client};
use super::failure::{Failure, warn};
use super::send::base_url;
use super::sign::Signer;
use crate::Host;
use crate::audit::NOTE_MAX_CHARS;
use crate::config::{self, Approval, Config, Loaded, Scheme, Secret, Source};
use crate::event::{Name, SourceName};

/// The loaded config and its origin.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    loaded: Loaded,
    log_level: Option<String>,
    new_secrets: Vec<NewSecret>,
    /// Whether the config names no source, and the host's own one is used.
    has_own_source: bool,
    /// The address of a host on another machine.
    url: Option<String>,
}

/// How to reach a running host.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Connection {
    /// Read the token from this file [default: `HOOKYARD_TOKEN`, or the admin token in the data directory]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// How to reach a running host to change something.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct ChangeConnection {
    #[command(flatten)]
    connection: Connection,
    /// The reason, for the audit log (no personal values, no secrets)
    #[arg(long, value_name = "TEXT", value_parser = parse_note)]
    note: Option<String>,
}

fn parse_note(text: &str) -> Result<String, String> {
    if text.chars().count() > NOTE_MAX_CHARS {
        return Err(format!(
            "it has {} characters; at most {NOTE_MAX_CHARS} are recorded",
            text.chars().count()
        ));
    }
    // It is sent as a header.
    Ok(text.replace(char::is_control, " "))
}

/// A secret made at the first start, for the terminal of the user who started the host.
#[derive(Debug, Clone)]
pub(super) struct NewSecret {
    pub(super) what: &'static str,
    pub(super) value: Secret,
    pub(super) path: PathBuf,
}

impl Settings {
    /// Loads the config. With `may_make`, creates a host's missing secrets and data directory.
    pub(super) fn load(file: Option<PathBuf>, may_make: bool) -> Result<Self, Failure> {
        let mut loaded = Config::load(file.as_deref()).map_err(Failure::failed)?;
        let log_level = config::log_level();
        let data_dir = loaded.config.data_dir();
        let (mut new_secrets, mut has_own_source) = (Vec::new(), false);
        let place = |name: &str| data_dir.join(name);
        let (secret_at, token_at) = (place(config::WEBHOOK_SECRET), place(config::ADMIN_TOKEN));
        let (had_secret, had_token) = (secret_at.exists(), token_at.exists());
        // A command that sends needs the secret that the host made, and never makes one.
        if may_make || had_secret {
            let default = loaded.default_source(&data_dir, may_make).map_err(Failure::failed)?;
            has_own_source = default.is_some();
            if let Some((_, value)) = default.filter(|_| !had_secret) {
                new_secrets.push(NewSecret { what: "webhook secret", value, path: secret_at });
            }
        }
        if may_make {
            let value = config::kept_admin_token(&loaded.config).map_err(Failure::failed)?;
            if !had_token {
                new_secrets.push(NewSecret { what: "admin token", value, path: token_at });
            }
        }
        Ok(Self { loaded, log_level, new_secrets, has_own_source, url: None })
    }

    /// Loads the config for a command on a running host. With the address of a host on another machine, by `url` or the
    /// variable, no config is needed. The order is: `url`, the named config, the variable, the default config.
    pub(super) fn for_client(file: Option<PathBuf>, url: Option<String>) -> Result<Self, Failure> {
        let Some(url) = find_url(file.as_deref(), url)? else {
            return Self::without_secrets(file.as_deref());
        };
        let settings =
            if file.is_some() { Self::without_secrets(file.as_deref())? } else { Self::of_defaults() };
        Ok(Self { url: Some(url), ..settings })
    }

    fn without_secrets(file: Option<&Path>) -> Result<Self, Failure> {
        Config::load_without_secrets(file).map(Self::of_files).map_err(Failure::failed)
    }

    /// Loads the config for a verb that only reads files. If the file was not named, the host's secrets need not be set
    /// here, and if a host would reject the file for another reason, the defaults apply.
    pub(super) fn for_authors(file: Option<PathBuf>) -> Result<Self, Failure> {
        let named = file.is_some();
        match Config::load(file.as_deref()) {
            Ok(loaded) => Ok(Self::of_files(loaded)),
            Err(error) if named => Err(Failure::failed(error)),
            Err(error) => {
                let found = Self::without_secrets(None).ok();
                let instead = match found {
                    Some(_) => "references to what is missing are used as they are written",
                    None => "the defaults are used instead",
                };
                warn(&format!("{error}\n{instead}"));
                Ok(found.unwrap_or_else(Self::of_defaults))
            }
        }
    }

    /// As [`Settings::for_authors`], for a verb that may also ask a running host, as [`Settings::for_client`] finds it.
    pub(super) fn for_author_of_host(file: Option<PathBuf>, url: Option<String>) -> Result<Self, Failure> {
        let url = find_url(file.as_deref(), url)?;
        Ok(Self { url, ..Self::for_authors(file)? })
    }

    /// The defaults, for work that no config concerns.
    pub(super) fn of_defaults() -> Self {
        let config = Config::default();
        Self::of_files(Loaded { config, path: None, dir: PathBuf::new(), followed: None })
    }

    fn of_files(loaded: Loaded) -> Self {
        Self { loaded, log_level: None, new_secrets: Vec::new(), has_own_source: false, url: None }
    }

    /// The source for a plugin's trial events: of the config, or else Moncreneau's preset.
    pub(super) fn trial_source(&self, name: Option<&str>) -> Result<(SourceName, Source), Failure> {
        let sources = &self.config().sources;
        if name.is_none() && sources.is_empty() {
            let name = SourceName::new("moncreneau").map_err(Failure::failed)?;
            return Ok((name, Source::preset(Scheme::MONCRENEAU, Vec::new())));
        }
        let name = self.find_source(name)?;
        let found = sources.get_key_value(name.as_str());
        let (name, source) = found.ok_or_else(|| Failure::Failed(format!("no source `{name}`")))?;
        Ok((name.clone(), source.clone()))
    }

    pub(super) fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// Whether the host is on another machine.
    pub(super) fn is_remote(&self) -> bool {
        self.url.is_some()
    }

    /// Lets every revision run without approval.
    pub(super) fn approve_all(&mut self) {
        self.loaded.config.plugins.approval = Approval::None;
    }

    pub(super) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    pub(super) fn file(&self) -> Option<&Path> {
        self.loaded.path.as_deref()
    }

    pub(super) fn file_or_default(&self) -> String {
        self.file().map_or_else(|| "none: defaults".into(), |file| file.display().to_string())
    }

    pub(super) fn log_level(&self) -> Option<&str> {
        self.log_level.as_deref()
    }

    /// The directory that relative paths start from.
    pub(super) fn dir(&self) -> PathBuf {
        let dir = &self.loaded.dir;
        if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir.clone() }
    }

    pub(super) fn token_path(&self) -> String {
        self.config().data_dir().join(config::ADMIN_TOKEN).display().to_string()
    }

    /// The path of the webhook secret of a host whose config names no source.
    pub(super) fn secret_path(&self) -> Option<String> {
        let place = || self.config().data_dir().join(config::WEBHOOK_SECRET).display().to_string();
        self.has_own_source.then(place)
    }

    /// The secrets that were made at this start.
    pub(super) fn new_secrets(&self) -> &[NewSecret] {
        &self.new_secrets
    }

    /// A command as it has to be typed for this config.
    pub(super) fn command(&self, verb: &str) -> String {
        let program = std::env::args().next().unwrap_or_else(|| "hookyard".into());
        match self.file().filter(|file| *file != Path::new(config::DEFAULT_FILE)) {
            Some(file) => format!("{program} {verb} --config {}", file.display()),
            None => format!("{program} {verb}"),
        }
    }

    /// A client of the host that runs with this config.
    pub(super) fn client(&self, connection: &Connection) -> Result<Client, Failure> {
        let token_file = connection.token_file.as_deref();
        let Some(url) = &self.url else {
            let (_, admin) = self.addresses();
            return self.client_at(admin, token_file);
        };
        // The token in the data directory is for the host on this machine, and is not sent to another.
        let (token, origin) = config::remote_token(token_file).map_err(Failure::failed)?;
        Client::new(url, Bearer { token: token.expose().into(), origin })
    }

    /// A client of that host, to change something.
    pub(super) fn client_to_change(&self, connection: &ChangeConnection) -> Result<Client, Failure> {
        let client = self.client(&connection.connection)?;
        Ok(client.with_note(connection.note.clone()))
    }

    /// A client of a host in this process.
    pub(super) fn client_of(&self, host: &Host) -> Result<Client, Failure> {
        self.client_at(host.admin_addr(), None)
    }

    fn client_at(&self, admin: SocketAddr, token_file: Option<&Path>) -> Result<Client, Failure> {
        let (token, origin) = config::admin_token(token_file, self.config()).map_err(Failure::failed)?;
        Client::new(&base_url(admin), Bearer { token: token.expose().into(), origin })
    }

    /// The addresses for webhooks and for the admin API. Where the config leaves a port to the kernel, it is the one
    /// that the running host has written down.
    pub(super) fn addresses(&self) -> (SocketAddr, SocketAddr) {
        let config = self.config();
        let listening = config::listening(config);
        let real = |asked: SocketAddr, actual: Option<SocketAddr>| {
            if asked.port() == 0 { actual.unwrap_or(asked) } else { asked }
        };
        let (webhooks, admin) = listening.unzip();
        (real(config.server.listen, webhooks), real(config.admin.listen, admin))
    }

    /// The only source with this package of typed handlers.
    pub(super) fn source_of_package(&self, package: &str) -> Option<&str> {
        let with = |(_, source): &(&SourceName, &Source)| source.package.as_deref() == Some(package);
        let mut found = self.config().sources.iter().filter(with).map(|(name, _)| name.as_str());
        found.next().filter(|_| found.next().is_none())
    }

    /// The source to send as: the one that is named, or the only one, or `moncreneau`.
    pub(super) fn find_source(&self, name: Option<&str>) -> Result<String, Failure> {
        let sources = &self.config().sources;
        let names = || sources.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
        match (name, sources.len()) {
            (Some(name), _) if sources.contains_key(name) => Ok(name.into()),
            (Some(name), _) => {
                Err(Failure::Failed(format!("the config has no source `{name}`; it has: {}", names())))
            }
            (None, 1) => Ok(names()),
            (None, _) if sources.contains_key("moncreneau") => Ok("moncreneau".into()),
            (None, 0) => Err(Failure::Failed(
                "the config has no source to send as: add one, or start `hookyard serve` here once".into(),
            )),
            (None, _) => Err(Failure::Usage(format!("which source? --source one of: {}", names()))),
        }
    }

    /// Signs as that source's senders do, with its first secret or the one given.
    pub(super) fn make_signer(&self, source: &str, given: Option<Secret>) -> Result<Signer, Failure> {
        let missing = || {
            Failure::Failed(format!(
                "the source `{source}` has no secret to sign with: use --secret-file FILE"
            ))
        };
        let name = source;
        let source = self.config().sources.get(name).ok_or_else(missing)?;
        let first = || source.secrets.first().map(|secret| secret.secret().clone());
        let secret = given.or_else(first).ok_or_else(missing)?;
        let host = self.config().server.public_url.clone().unwrap_or_default();
        Ok(Signer::new(source.clone(), secret, format!("{host}/webhooks/{name}")))
    }
}

/// The address of a host on another machine: `url`, or the variable if no config is named.
fn find_url(file: Option<&Path>, url: Option<String>) -> Result<Option<String>, Failure> {
    // What is typed goes before the environment.
    let of_environment = || if file.is_none() { config::remote_url() } else { None };
    let url = url.or_else(of_environment);
    url.as_deref().map_or(Ok(()), check_url).map(|()| url)
}

/// Checks the address of a host, and warns if its token would be sent in clear over a network.
fn check_url(url: &str) -> Result<(), Failure> {
    let wrong =
        || Failure::Usage(format!("`{url}` is no address of a host: write https://HOST or http://HOST:PORT"));
    let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
    let host = parsed.host_str().ok_or_else(wrong)?;
    let has_user = !parsed.username().is_empty() || parsed.password().is_some();
    if has_user || parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
        // A user's password is not repeated.
        return Err(Failure::Usage(
            "the address of a host has no user, path or query: write https://HOST or http://HOST:PORT".into(),
        ));
    }
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_local = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match parsed.scheme() {
        "https" => Ok(()),
        "http" => {
            if !is_local {
                warn(&format!("the token is sent to {url} in clear: use https"));
            }
            Ok(())
        }
        _ => Err(wrong()),
    }
}
