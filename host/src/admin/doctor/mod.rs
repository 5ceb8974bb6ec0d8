//! What is wrong with a host and what to do about it, for `hookyard doctor` and `/api/v1/doctor`.
//!
//! `facts` reads what the host knows, `checks` and `settings` judge it, and `fact` says it. A check that finds nothing says
//! so, so a reader knows that it ran.

mod checks;
mod disk;
mod fact;
mod facts;
mod settings;

use serde::{Deserialize, Serialize};

use super::AdminState;
use super::auth::{AllowedFor, need};
use crate::clock;
use crate::config::Config;
use crate::db::DeadLetters;

pub(super) use checks::{Silence, find_silence};
pub(super) use fact::{Fact, Found, Lack, Place, short};
use facts::Facts;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is wrong.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// Something does not work.
    Problem,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// What was checked: `host`, `database`, `disk`, `clock`, `cache`, `retention`, `plugins`, `dead letters`,
    /// `sources`, `verifiers`, `alerts` or `configuration`.
    pub check: String,
    /// The plugin, source, directory or key that it is about.
    pub subject: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// A check that found nothing wrong.
    #[must_use]
    pub fn ok(check: &str, detail: impl Into<String>) -> Self {
        let (check, detail) = (check.to_owned(), detail.into());
        Self { check, subject: None, severity: Severity::Ok, detail, help: None }
    }

    /// What works, and is to be looked at.
    #[must_use]
    pub fn warning(check: &str, detail: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, help: Some(help.into()), ..Self::ok(check, detail) }
    }

    /// What does not work.
    #[must_use]
    pub fn problem(check: &str, detail: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Problem, help: Some(help.into()), ..Self::ok(check, detail) }
    }
}

/// The results of all checks.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Diagnosis {
    /// The host's version.
    pub version: String,
    /// The host's system clock, ms since the Unix epoch.
    pub now: u64,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

/// What was found on a running host, and what was read for it.
pub(super) struct Examination {
    /// What was found, the worst first.
    pub(super) found: Vec<Found>,
    /// The paused plugins that the caller sees, and since when, ms since the Unix epoch.
    pub(super) paused: Vec<(String, u64)>,
    /// When each source's last event was received, ms since the Unix epoch.
    pub(super) heard: Vec<(String, u64)>,
    /// The unresolved dead letters of the plugins that the caller sees.
    pub(super) dead_letters: Vec<DeadLetters>,
    /// The host's clock, in ms.
    pub(super) now: u64,
}

/// Checks a running host. A token for some plugins gets what is about these, and whether events are accepted.
pub(super) async fn examine(admin: &AdminState, reader: &AllowedFor<need::Read>) -> Examination {
    let facts = Facts::read(admin, reader).await;
    let mut found = checks::check(&facts);
    found.extend(settings::check(&facts));
    found.sort_by_key(|found| std::cmp::Reverse(found.severity));
    let Facts { paused, heard, dead_letters, now, .. } = facts;
    Examination { found, paused, heard, dead_letters, now }
}

/// Checks a running host, and says in English what was found.
pub(super) async fn diagnose(admin: &AdminState, reader: &AllowedFor<need::Read>) -> Diagnosis {
    let Examination { found, now, .. } = examine(admin, reader).await;
    let findings = found.into_iter().map(Finding::from).collect();
    Diagnosis { version: env!("CARGO_PKG_VERSION").into(), now: clock::shown(now), findings }
}

/// Checks what can be checked of a host that does not answer: its files.
#[must_use]
pub fn diagnose_files(config: &Config) -> Vec<Finding> {
    let mut found = vec![checks::database_file(config.database.path())];
    found.extend(checks::disks(&disk::read_all(config)));
    found.sort_by_key(|found| std::cmp::Reverse(found.severity));
    found.into_iter().map(Finding::from).collect()
}
