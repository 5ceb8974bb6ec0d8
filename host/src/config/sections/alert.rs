//! Alerts: the conditions that operators want to be told of, and where.

use serde::{Deserialize, Serialize};

use super::{HOUR_MS, INTEGER_MAX, WEEK_MS};
use crate::config::formats;
use crate::config::section::section;
use crate::config::values::Secret;

/// A condition that an alert watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// A plugin has unresolved dead letters: deliveries or effects.
    DeadLetter,
    /// A plugin is paused, by an operator or by its breaker.
    PluginPaused,
    /// A plugin's file was refused.
    PluginRefused,
    /// More deliveries are open than the limit.
    Backlog,
    /// A source has sent no event for a time.
    SourceSilent,
    /// Pruning has not caught up for a time, or cannot make enough room.
    RetentionBehind,
    /// The search index has not caught up for a time.
    IndexBehind,
}

impl Condition {
    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead-letter",
            Self::PluginPaused => "plugin-paused",
            Self::PluginRefused => "plugin-refused",
            Self::Backlog => "backlog",
            Self::SourceSilent => "source-silent",
            Self::RetentionBehind => "retention-behind",
            Self::IndexBehind => "index-behind",
        }
    }
}

section! {
    /// Alerts, one `[[alerts]]` for each: they tell operators of a problem by email or by a webhook, and of its end.
    /// Changes that come together are told together. The receiver may be on an internal network: unlike for plugins,
    /// the operator alone chooses it. `hookyard alert test NAME` tries it.
    pub struct Alert {
        /// Its name, of letters, digits, `.`, `_` and `-`. Another name is another alert, which begins anew.
        #[key(default = String::new(), example = "\"operations\"")]
        pub name: String,
        /// What it tells of, at least one: `dead-letter` (a plugin has dead letters that nobody has resolved, and when
        /// there are more), `plugin-paused` (by an operator or its breaker), `plugin-refused` (its file),
        /// `backlog` (more than `backlog_max`), `source-silent` (for `silent_after_ms`), `retention-behind` (pruning has
        /// not caught up for `behind_after_ms`, or nothing may go although `retention.size_max_bytes` is exceeded), and
        /// `index-behind` (the search index has not caught up for `behind_after_ms`).
        #[key(default = Vec::new(), example = "[\"dead-letter\", \"plugin-paused\", \"backlog\", \"source-silent\"]")]
        pub on: Vec<Condition>,
        /// Addresses that get an email, such as `ops@example.gn`, through `email.smtp`. Either this or `webhook`.
        #[key(default = Vec::new())]
        #[serde(deserialize_with = "formats::addresses")]
        pub email: Vec<String>,
        /// The URL that gets a POST request, signed as a Standard Webhook. May be `env:NAME` or `file:PATH`, since some
        /// URLs are secret: only its origin is shown.
        #[key(default = None, example = "\"https://hooks.example.gn/hookyard\"")]
        pub webhook: Option<Secret>,
        /// The key of the signature: `whsec_` and 24 to 64 bytes in base64. Required with `webhook`.
        #[key(default = None, example = "\"env:ALERT_WEBHOOK_SECRET\"")]
        pub webhook_secret: Option<Secret>,
        /// The plugins that it watches: names, or beginnings of names such as `sms-*`.
        #[key(default = vec!["*".into()])]
        #[serde(deserialize_with = "formats::name_patterns")]
        pub plugins: Vec<String>,
        /// The sources that it watches, likewise.
        #[key(default = vec!["*".into()])]
        #[serde(deserialize_with = "formats::name_patterns")]
        pub sources: Vec<String>,
        /// Open deliveries of all plugins above which `backlog` is told. Required with `backlog`.
        #[key(default = None, range = 0..=INTEGER_MAX, example = "10_000")]
        pub backlog_max: Option<u64>,
        /// Time without an event after which a source is silent, in milliseconds. Required with `source-silent`. It
        /// begins anew with the host for a source whose last event is not among the newest 10,000.
        #[key(default = None, range = 1..=52 * WEEK_MS, example = "3_600_000")]
        pub silent_after_ms: Option<u64>,
        /// Time without a complete pass of pruning after which `retention-behind` is told, in milliseconds, and
        /// time since the search index had all events after which `index-behind` is told.
        #[key(default = 3_600_000, range = 1..=WEEK_MS)]
        pub behind_after_ms: u64,
        /// Wait after the first change, in milliseconds, so that others are told with it. A problem that ends meanwhile
        /// is not told.
        #[key(default = 30_000, range = 0..=HOUR_MS)]
        pub group_wait_ms: u64,
        /// Shortest time between two notifications, in milliseconds.
        #[key(default = 300_000, range = 0..=WEEK_MS)]
        pub interval_min_ms: u64,
        /// Time for which a problem must be over before its end is told, in milliseconds. A problem that returns earlier
        /// continues, and is not told again.
        #[key(default = 60_000, range = 0..=WEEK_MS)]
        pub recovery_wait_ms: u64,
        /// Time for one attempt at a notification, in milliseconds. A failed one is repeated, with the same id, for a
        /// day.
        #[key(default = 10_000, range = 1..=25_000)]
        pub timeout_ms: u64,
    }
}

impl Alert {
    /// Whether it watches this condition of this plugin, source, or of the host.
    #[must_use]
    pub fn watches(&self, condition: Condition, subject: &str) -> bool {
        let patterns = match condition {
            Condition::DeadLetter | Condition::PluginPaused | Condition::PluginRefused => &self.plugins,
            Condition::SourceSilent => &self.sources,
            Condition::Backlog | Condition::RetentionBehind | Condition::IndexBehind => {
                return self.on.contains(&condition);
            }
        };
        let is_named = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => subject.starts_with(beginning),
            None => pattern == subject,
        };
        self.on.contains(&condition) && patterns.iter().any(is_named)
    }

    /// The receiver, for people: addresses, or the origin of the URL.
    #[must_use]
    pub fn receiver(&self) -> String {
        match &self.webhook {
            None => self.email.join(", "),
            Some(webhook) => url::Url::parse(webhook.expose())
                .map_or_else(|_| "?".into(), |url| url.origin().ascii_serialization()),
        }
    }
}
