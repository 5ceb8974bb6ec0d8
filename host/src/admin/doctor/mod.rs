//! What is wrong with a host and what to do about it, for `hookyard doctor` and `/api/v1/doctor`.
//!
//! `facts` reads what the host knows, `checks` and `settings` judge it. A check that finds nothing says so, so a reader
//! knows that it ran.

mod checks;
mod disk;
mod facts;
mod settings;

use serde::{Deserialize, Serialize};

use super::AdminState;
use super::auth::{AllowedFor, need};
use crate::clock;
use crate::config::Config;

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
    /// `sources`, `alerts` or `configuration`.
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

    #[must_use]
    fn about(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
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

/// Checks a running host. A token for some plugins gets what is about these, and whether events are accepted.
pub(super) async fn diagnose(admin: &AdminState, reader: &AllowedFor<need::Read>) -> Diagnosis {
    let facts = Facts::read(admin, reader).await;
    let mut findings = checks::check(&facts);
    findings.extend(settings::check(&facts));
    sort(&mut findings);
    let now = clock::shown(facts.now);
    Diagnosis { version: env!("CARGO_PKG_VERSION").into(), now, findings }
}

/// Checks what can be checked of a host that does not answer: its files.
#[must_use]
pub fn diagnose_files(config: &Config) -> Vec<Finding> {
    let mut findings = vec![checks::database_file(config.database.path())];
    findings.extend(checks::disks(&disk::read_all(config)));
    sort(&mut findings);
    findings
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
}
