//! What alerts find, as facts, and how it is said in English. The pages say it in other languages too. Pure.

use crate::config::Condition;
use crate::db::DeadLetters;

/// The longest quoted reason, in characters.
pub(super) const REASON_MAX_CHARS: usize = 200;

/// What is wrong. Each sentence is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemFact {
    /// A plugin has dead letters.
    DeadLetters(DeadLetters),
    /// The breaker of a plugin pauses it.
    PausedByBreaker {
        /// The plugin.
        plugin: String,
    },
    /// An operator paused a plugin.
    PausedByOperator {
        /// The plugin.
        plugin: String,
    },
    /// The file of a plugin is refused.
    Refused {
        /// The plugin.
        plugin: String,
        /// Why, as the host says it: it may quote the file.
        reason: String,
        /// Whether an earlier revision runs.
        earlier_runs: bool,
    },
    /// More deliveries are open than `backlog_max`.
    Backlog {
        /// Open deliveries.
        open: u64,
        /// The limit of the alert.
        max: u64,
    },
    /// A source has sent nothing for a time.
    SourceSilent {
        /// The source.
        source: String,
        /// `silent_after_ms` of the alert.
        after_ms: u64,
    },
    /// The removal of old events is behind.
    RetentionBehind {
        /// `behind_after_ms` of the alert.
        after_ms: u64,
    },
    /// The database is larger than `retention.size_max_bytes`, and no event may be removed.
    RetentionFull {
        /// The limit, in bytes.
        max_bytes: u64,
    },
    /// The search index is behind.
    IndexBehind {
        /// `behind_after_ms` of the alert.
        after_ms: u64,
    },
    /// A problem that only an earlier process observed: no more of it is stored.
    Unobserved {
        /// Its kind.
        condition: Condition,
        /// The plugin or source, or nothing.
        subject: String,
    },
}

impl ProblemFact {
    /// One sentence without its end: what is wrong, where, and how much.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::DeadLetters(dead) => describe_dead_letters(dead),
            Self::PausedByBreaker { plugin } => {
                format!(
                    "plugin {plugin} is paused by its breaker: nearly all of its latest deliveries failed"
                )
            }
            Self::PausedByOperator { plugin } => format!("plugin {plugin} is paused by an operator"),
            Self::Refused { plugin, reason, earlier_runs } => {
                let stays = if *earlier_runs { "the earlier revision continues" } else { "no revision runs" };
                format!("the file of plugin {plugin} was refused, and {stays}: {}", quoted(reason))
            }
            Self::Backlog { open, max } => {
                format!(
                    "{} are open, more than {max} (backlog_max)",
                    counted_as(*open, "delivery", "deliveries")
                )
            }
            Self::SourceSilent { source, after_ms } => {
                format!("source {source} has sent no event for {} or more", duration(*after_ms))
            }
            Self::RetentionBehind { after_ms } => {
                format!("the removal of old events has not caught up for {} or more", duration(*after_ms))
            }
            Self::RetentionFull { max_bytes } => format!(
                "the database has more than {max_bytes} bytes (retention.size_max_bytes), and no event may be removed"
            ),
            Self::IndexBehind { after_ms } => {
                format!("the search index has not caught up for {} or more", duration(*after_ms))
            }
            Self::Unobserved { condition, subject } => describe_unobserved(*condition, subject),
        }
    }
}

fn describe_unobserved(condition: Condition, subject: &str) -> String {
    match condition {
        Condition::DeadLetter => format!("plugin {subject} has dead letters"),
        Condition::PluginPaused => format!("plugin {subject} is paused"),
        Condition::PluginRefused => format!("the file of plugin {subject} was refused"),
        Condition::Backlog => "the backlog is above its limit".into(),
        Condition::SourceSilent => format!("source {subject} sends no events"),
        Condition::RetentionBehind => "the removal of old events has not caught up".into(),
        Condition::IndexBehind => "the search index has not caught up".into(),
    }
}

/// The dead letters of a plugin in a sentence.
pub fn describe_dead_letters(dead: &DeadLetters) -> String {
    let DeadLetters { plugin, deliveries, effects, .. } = dead;
    let parts = [(*deliveries, "dead letter"), (*effects, "dead effect")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(*count, what));
    format!("plugin {plugin} has {}", parts.collect::<Vec<_>>().join(" and "))
}

fn counted(count: u64, what: &str) -> String {
    counted_as(count, what, &format!("{what}s"))
}

/// Writes a count with its word: `1 delivery`, `2 deliveries`.
pub fn counted_as(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// The unit in which a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// 24 hours.
    Days,
    /// Hours.
    Hours,
    /// Minutes.
    Minutes,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// A time in its largest whole unit: its number and the unit.
#[must_use]
pub fn in_whole_units(ms: u64) -> (u64, TimeUnit) {
    let units = [
        (86_400_000, TimeUnit::Days),
        (3_600_000, TimeUnit::Hours),
        (60_000, TimeUnit::Minutes),
        (1000, TimeUnit::Seconds),
    ];
    let unit = units.into_iter().find(|&(unit, _)| ms >= unit && ms.is_multiple_of(unit));
    unit.map_or((ms, TimeUnit::Milliseconds), |(unit, name)| (ms / unit, name))
}

fn duration(ms: u64) -> String {
    let (number, unit) = in_whole_units(ms);
    let unit = match unit {
        TimeUnit::Days => "days",
        TimeUnit::Hours => "h",
        TimeUnit::Minutes => "min",
        TimeUnit::Seconds => "s",
        TimeUnit::Milliseconds => "ms",
    };
    format!("{number} {unit}")
}

/// One line of a text that the author of a plugin's file may have chosen.
pub fn quoted(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(REASON_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
