//! Which findings follow from the facts about a running host. Pure, but for the last two, which read files.

use std::path::Path;

use super::disk::{DiskBytes, DiskSpace};
use super::fact::{Fact, Found};
use super::facts::Facts;
use crate::config::{Condition, Config};
use crate::plugins::{PluginState, PluginView};
use crate::verifiers::VerifierState;

/// Free space below which there is a problem, and below which there is a warning, in bytes.
const FREE_PROBLEM_BYTES: u64 = 256 << 20;
const FREE_WARNING_BYTES: u64 = 2 << 30;
/// A difference of the clocks that matters, in ms: senders sign with their time.
const CLOCK_OFFSET_MAX_MS: u64 = 30_000;
/// 2026-01-01. No host was built before it.
const CLOCK_MIN_MS: u64 = 1_767_225_600_000;
/// The time after which a source counts as silent, unless an alert says otherwise, in ms.
const SILENT_AFTER_MS: u64 = 24 * 3_600_000;
/// The share of `runtime.cache_max_bytes` above which the cache is nearly full, in percent.
const CACHE_WARNING_PERCENT: u64 = 90;

/// The findings about plugins, and about the host and its surroundings for those who see all plugins.
pub(super) fn check(facts: &Facts) -> Vec<Found> {
    let mut items = vec![host(facts)];
    items.extend(plugins(facts));
    items.extend(dead_letters(facts));
    if facts.sees_all {
        items.extend([database(facts), clock(facts), cache(facts), retention(facts), alerts(facts)]);
        items.extend(disks(&facts.disks));
        items.extend(sources(facts));
        items.extend(verifiers(facts));
    }
    items
}

fn host(facts: &Facts) -> Found {
    match &facts.fault {
        Some(reason) => Found::problem(Fact::HostFault(reason.clone())),
        None => Found::ok(Fact::HostWorks),
    }
}

fn database(facts: &Facts) -> Found {
    let (open, max) = (facts.backlog, facts.config.dispatch.backlog_max);
    match &facts.database {
        Err(reason) => Found::problem(Fact::DatabaseFault(reason.clone())),
        Ok(()) if open.saturating_mul(10) > max.saturating_mul(9) => {
            Found::warning(Fact::BacklogNearlyFull { open, max })
        }
        Ok(()) => Found::ok(Fact::DatabaseAnswers { open }),
    }
    .about(&facts.database_path.display().to_string())
}

fn clock(facts: &Facts) -> Found {
    let offset = facts.clock_offset;
    if facts.system_now < CLOCK_MIN_MS {
        return Found::problem(Fact::ClockInThePast);
    }
    if offset.unsigned_abs() >= CLOCK_OFFSET_MAX_MS {
        return Found::warning(Fact::ClockSet { back: offset > 0, seconds: offset.unsigned_abs() / 1000 });
    }
    Found::ok(Fact::ClockSteady)
}

fn cache(facts: &Facts) -> Found {
    let max = facts.config.runtime.cache_max_bytes;
    match facts.cache_bytes {
        None => Found::warning(Fact::CacheUnreadable),
        Some(bytes) if bytes.saturating_mul(100) > max.saturating_mul(CACHE_WARNING_PERCENT) => {
            Found::warning(Fact::CacheNearlyFull { bytes, max })
        }
        Some(bytes) => Found::ok(Fact::CacheFits { bytes, max }),
    }
}

fn retention(facts: &Facts) -> Found {
    let pruning = facts.pruning;
    if pruning.is_full {
        return Found::problem(Fact::RetentionFull);
    }
    let hours = facts.now.saturating_sub(pruning.passed_at) / 3_600_000;
    if hours >= 1 {
        return Found::warning(Fact::RetentionBehind { hours });
    }
    Found::ok(Fact::RetentionInTime)
}

fn plugins(facts: &Facts) -> Vec<Found> {
    let mut items: Vec<_> = facts.plugins.iter().flat_map(plugin).collect();
    items.extend(
        facts.loading.iter().map(|name| Found::warning(Fact::PluginLoading(name.clone())).about(name)),
    );
    let paused = facts.paused.iter();
    items.extend(paused.map(|(name, _)| Found::warning(Fact::PluginPaused(name.clone())).about(name)));
    items
        .extend(facts.broken.iter().map(|name| Found::problem(Fact::PluginBroken(name.clone())).about(name)));
    if items.is_empty() {
        items.push(match facts.plugins.len() {
            0 => Found::warning(Fact::NoPlugins),
            running => Found::ok(Fact::PluginsWell { count: running as u64 }),
        });
    }
    items
}

fn plugin(plugin: &PluginView) -> Vec<Found> {
    let PluginView { name, state, refusal, waiting, .. } = plugin;
    let mut items = Vec::new();
    if let Some(reason) = refusal {
        let fact = Fact::PluginRefused {
            plugin: name.clone(),
            reason: reason.clone(),
            earlier_runs: *state == PluginState::Running,
        };
        items.push(Found::problem(fact).about(name));
    }
    if let Some(waiting) = waiting {
        let fact = Fact::PluginWaiting {
            plugin: name.clone(),
            digest: waiting.choice.digest.to_string(),
            needs_approval: waiting.needs_approval,
        };
        items.push(Found::warning(fact).about(name));
    }
    items
}

