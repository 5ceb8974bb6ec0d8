//! Which findings follow from the facts about a running host. Pure, but for the last two, which read files.

use std::path::Path;

use super::Finding;
use super::disk::{DiskBytes, DiskSpace};
use super::facts::Facts;
use crate::alerts::{counted_as, describe_dead_letters, quoted};
use crate::config::Condition;
use crate::plugins::{PluginState, PluginView};

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
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut items = vec![host(facts)];
    items.extend(plugins(facts));
    items.extend(dead_letters(facts));
    if facts.sees_all {
        items.extend([database(facts), clock(facts), cache(facts), retention(facts), alerts(facts)]);
        items.extend(disks(&facts.disks));
        items.extend(sources(facts));
    }
    items
}

fn host(facts: &Facts) -> Finding {
    match &facts.fault {
        Some(reason) => Finding::problem("host", reason, "read the host's log: it says since when and why"),
        None => Finding::ok("host", "events are accepted and run"),
    }
}

fn database(facts: &Facts) -> Finding {
    let (backlog, most) = (facts.backlog, facts.config.dispatch.backlog_max);
    match &facts.database {
        Err(reason) => Finding::problem(
            "database",
            reason,
            "events are answered 503 until it works: look at its file, its disk and the processes that have it open",
        ),
        Ok(()) if backlog.saturating_mul(10) > most.saturating_mul(9) => Finding::warning(
            "database",
            format!("{backlog} deliveries are open; at {most} (dispatch.backlog_max) events are answered 429"),
            "`hookyard delivery list --state waiting` says what they wait for",
        ),
        Ok(()) => Finding::ok("database", format!("it answers; open: {}", counted_as(backlog, "delivery", "deliveries"))),
    }
    .about(&facts.database_path.display().to_string())
}

fn clock(facts: &Facts) -> Finding {
    let offset = facts.clock_offset;
    if facts.system_now < CLOCK_MIN_MS {
        return Finding::problem(
            "clock",
            "the system clock is in the past",
            "set it (`timedatectl set-ntp true`): signatures with a time are refused meanwhile",
        );
    }
    if offset.unsigned_abs() >= CLOCK_OFFSET_MAX_MS {
        let seconds = offset.unsigned_abs() / 1000;
        let direction = if offset > 0 { "back" } else { "forward" };
        return Finding::warning(
            "clock",
            format!("the system clock was set {direction} by {seconds} s while the host ran"),
            "see that the system clock is right; waits and ages follow the host's own clock",
        );
    }
    Finding::ok("clock", "the system clock has not jumped")
}

fn cache(facts: &Facts) -> Finding {
    let most = facts.config.runtime.cache_max_bytes;
    match facts.cache_bytes {
        None => Finding::warning(
            "cache",
            "the directory of compiled plugins cannot be read",
            "the host compiles every plugin anew at each start: see who owns `cache` in the data directory",
        ),
        Some(used) if used.saturating_mul(100) > most.saturating_mul(CACHE_WARNING_PERCENT) => {
            Finding::warning(
                "cache",
                format!("compiled plugins take {used} of {most} bytes (runtime.cache_max_bytes)"),
                "raise runtime.cache_max_bytes, or plugins may be compiled anew at each start",
            )
        }
        Some(used) => Finding::ok("cache", format!("compiled plugins take {used} of {most} bytes")),
    }
}

fn retention(facts: &Facts) -> Finding {
    let pruning = facts.pruning;
    if pruning.is_full {
        return Finding::problem(
            "retention",
            "the database is larger than retention.size_max_bytes, and no event may be removed",
            "replay or discard dead letters, raise retention.size_max_bytes, or lower the days that events are kept",
        );
    }
    let hours = facts.now.saturating_sub(pruning.passed_at) / 3_600_000;
    if hours >= 1 {
        return Finding::warning(
            "retention",
            format!("the removal of old events has not caught up for {hours} h"),
            "the disk or the database is slow: see `hookyard_commit_seconds` in /metrics",
        );
    }
    Finding::ok("retention", "old events are removed in time")
}

fn plugins(facts: &Facts) -> Vec<Finding> {
    let mut items: Vec<_> = facts.plugins.iter().flat_map(plugin).collect();
    items.extend(facts.loading.iter().map(|name| {
        let help = "its events wait until it is loaded; the log says when";
        Finding::warning("plugins", format!("{name} is being loaded"), help).about(name)
    }));
    items.extend(facts.paused.iter().map(|name| {
        let help = format!("`hookyard plugin resume {name}` lets its deliveries run");
        Finding::warning("plugins", format!("{name} is paused by an operator"), help).about(name)
    }));
    items.extend(facts.broken.iter().map(|name| {
        let detail = format!("{name} is paused by its breaker: nearly all of its latest deliveries failed");
        let help = format!("`hookyard delivery list --plugin {name} --state waiting` shows the reasons");
        Finding::problem("plugins", detail, help).about(name)
    }));
    if items.is_empty() {
        let running = facts.plugins.len();
        items.push(match running {
            0 => Finding::warning("plugins", "there is no plugin", "`hookyard plugin new NAME` makes one"),
            _ => Finding::ok(
                "plugins",
                format!(
                    "{}, none refused, paused or waiting",
                    counted_as(running as u64, "plugin", "plugins")
                ),
            ),
        });
    }
    items
}

