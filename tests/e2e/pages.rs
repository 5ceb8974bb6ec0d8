//! The pages, in a real browser and over plain HTTP.

mod assets;
mod audit;
mod browser;
mod causes;
mod dead_letters;
mod faults;
mod first_task;
mod hostile;
mod keyboard;
mod looks;
mod looks_plugins;
mod news;
mod operate;
mod plugin;
mod preferences;
mod reader;
mod replays;
mod security;
mod sessions;
mod settings;
mod sources;
mod switches;
pub(crate) mod visitor;

use std::fs;

use crate::support::{HostDir, RunningHost};

/// The secret of the host's first token.
fn first_token(dir: &HostDir) -> String {
    fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap().trim().to_owned()
}

/// A host's address as a browser writes it.
fn address(host: &RunningHost<'_>) -> String {
    host.admin().replace("127.0.0.1", "localhost")
}