fn dead_letters(facts: &Facts) -> Vec<Found> {
    let found = facts.dead_letters.iter();
    let found = found.map(|dead| Found::warning(Fact::PluginDeadLetters(dead.clone())).about(&dead.plugin));
    let found: Vec<_> = found.collect();
    if found.is_empty() { vec![Found::ok(Fact::NoDeadLetters)] } else { found }
}

/// How long a source has sent nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum Silence {
    /// So many hours.
    Hours(u64),
    /// None of the newest events is from it.
    Unheard,
}

/// The silence of a source, if it lasts too long. `heard` has the time of each source's last event, and `now` is the
/// system clock, both in ms since the Unix epoch.
pub(in crate::admin) fn find_silence(
    config: &Config,
    heard: &[(String, u64)],
    now: u64,
    source: &str,
) -> Option<Silence> {
    let alerts = config.alerts.iter().filter(|alert| alert.watches(Condition::SourceSilent, source));
    let after = alerts.filter_map(|alert| alert.silent_after_ms).min().unwrap_or(SILENT_AFTER_MS);
    let Some((_, last)) = heard.iter().find(|(name, _)| name == source) else {
        return Some(Silence::Unheard);
    };
    let age = now.saturating_sub(*last);
    (age >= after).then_some(Silence::Hours(age / 3_600_000))
}

fn sources(facts: &Facts) -> Vec<Found> {
    let config = &facts.config;
    let silent = config.sources.keys().filter_map(|source| {
        let source = source.as_str();
        let fact = match find_silence(config, &facts.heard, facts.system_now, source)? {
            Silence::Hours(hours) => Fact::SourceSilent { source: source.to_owned(), hours },
            Silence::Unheard => Fact::SourceUnheard(source.to_owned()),
        };
        Some(Found::warning(fact).about(source))
    });
    let mut found: Vec<_> = silent.collect();
    if found.is_empty() {
        found.push(Found::ok(Fact::SourcesHeard));
    }
    let waiting = facts.confirmations.iter().map(|(source, count)| {
        let fact = Fact::ConfirmationsWaiting { source: source.clone(), count: *count };
        Found::warning(fact).about(source)
    });
    found.extend(waiting);
    found
}

/// Findings about verifiers; none where no source has one and there are none.
fn verifiers(facts: &Facts) -> Vec<Found> {
    let refused = facts.verifiers.iter().filter_map(|view| {
        let fact = Fact::VerifierRefused {
            verifier: view.name.to_string(),
            reason: view.refusal.clone()?,
            earlier_runs: view.state == VerifierState::Running,
        };
        Some(Found::problem(fact).about(view.name.as_str()))
    });
    let missing = facts.verifiers_missing.iter();
    let missing = missing.map(|name| Found::problem(Fact::VerifierMissing(name.clone())).about(name));
    let found: Vec<_> = refused.chain(missing).collect();
    match (found.is_empty(), facts.verifiers.len()) {
        (true, 0) => Vec::new(),
        (true, count) => vec![Found::ok(Fact::VerifiersWell { count: count as u64 })],
        (false, _) => found,
    }
}

fn alerts(facts: &Facts) -> Found {
    match facts.alerts_failing.as_slice() {
        [] => Found::ok(Fact::AlertsArrive),
        failing => Found::problem(Fact::AlertsFailing(failing.to_vec())),
    }
}

/// Findings about the file systems.
pub(super) fn disks(disks: &[DiskSpace]) -> Vec<Found> {
    let judge = |disk: &DiskSpace| {
        let finding = match disk.bytes {
            None => Found::problem(Fact::DiskUnreadable(disk.place)),
            Some(DiskBytes { free, total }) => {
                let fact =
                    Fact::DiskSpace { place: disk.place, free_mib: free >> 20, total_mib: total >> 20 };
                match free {
                    0..FREE_PROBLEM_BYTES => Found::problem(fact),
                    FREE_PROBLEM_BYTES..FREE_WARNING_BYTES => Found::warning(fact),
                    _ => Found::ok(fact),
                }
            }
        };
        finding.about(&disk.path.display().to_string())
    };
    disks.iter().map(judge).collect()
}

/// The file of the database, of a host that does not answer.
pub(super) fn database_file(path: &Path) -> Found {
    let finding = match std::fs::metadata(path) {
        Ok(found) => Found::ok(Fact::DatabaseFile { bytes: found.len() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Found::warning(Fact::DatabaseFileMissing)
        }
        Err(error) => Found::problem(Fact::DatabaseFileFault(error.to_string())),
    };
    finding.about(&path.display().to_string())
}
