//! Secrets that the host makes once and keeps in its data directory: the admin token, and the
//! webhook secret of a host whose configuration names no source.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Config, ConfigError, Loaded, PrivateDir, Scheme, Secret, Source};
use crate::event::SourceName;

/// The file of the admin token.
pub const ADMIN_TOKEN: &str = "admin-token";
/// The file of the secret that a host makes if its configuration names no source.
pub const WEBHOOK_SECRET: &str = "webhook-secret";
/// The file in which a running host keeps the addresses that it listens on.
pub const LISTENING: &str = "listening.json";
/// The file of the key that authenticates the cache of compiled plugins.
const CACHE_KEY: &str = "cache-key";
/// More than any of these files has.
const SIZE_MAX_BYTES: u64 = 4096;
/// The source of a host whose configuration names none.
const DEFAULT_SOURCE: &str = "moncreneau";
/// The variable that commands take the admin token from.
const TOKEN_VARIABLE: &str = "HOOKYARD_TOKEN";
/// The variable that commands take the address of a host on another machine from.
const URL_VARIABLE: &str = "HOOKYARD_URL";

impl Loaded {
    /// Adds the source `moncreneau` to a configuration that names no source, with a secret that is made once
    /// and kept. Returns its name and secret then. They are only for the terminal of the user who started
    /// the host. With `may_make` this is the host, else a client of one. The secret is in `data_dir`.
    ///
    /// # Errors
    /// When the secret cannot be read or kept.
    pub fn default_source(
        &mut self,
        data_dir: &Path,
        may_make: bool,
    ) -> Result<Option<(SourceName, Secret)>, ConfigError> {
        if !self.config.sources.is_empty() {
            return Ok(None);
        }
        let Ok(name) = SourceName::new(DEFAULT_SOURCE) else {
            return Ok(None);
        };
        let secret = if may_make {
            kept(&made(data_dir)?, WEBHOOK_SECRET, "whsec_")?
        } else {
            let dir = PrivateDir::open_as_client(data_dir).map_err(at(data_dir))?;
            let empty = || at(&dir.path().join(WEBHOOK_SECRET))(io::ErrorKind::InvalidData.into());
            read_in(&dir, WEBHOOK_SECRET)?.ok_or_else(empty)?
        };
        let source = Source::preset(Scheme::MONCRENEAU, vec![secret.clone()]);
        self.config.sources.insert(name.clone(), source);
        Ok(Some((name, secret)))
    }
}

/// The token that the host's admin API takes: made at the first start, kept in the data directory.
///
/// # Errors
/// When it cannot be read or kept.
pub fn kept_admin_token(config: &Config) -> Result<Secret, ConfigError> {
    kept(&made(&config.data_dir())?, ADMIN_TOKEN, "")
}

/// The key that authenticates the cache of compiled plugins below this directory.
///
/// # Errors
/// When it cannot be read or kept.
pub fn kept_cache_key(home: &PrivateDir) -> Result<Secret, ConfigError> {
    kept(home, CACHE_KEY, "")
}

/// The token with which a command addresses a running host, and its origin: the named file, else
/// `HOOKYARD_TOKEN`, else the data directory. This function makes no token.
///
/// # Errors
/// If none of the three places has one; the message names them.
/// Names the three places where none of them has one.
pub fn admin_token(token_file: Option<&Path>, config: &Config) -> Result<(Secret, String), ConfigError> {
    token_from(token_file, std::env::var(TOKEN_VARIABLE).ok(), config)
}

/// The address of the host's admin API that commands use, if it is on another machine: `HOOKYARD_URL`.
pub fn remote_url() -> Option<String> {
    std::env::var(URL_VARIABLE).ok().map(|url| url.trim().to_owned()).filter(|url| !url.is_empty())
}

/// The token for a host on another machine: the named file, else `HOOKYARD_TOKEN`.
///
/// # Errors
/// If neither has one.
pub fn remote_token(token_file: Option<&Path>) -> Result<(Secret, String), ConfigError> {
    let variable = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.trim().is_empty());
    if token_file.is_none() && variable.is_none() {
        return Err(ConfigError::NoToken(format!(
            "no token for a host on another machine: set {TOKEN_VARIABLE}, or name a file with --token-file"
        )));
    }
    token_from(token_file, variable, &Config::default())
}

/// The addresses of a running host with this configuration, from its data directory: webhooks and
/// the admin API. `None` when none runs.
pub fn listening(config: &Config) -> Option<(SocketAddr, SocketAddr)> {
    #[derive(serde::Deserialize)]
    struct Listening {
        webhooks: SocketAddr,
        admin: SocketAddr,
    }
    let dir = PrivateDir::open_as_client(&config.data_dir()).ok()?;
    let text = dir.read(LISTENING, SIZE_MAX_BYTES).ok()??;
    let told: Listening = serde_json::from_slice(&text).ok()?;
    Some((told.webhooks, told.admin))
}