fn plugin(plugin: &PluginView) -> Vec<Finding> {
    let PluginView { name, state, refusal, waiting, .. } = plugin;
    let mut items = Vec::new();
    if let Some(reason) = refusal {
        let stays = match state {
            PluginState::Running => "the earlier revision runs",
            PluginState::Refused | PluginState::Loading | PluginState::Waiting => "no revision runs",
        };
        let detail = format!("the latest revision of {name} is refused, and {stays}: {}", quoted(reason));
        let help = "mend the file or the plugin's section of the configuration; the host takes it at once";
        items.push(Finding::problem("plugins", detail, help).about(name));
    }
    if let Some(waiting) = waiting {
        let digest = waiting.choice.digest.to_string();
        let digest = digest.get(..12).unwrap_or_default();
        let (what, command) = if waiting.needs_approval {
            let help =
                format!("`hookyard plugin diff {name}`, then `hookyard plugin approve {name} {digest}`");
            ("approval", help)
        } else {
            ("the end of the pin", format!("`hookyard plugin unpin {name}` lets it run"))
        };
        let detail = format!("revision {digest} of {name} waits for {what}");
        items.push(Finding::warning("plugins", detail, command).about(name));
    }
    items
}

fn dead_letters(facts: &Facts) -> Vec<Finding> {
    let found = facts.dead_letters.iter().map(|dead| {
        let plugin = &dead.plugin;
        let detail = describe_dead_letters(dead);
        let help = format!(
            "`hookyard delivery list --state dead --plugin {plugin}` and `hookyard effect list --state dead \
             --plugin {plugin}` show them; `replay` or `discard` resolves them"
        );
        Finding::warning("dead letters", detail, help).about(plugin)
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() { vec![Finding::ok("dead letters", "there are none")] } else { found }
}

fn sources(facts: &Facts) -> Vec<Finding> {
    let config = &facts.config;
    let silent = config.sources.keys().filter_map(|source| {
        let source = source.as_str();
        let alerts = config.alerts.iter().filter(|alert| alert.watches(Condition::SourceSilent, source));
        let after = alerts.filter_map(|alert| alert.silent_after_ms).min().unwrap_or(SILENT_AFTER_MS);
        let last = facts.heard.iter().find(|(name, _)| name == source).map(|(_, at)| *at);
        let detail = match last {
            Some(at) if facts.system_now.saturating_sub(at) < after => return None,
            Some(at) => {
                let hours = facts.system_now.saturating_sub(at) / 3_600_000;
                format!("the last event of {source} came {hours} h ago")
            }
            None => format!("no event of {source} is among the newest"),
        };
        let help = format!(
            "see whether the sender has the URL /webhooks/{source} and the right secret: the log counts refused requests"
        );
        Some(Finding::warning("sources", detail, help).about(source))
    });
    let silent: Vec<_> = silent.collect();
    if silent.is_empty() { vec![Finding::ok("sources", "each has sent events lately")] } else { silent }
}

fn alerts(facts: &Facts) -> Finding {
    match facts.alerts_failing.as_slice() {
        [] => Finding::ok("alerts", "none failed to arrive"),
        failing => Finding::problem(
            "alerts",
            format!("the latest notification did not arrive: {}", failing.join(", ")),
            "`hookyard alert list` shows the receiver's answer, and `hookyard alert test NAME` tries again",
        ),
    }
}

/// Findings about the file systems.
pub(super) fn disks(disks: &[DiskSpace]) -> Vec<Finding> {
    let judge = |disk: &DiskSpace| {
        let help =
            "make room, or let retention keep less: on a full disk events are answered 503, and none is lost";
        let finding = match disk.bytes {
            None => Finding::problem(
                "disk",
                format!("the place of {} cannot be read", disk.what),
                "see that it is there",
            ),
            Some(DiskBytes { free, total }) => {
                let detail = format!("{} MiB of {} MiB are free for {}", free >> 20, total >> 20, disk.what);
                match free {
                    0..FREE_PROBLEM_BYTES => Finding::problem("disk", detail, help),
                    FREE_PROBLEM_BYTES..FREE_WARNING_BYTES => Finding::warning("disk", detail, help),
                    _ => Finding::ok("disk", detail),
                }
            }
        };
        finding.about(&disk.path.display().to_string())
    };
    disks.iter().map(judge).collect()
}

/// The file of the database, of a host that does not answer.
pub(super) fn database_file(path: &Path) -> Finding {
    let finding = match std::fs::metadata(path) {
        Ok(found) => Finding::ok("database", format!("the file has {} bytes", found.len())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::warning("database", "there is none yet", "the first `hookyard serve` makes it")
        }
        Err(error) => Finding::problem("database", error.to_string(), "see who owns the file"),
    };
    finding.about(&path.display().to_string())
}
