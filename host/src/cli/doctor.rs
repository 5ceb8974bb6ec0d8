//! `hookyard doctor`: what is wrong with a host, and what to do about it.

use std::time::Duration;

use super::client::Client;
use super::failure::Failure;
use super::settings::{Connection, Settings};
use super::table::format_table;
use super::{out, visible};
use crate::admin::api::{Diagnosis, Finding, Severity};
use crate::admin::doctor::diagnose_files;
use crate::event::now_ms;

const EXAMPLE: &str = "\
Examples:
  hookyard doctor
  hookyard doctor --json
  hookyard doctor --url https://hooks.example.gn:8081

Checks the host, its database, disk space, clock, cache of compiled plugins, plugins, dead letters, sources, alerts and
configuration. If no host answers, it checks the files of this machine.

Exit code: 0 without a problem (warnings are none), 1 with one.";

/// The largest difference of this machine's clock and the host's that is no warning.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(30);

/// Check a host: what is wrong, and what to do about it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Doctor {
    /// Prints the findings.
    ///
    /// # Errors
    /// When there is a problem, or the host refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let diagnosis = self.diagnose(&settings).await?;
        if self.json {
            out::print_json(&diagnosis)?;
        } else {
            print(&diagnosis.findings)?;
        }
        let problems =
            diagnosis.findings.iter().filter(|finding| finding.severity == Severity::Problem).count();
        if problems == 0 { Ok(()) } else { Err(Failure::Shown) }
    }

    async fn diagnose(&self, settings: &Settings) -> Result<Diagnosis, Failure> {
        let asked = match settings.client(&self.connection) {
            Ok(client) => ask(&client).await,
            Err(failure) => Err(failure),
        };
        match asked {
            Ok(mut diagnosis) => {
                diagnosis.findings.extend(compare_clocks(diagnosis.now, now_ms()));
                Ok(diagnosis)
            }
            // Of another machine only the host itself can tell more.
            Err(failure) if settings.is_remote() => Err(failure),
            Err(Failure::Failed(why)) => {
                let help = "start it with `hookyard serve`, or name another with --config or --url";
                let mut findings = vec![Finding::problem("host", why, help)];
                findings.extend(diagnose_files(settings.config()));
                Ok(Diagnosis { version: env!("CARGO_PKG_VERSION").into(), now: now_ms(), findings })
            }
            Err(failure) => Err(failure),
        }
    }
}

async fn ask(client: &Client) -> Result<Diagnosis, Failure> {
    client.get(&["doctor"], &()).await
}

/// A finding if the clocks of the host and of this machine differ.
fn compare_clocks(host: u64, here: u64) -> Option<Finding> {
    let difference = Duration::from_millis(host.abs_diff(here));
    (difference > CLOCK_DIFFERENCE_MAX).then(|| {
        let direction = if host > here { "ahead of" } else { "behind" };
        let detail =
            format!("the host's clock is {} s {direction} the clock of this machine", difference.as_secs());
        Finding::warning(
            "clock",
            detail,
            "see which of the two is wrong: signatures with a time depend on it",
        )
    })
}

fn print(findings: &[Finding]) -> Result<(), Failure> {
    let row = |finding: &Finding| {
        let subject = finding.subject.clone().unwrap_or_else(|| "-".into());
        [finding.severity.as_str().to_owned(), finding.check.clone(), subject, finding.detail.clone()]
    };
    let rows: Vec<_> = findings.iter().map(row).collect();
    out::print_table(&format_table(["STATE", "CHECK", "SUBJECT", "FOUND"], &rows))?;
    let with_help = findings.iter().filter_map(|finding| Some((finding, finding.help.as_ref()?)));
    for (finding, help) in with_help {
        let (detail, help) = (visible::escape_line(&finding.detail), visible::escape_line(help));
        out::print(&format!("\n{}: {detail}\n  {help}", finding.severity.as_str()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_half_a_minute() {
        assert_eq!(compare_clocks(100_000, 70_000), None);
        let ahead = compare_clocks(100_001, 70_000).unwrap();
        assert!(ahead.detail.contains("30 s ahead of"), "{ahead:?}");
        assert!(compare_clocks(0, 90_000).unwrap().detail.contains("90 s behind"));
    }
}