fn token_from(
    file: Option<&Path>,
    variable: Option<String>,
    config: &Config,
) -> Result<(Secret, String), ConfigError> {
    let empty = |path: &Path| ConfigError::NoToken(format!("{}: the token is empty", path.display()));
    let in_file = |token: Secret, path: &Path| (token, path.display().to_string());
    if let Some(path) = file {
        return read(path)?.map(|token| in_file(token, path)).ok_or_else(|| empty(path));
    }
    if let Some(token) = variable.filter(|token| !token.trim().is_empty()) {
        return Ok((Secret::new(token.trim().to_owned()), TOKEN_VARIABLE.into()));
    }
    let path = config.data_dir().join(ADMIN_TOKEN);
    let dir = PrivateDir::open_as_client(&config.data_dir()).map_err(at(&path));
    match dir.and_then(|dir| read_in(&dir, ADMIN_TOKEN)) {
        Ok(Some(token)) => Ok(in_file(token, &path)),
        Ok(None) => Err(empty(&path)),
        Err(ConfigError::File { path, error }) => Err(ConfigError::NoToken(format!(
            "no admin token: {} cannot be read ({error}); start the host here once, set {TOKEN_VARIABLE}, or name a file with --token-file",
            path.display()
        ))),
        Err(other) => Err(other),
    }
}

fn read(path: &Path) -> Result<Option<Secret>, ConfigError> {
    Ok(secret(&super::files::read_text(path).map_err(at(path))?, path))
}

fn read_in(dir: &PrivateDir, name: &str) -> Result<Option<Secret>, ConfigError> {
    let path = dir.path().join(name);
    let bytes = dir.read(name, SIZE_MAX_BYTES).map_err(at(&path))?;
    let bytes = bytes.ok_or(io::ErrorKind::NotFound).map_err(|kind| at(&path)(kind.into()))?;
    let text = String::from_utf8(bytes).map_err(|_| at(&path)(io::ErrorKind::InvalidData.into()))?;
    Ok(secret(&text, &path))
}

fn secret(text: &str, path: &Path) -> Option<Secret> {
    let text = text.trim();
    (!text.is_empty()).then(|| Secret::new(text.to_owned()).in_file(path))
}

fn at(path: &Path) -> impl Fn(io::Error) -> ConfigError {
    let path = PathBuf::from(path);
    move |error| ConfigError::File { path: path.clone(), error }
}

fn made(dir: &Path) -> Result<PrivateDir, ConfigError> {
    PrivateDir::make(dir).map_err(at(dir))
}

/// Reads a secret, or makes it if there is none. Two processes that start at once agree: the file
/// appears complete or not at all, and the second one takes that of the first.
fn kept(dir: &PrivateDir, name: &str, prefix: &str) -> Result<Secret, ConfigError> {
    let path = dir.path().join(name);
    match read_in(dir, name) {
        Ok(Some(secret)) => return Ok(secret),
        Ok(None) => dir.remove(name).map_err(at(&path))?,
        Err(ConfigError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
        Err(other) => return Err(other),
    }
    let made = format!("{prefix}{}", hex::encode(rand::random::<[u8; 32]>()));
    if dir.write_new(name, &[made.as_bytes(), b"\n"]).map_err(at(&path))? {
        return Ok(Secret::new(made).in_file(&path));
    }
    read_in(dir, name)?.ok_or_else(|| at(&path)(io::ErrorKind::InvalidData.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn in_dir(dir: &Path) -> Loaded {
        let mut config = Config::default();
        config.server.data_dir = Some(dir.join("data"));
        Loaded { config, path: None, dir: PathBuf::new(), followed: None }
    }

    #[test]
    fn the_default_source_keeps_its_secret() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let (name, first) = in_dir(dir.path()).default_source(&data, true).unwrap().unwrap();
        let mut again = in_dir(dir.path());
        let (_, second) = again.default_source(&data, true).unwrap().unwrap();
        assert_eq!(name.as_str(), "moncreneau");
        assert_eq!(first, second);
        assert!(first.expose().starts_with("whsec_") && first.expose().len() == 70);
        assert_eq!(again.config.sources[&name].secrets, [first.into()]);
        assert!(again.default_source(&data, true).unwrap().is_none(), "it is there now");
        let mut of_file = Loaded { path: Some("hookyard.toml".into()), ..in_dir(dir.path()) };
        let (_, third) = of_file.default_source(&data, true).unwrap().unwrap();
        assert_eq!(third, second, "a file without a source changes nothing");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_what_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        kept_admin_token(&in_dir(dir.path()).config).unwrap();
        let mode =
            |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("data"), mode("data/admin-token")), (0o700, 0o600));
    }

    #[test]
    fn racing_processes_agree() {
        let dir = tempfile::tempdir().unwrap();
        let config = in_dir(dir.path()).config;
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| kept_admin_token(&config).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|token| *token == made[0]));
    }

    #[test]
    fn a_command_finds_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let config = in_dir(dir.path()).config;
        let missing = token_from(None, None, &config).unwrap_err().to_string();
        assert!(missing.contains("HOOKYARD_TOKEN") && missing.contains("--token-file"), "{missing}");
        let own = kept_admin_token(&config).unwrap();
        let kept_in = dir.path().join("data/admin-token").display().to_string();
        assert_eq!(token_from(None, None, &config).unwrap(), (own, kept_in));
        let (token, origin) = token_from(None, Some("v\n".into()), &config).unwrap();
        assert_eq!((token.expose(), origin.as_str()), ("v", "HOOKYARD_TOKEN"));
        let file = dir.path().join("token");
        std::fs::write(&file, "f\n").unwrap();
        let (token, origin) = token_from(Some(&file), Some("v".into()), &config).unwrap();
        assert_eq!((token.expose(), Path::new(&origin)), ("f", file.as_path()));
        std::fs::write(&file, "\n").unwrap();
        assert!(token_from(Some(&file), None, &config).is_err());
    }
}
