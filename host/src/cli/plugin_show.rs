//! `hookyard plugin show`: one plugin, its limits and its grants.

use super::failure::Failure;
use super::out;
use super::settings::{Connection, Settings};
use crate::admin::api::{PluginDetail, RecentUse};

const EXAMPLE: &str = "\
Examples:
  hookyard plugin show confirmation-sms
  hookyard plugin show confirmation-sms --json

TIME and MEMORY are of its latest attempts, at most 1000, at deliveries of the host's newest 10,000 events; each
beside its limit. The grants are those of its section of the configuration.";

/// Show a plugin: how near it comes to its limits, and what it is granted
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Show {
    /// The plugin
    #[arg(value_name = "PLUGIN")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Show {
    /// Prints the plugin.
    ///
    /// # Errors
    /// When there is none, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client(&self.connection)?;
        let plugin: PluginDetail = client.get(&["plugins", &self.name], &()).await?;
        if self.json { out::print_json(&plugin) } else { out::print(&format(&plugin)) }
    }
}

fn format(detail: &PluginDetail) -> String {
    let PluginDetail { plugin, limits, recent, grants } = detail;
    let revision = plugin.revision.as_deref().map(out::shorten_digest);
    let list = |texts: &[String]| {
        if texts.is_empty() {
            "-".to_owned()
        } else {
            texts.iter().map(|text| out::escape(text)).collect::<Vec<_>>().join(", ")
        }
    };
    let events = grants.events.as_deref().map_or_else(|| "all that it handles".into(), list);
    let lines = [
        ("PLUGIN", out::escape(&plugin.name)),
        ("STATE", plugin.state.to_string()),
        ("REVISION", revision.unwrap_or("-").to_owned()),
        ("HANDLES", list(&plugin.handles)),
        ("IMPORTS", list(&plugin.imports)),
        ("ATTEMPTS", format_attempts(recent)),
        (
            "TIME",
            format_use(
                recent.duration_us_p99,
                recent.duration_us_max,
                limits.call_timeout_ms * 1000,
                out::format_duration,
            ),
        ),
        (
            "MEMORY",
            format_use(
                recent.memory_bytes_p99,
                recent.memory_bytes_max,
                limits.memory_max_bytes,
                out::format_size,
            ),
        ),
        ("EVENTS", events),
        ("HTTP", list(&grants.http)),
        ("EMAIL", list(&grants.email)),
        ("EMIT", list(&grants.emit)),
        ("CONFIG", list(&grants.config)),
        ("SECRETS", list(&grants.secrets)),
        ("REDACTED", list(&grants.redact)),
    ];
    lines.map(|(name, value)| format!("{name:<9} {value}")).join("\n")
}

fn format_attempts(recent: &RecentUse) -> String {
    match recent.since {
        None => "none lately".into(),
        Some(since) => {
            let attempts = out::format_count(recent.attempts, "attempt", "attempts");
            format!("{attempts} since {}, {} failed", out::format_time(since), recent.failed)
        }
    }
}

fn format_use(p99: Option<u64>, max: Option<u64>, limit: u64, format: impl Fn(u64) -> String) -> String {
    let used =
        p99.zip(max).map(|(p99, max)| format!("99 of 100 within {}, at most {}, ", format(p99), format(max)));
    format!("{}limit {}", used.unwrap_or_default(), format(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_what_was_used_beside_its_limit() {
        let json = serde_json::json!({
            "name": "desk", "state": "running", "revision": "3f2a90c1".repeat(8), "size_bytes": 1, "since": 0,
            "handles": ["appointment.*"], "imports": [], "refusal": null, "paused_at": null, "breaker_until": null,
            "origin": "file", "pinned": false, "waiting": null, "version": 1,
            "limits": { "call_timeout_ms": 2000, "memory_max_bytes": 1_000_000, "host_memory_max_bytes": 1,
                "concurrency": 1, "attempts_max": 8, "age_max_ms": 1 },
            "recent": { "attempts": 2, "failed": 1, "since": 0, "duration_us_p50": 5, "duration_us_p99": 1500,
                "duration_us_max": 2500, "memory_bytes_p99": 70_000, "memory_bytes_max": 80_000 },
            "grants": { "events": null, "http": ["https://a.example", "https://b\u{1b}.example"], "email": [],
                "emit": [], "config": [], "secrets": ["key"], "redact": [] },
        });
        let text = format(&serde_json::from_value(json).unwrap());
        assert!(text.contains("TIME      99 of 100 within 1.50 ms, at most 2.50 ms, limit 2.00 s"), "{text}");
        assert!(
            text.contains("HTTP      https://a.example, https://b") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(text.contains("EVENTS    all that it handles\n") && text.contains("EMAIL     -\n"), "{text}");
    }
}
