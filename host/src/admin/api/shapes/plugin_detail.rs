//! One plugin: its limits, how near it comes to them, and its grants.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Plugin;
use crate::config;
use crate::db::RecentAttempt;
use crate::delivery::Outcome;

/// One plugin, with its limits and grants.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PluginDetail {
    /// The plugin.
    #[serde(flatten)]
    pub plugin: Plugin,
    /// The limits in force.
    pub limits: PluginLimits,
    /// How near its latest attempts came to them.
    pub recent: RecentUse,
    /// What the configuration grants it.
    pub grants: PluginGrants,
}

/// The limits of a plugin, from its section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginLimits {
    /// Longest time of one call, in milliseconds.
    pub call_timeout_ms: u64,
    /// Linear memory of an instance, in bytes.
    pub memory_max_bytes: u64,
    /// Memory that the host uses for an instance, in bytes.
    pub host_memory_max_bytes: u64,
    /// Attempts that run at once.
    pub concurrency: u64,
    /// Failed attempts after which a delivery is a dead letter.
    pub attempts_max: u32,
    /// Time after which the next failed attempt makes a dead letter, in milliseconds.
    pub age_max_ms: u64,
}

/// What a plugin's latest attempts used: at most 1000, at deliveries of the host's newest 10,000 events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecentUse {
    /// How many these are.
    pub attempts: u64,
    /// How many of them failed.
    pub failed: u64,
    /// When the first of them began, ms since the Unix epoch; null if there are none.
    pub since: Option<u64>,
    /// Their times, in microseconds: the median; null if there are none.
    pub duration_us_p50: Option<u64>,
    /// The time within which 99 of 100 ended.
    pub duration_us_p99: Option<u64>,
    /// The longest time.
    pub duration_us_max: Option<u64>,
    /// Their linear memory, in bytes: what 99 of 100 did not exceed.
    pub memory_bytes_p99: Option<u64>,
    /// The most memory of one.
    pub memory_bytes_max: Option<u64>,
}

/// What the configuration grants a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginGrants {
    /// Types of events that it gets, of those that it handles; null for all.
    pub events: Option<Vec<String>>,
    /// Origins that it may reach over HTTP.
    pub http: Vec<String>,
    /// Recipients that it may send email to.
    pub email: Vec<String>,
    /// Types of events that it may emit.
    pub emit: Vec<String>,
    /// Names of the values that it reads.
    pub config: Vec<String>,
    /// Names of the secret values that it reads.
    pub secrets: Vec<String>,
    /// Fields of events that it never gets, as JSON pointers.
    pub redact: Vec<String>,
}

impl From<&config::Plugin> for PluginLimits {
    fn from(plugin: &config::Plugin) -> Self {
        Self {
            call_timeout_ms: plugin.call_timeout_ms,
            memory_max_bytes: plugin.memory_max_bytes,
            host_memory_max_bytes: plugin.host_memory_max_bytes,
            concurrency: plugin.concurrency as u64,
            attempts_max: plugin.attempts_max,
            age_max_ms: plugin.age_max_ms,
        }
    }
}

impl From<&config::Plugin> for PluginGrants {
    fn from(plugin: &config::Plugin) -> Self {
        Self {
            events: plugin.events.clone(),
            http: plugin.http.clone(),
            email: plugin.email.clone(),
            emit: plugin.emit.clone(),
            config: plugin.config.keys().cloned().collect(),
            secrets: plugin.secrets.keys().cloned().collect(),
            redact: plugin.redact.iter().map(ToString::to_string).collect(),
        }
    }
}

impl RecentUse {
    /// What attempts used.
    pub(in crate::admin) fn of(attempts: &[RecentAttempt]) -> Self {
        let sorted = |number: fn(&RecentAttempt) -> u64| {
            let mut numbers: Vec<_> = attempts.iter().map(number).collect();
            numbers.sort_unstable();
            numbers
        };
        let (times, memories) = (sorted(|of| of.duration_us), sorted(|of| of.peak_memory_bytes));
        Self {
            attempts: attempts.len() as u64,
            failed: attempts.iter().filter(|of| of.outcome != Outcome::Done).count() as u64,
            since: attempts.iter().map(|of| of.started_at).min(),
            duration_us_p50: share(&times, 50),
            duration_us_p99: share(&times, 99),
            duration_us_max: times.last().copied(),
            memory_bytes_p99: share(&memories, 99),
            memory_bytes_max: memories.last().copied(),
        }
    }
}

/// The number that this share of sorted numbers, in hundredths, does not exceed.
fn share(sorted: &[u64], hundredths: usize) -> Option<u64> {
    let rank = (sorted.len() * hundredths).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_number_that_so_many_do_not_exceed() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((share(&hundred, 50), share(&hundred, 99)), (Some(50), Some(99)));
        assert_eq!((share(&[7], 50), share(&[7], 99)), (Some(7), Some(7)));
        assert_eq!(share(&[1, 9], 99), Some(9));
        assert_eq!(share(&[], 50), None);
    }

    #[test]
    fn recent_use_counts_failures_and_the_most() {
        let attempt = |started_at, outcome, duration_us| RecentAttempt {
            started_at,
            outcome,
            duration_us,
            peak_memory_bytes: duration_us * 2,
        };
        let used = RecentUse::of(&[
            attempt(9, Outcome::Done, 5),
            attempt(4, Outcome::Retry, 30),
            attempt(6, Outcome::Rejected, 10),
        ]);
        assert_eq!((used.attempts, used.failed, used.since), (3, 2, Some(4)));
        assert_eq!((used.duration_us_p50, used.duration_us_max), (Some(10), Some(30)));
        assert_eq!(used.memory_bytes_max, Some(60));
        assert_eq!(RecentUse::of(&[]), RecentUse::default());
    }
}
