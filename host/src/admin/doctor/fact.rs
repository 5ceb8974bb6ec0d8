//! What checks can find, and how it is said in English. The pages say it in other languages too.

use super::{Finding, Severity};
use crate::alerts::{counted_as, describe_dead_letters, quoted};
use crate::db::DeadLetters;

/// The hexadecimal digits of a revision that are shown.
const REVISION_DIGITS: usize = 12;

/// What a check found. Each sentence is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) enum Fact {
    HostWorks,
    HostFault(String),
    DatabaseAnswers { open: u64 },
    DatabaseFault(String),
    BacklogNearlyFull { open: u64, max: u64 },
    DatabaseFile { bytes: u64 },
    DatabaseFileMissing,
    DatabaseFileFault(String),
    ClockSteady,
    ClockInThePast,
    ClockSet { back: bool, seconds: u64 },
    CacheUnreadable,
    CacheNearlyFull { bytes: u64, max: u64 },
    CacheFits { bytes: u64, max: u64 },
    RetentionFull,
    RetentionBehind { hours: u64 },
    RetentionInTime,
    NoPlugins,
    PluginsWell { count: u64 },
    PluginLoading(String),
    PluginPaused(String),
    PluginBroken(String),
    PluginRefused { plugin: String, reason: String, earlier_runs: bool },
    PluginWaiting { plugin: String, digest: String, needs_approval: bool },
    NoDeadLetters,
    PluginDeadLetters(DeadLetters),
    SourcesHeard,
    SourceSilent { source: String, hours: u64 },
    SourceUnheard(String),
    ConfirmationsWaiting { source: String, count: u64 },
    VerifiersWell { count: u64 },
    VerifierMissing(String),
    VerifierRefused { verifier: String, reason: String, earlier_runs: bool },
    AlertsArrive,
    AlertsFailing(Vec<String>),
    DiskUnreadable(Place),
    DiskSpace { place: Place, free_mib: u64, total_mib: u64 },
    ConfigWell,
    ConfigRejected(String),
    ConfigNeedsRestart(String),
    SectionWithoutPlugin(String),
    KeyWithoutEffect { plugin: String, lacks: Lack },
    PatternWithoutHandler { plugin: String, pattern: String },
    PackageWithoutSource { plugin: String, package: String },
}

/// What the host keeps on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum Place {
    Database,
    DataDirectory,
}

/// What a plugin does not do, so that a key of its section has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admin) enum Lack {
    HttpRequests,
    Email,
    Events,
    Configuration,
}

/// A finding before it is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) struct Found {
    pub(in crate::admin) severity: Severity,
    /// The plugin, source, directory or key that it is about.
    pub(in crate::admin) subject: Option<String>,
    pub(in crate::admin) fact: Fact,
}

impl Found {
    pub(super) fn ok(fact: Fact) -> Self {
        Self { severity: Severity::Ok, subject: None, fact }
    }

    pub(super) fn warning(fact: Fact) -> Self {
        Self { severity: Severity::Warning, ..Self::ok(fact) }
    }

    pub(super) fn problem(fact: Fact) -> Self {
        Self { severity: Severity::Problem, ..Self::ok(fact) }
    }

    pub(super) fn about(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }
}

impl From<Found> for Finding {
    fn from(found: Found) -> Self {
        let Found { severity, subject, fact } = found;
        let help = (severity != Severity::Ok).then(|| fact.help()).flatten();
        Self { check: fact.check().to_owned(), subject, severity, detail: fact.detail(), help }
    }
}

impl Fact {
    /// The name of the check.
    pub(in crate::admin) fn check(&self) -> &'static str {
        match self {
            Self::HostWorks | Self::HostFault(_) => "host",
            Self::DatabaseAnswers { .. }
            | Self::DatabaseFault(_)
            | Self::BacklogNearlyFull { .. }
            | Self::DatabaseFile { .. }
            | Self::DatabaseFileMissing
            | Self::DatabaseFileFault(_) => "database",
            Self::ClockSteady | Self::ClockInThePast | Self::ClockSet { .. } => "clock",
            Self::CacheUnreadable | Self::CacheNearlyFull { .. } | Self::CacheFits { .. } => "cache",
            Self::RetentionFull | Self::RetentionBehind { .. } | Self::RetentionInTime => "retention",
            Self::NoPlugins
            | Self::PluginsWell { .. }
            | Self::PluginLoading(_)
            | Self::PluginPaused(_)
            | Self::PluginBroken(_)
            | Self::PluginRefused { .. }
            | Self::PluginWaiting { .. } => "plugins",
            Self::NoDeadLetters | Self::PluginDeadLetters(_) => "dead letters",
            Self::SourcesHeard
            | Self::SourceSilent { .. }
            | Self::SourceUnheard(_)
            | Self::ConfirmationsWaiting { .. } => "sources",
            Self::VerifiersWell { .. } | Self::VerifierMissing(_) | Self::VerifierRefused { .. } => {
                "verifiers"
            }
            Self::AlertsArrive | Self::AlertsFailing(_) => "alerts",
            Self::DiskUnreadable(_) | Self::DiskSpace { .. } => "disk",
            Self::ConfigWell
            | Self::ConfigRejected(_)
            | Self::ConfigNeedsRestart(_)
            | Self::SectionWithoutPlugin(_)
            | Self::KeyWithoutEffect { .. }
            | Self::PatternWithoutHandler { .. }
            | Self::PackageWithoutSource { .. } => "configuration",
        }
    }

    /// What was found.
    fn detail(&self) -> String {
        match self {
            Self::HostWorks => "events are accepted and run".into(),
            Self::HostFault(reason) | Self::DatabaseFault(reason) | Self::DatabaseFileFault(reason) => {
                reason.clone()
            }
            Self::DatabaseAnswers { open } => {
                format!("it answers; open: {}", counted_as(*open, "delivery", "deliveries"))
            }
            Self::BacklogNearlyFull { open, max } => {
                format!("{open} deliveries are open; at {max} (dispatch.backlog_max) events are answered 429")
            }
            Self::DatabaseFile { bytes } => format!("the file has {bytes} bytes"),
            Self::DatabaseFileMissing => "there is none yet".into(),
            Self::ClockSteady => "the system clock has not jumped".into(),
            Self::ClockInThePast => "the system clock is in the past".into(),
            Self::ClockSet { back, seconds } => {
                let direction = if *back { "back" } else { "forward" };
                format!("the system clock was set {direction} by {seconds} s while the host ran")
            }
            Self::CacheUnreadable => "the directory of compiled plugins cannot be read".into(),
            Self::CacheNearlyFull { bytes, max } => {
                format!("compiled plugins take {bytes} of {max} bytes (runtime.cache_max_bytes)")
            }
            Self::CacheFits { bytes, max } => format!("compiled plugins take {bytes} of {max} bytes"),
            Self::RetentionFull => {
                "the database is larger than retention.size_max_bytes, and no event may be removed".into()
            }
            Self::RetentionBehind { hours } => {
                format!("the removal of old events has not caught up for {hours} h")
            }
            Self::RetentionInTime => "old events are removed in time".into(),
            Self::NoPlugins => "there is no plugin".into(),
            Self::PluginsWell { count } => {
                format!("{}, none refused, paused or waiting", counted_as(*count, "plugin", "plugins"))
            }
            Self::PluginLoading(name) => format!("{name} is being loaded"),
            Self::PluginPaused(name) => format!("{name} is paused by an operator"),
            Self::PluginBroken(name) => {
                format!("{name} is paused by its breaker: nearly all of its latest deliveries failed")
            }
            Self::PluginRefused { plugin, reason, earlier_runs } => {
                let stays = if *earlier_runs { "the earlier revision runs" } else { "no revision runs" };
                format!("the latest revision of {plugin} is refused, and {stays}: {}", quoted(reason))
            }
            Self::PluginWaiting { plugin, digest, needs_approval } => {
                let what = if *needs_approval { "approval" } else { "the end of the pin" };
                format!("revision {} of {plugin} waits for {what}", short(digest))
            }
            Self::NoDeadLetters => "there are none".into(),
            Self::PluginDeadLetters(dead) => describe_dead_letters(dead),
            Self::SourcesHeard => "each has sent events lately".into(),
            Self::SourceSilent { source, hours } => format!("the last event of {source} came {hours} h ago"),
            Self::SourceUnheard(source) => format!("no event of {source} is among the newest"),
            Self::ConfirmationsWaiting { source, count } => describe_confirmations(source, *count),
            Self::VerifiersWell { count } => {
                format!("{}, none refused", counted_as(*count, "verifier", "verifiers"))
            }
            Self::VerifierMissing(name) => format!("{name} does not run: its sources are answered 503"),
            Self::VerifierRefused { verifier, reason, earlier_runs } => {
                let stays = if *earlier_runs { "the earlier revision runs" } else { "no revision runs" };
                format!("the latest files of {verifier} are refused, and {stays}: {}", quoted(reason))
            }
            Self::AlertsArrive => "none failed to arrive".into(),
            Self::AlertsFailing(names) => {
                format!("the latest notification did not arrive: {}", names.join(", "))
            }
            Self::DiskUnreadable(place) => format!("the place of {} cannot be read", place.name()),
            Self::DiskSpace { place, free_mib, total_mib } => {
                format!("{free_mib} MiB of {total_mib} MiB are free for {}", place.name())
            }
            Self::ConfigWell => "every key has an effect".into(),
            Self::ConfigRejected(error) => format!("the changed file is rejected: {error}"),
            Self::ConfigNeedsRestart(refusal) => refusal.clone(),
            Self::SectionWithoutPlugin(plugin) => format!("no plugin {plugin} is here"),
            Self::KeyWithoutEffect { plugin, lacks } => {
                format!("the key has no effect: {plugin} {}", lacks.describe())
            }
            Self::PatternWithoutHandler { plugin, pattern } => {
                format!("`{pattern}` has no effect: {plugin} has no handler for it")
            }
            Self::PackageWithoutSource { plugin, package } => {
                format!("no event reaches the handlers of {plugin} for {package}: no source has that package")
            }
        }
    }

    /// What to do about it.
    fn help(&self) -> Option<String> {
        Some(match self {
            Self::HostFault(_) => "read the host's log: it says since when and why".into(),
            Self::DatabaseFault(_) => {
                "events are answered 503 until it works: look at its file, its disk and the processes that have it open"
                    .into()
            }
            Self::BacklogNearlyFull { .. } => {
                "`hookyard delivery list --state waiting` says what they wait for".into()
            }
            Self::DatabaseFileMissing => "the first `hookyard serve` makes it".into(),
            Self::DatabaseFileFault(_) => "see who owns the file".into(),
            Self::ClockInThePast => {
                "set it (`timedatectl set-ntp true`): signatures with a time are refused meanwhile".into()
            }
            Self::ClockSet { .. } => {
                "see that the system clock is right; waits and ages follow the host's own clock".into()
            }
            Self::CacheUnreadable => {
                "the host compiles every plugin anew at each start: see who owns `cache` in the data directory".into()
            }
            Self::CacheNearlyFull { .. } => {
                "raise runtime.cache_max_bytes, or plugins may be compiled anew at each start".into()
            }
            Self::RetentionFull => {
                "replay or discard dead letters, raise retention.size_max_bytes, or lower the days that events are kept"
                    .into()
            }
            Self::RetentionBehind { .. } => {
                "the disk or the database is slow: see `hookyard_commit_seconds` in /metrics".into()
            }
            Self::NoPlugins => "`hookyard plugin new NAME` makes one".into(),
            Self::PluginLoading(_) => "its events wait until it is loaded; the log says when".into(),
            Self::PluginPaused(name) => format!("`hookyard plugin resume {name}` lets its deliveries run"),
            Self::PluginBroken(name) => {
                format!("`hookyard delivery list --plugin {name} --state waiting` shows the reasons")
            }
            Self::PluginRefused { .. } => {
                "mend the file or the plugin's section of the configuration; the host takes it at once".into()
            }
            Self::PluginWaiting { plugin, digest, needs_approval: true } => {
                format!("`hookyard plugin diff {plugin}`, then `hookyard plugin approve {plugin} {}`", short(digest))
            }
            Self::PluginWaiting { plugin, .. } => format!("`hookyard plugin unpin {plugin}` lets it run"),
            Self::PluginDeadLetters(DeadLetters { plugin, .. }) => format!(
                "`hookyard delivery list --state dead --plugin {plugin}` and `hookyard effect list --state dead \
                 --plugin {plugin}` show them; `replay` or `discard` resolves them"
            ),
            Self::SourceSilent { source, .. } | Self::SourceUnheard(source) => format!(
                "see whether the sender has the URL /webhooks/{source} and the right secret: the log counts refused \
                 requests"
            ),
            Self::ConfirmationsWaiting { source, .. } => help_confirmations(source),
            Self::VerifierMissing(name) => format!(
                "put {name}.wasm and {name}.vectors.json into the verifiers directory (verifiers.dir); \
                 `hookyard verifier list` shows what is there"
            ),
            Self::VerifierRefused { verifier, .. } => format!(
                "`hookyard verifier check {verifier}.wasm` says the same without a host; mended files are taken at once"
            ),
            Self::AlertsFailing(_) => "`hookyard alert list` shows the receiver's answer, and `hookyard alert test \
                                       NAME` tries again"
                .into(),
            Self::DiskUnreadable(_) => "see that it is there".into(),
            Self::DiskSpace { .. } => {
                "make room, or let retention keep less: on a full disk events are answered 503, and none is lost".into()
            }
            Self::ConfigRejected(_) => {
                "mend it as the detail says; the previous configuration is in force. `hookyard config check` reads the file \
                 with the variables of your shell, which the host may not have"
                    .into()
            }
            Self::ConfigNeedsRestart(_) => "start the host again when it suits".into(),
            Self::SectionWithoutPlugin(plugin) => {
                format!("bring the plugin with `hookyard plugin push {plugin} FILE`, or remove the section")
            }
            Self::KeyWithoutEffect { .. } => {
                "remove the key: what a plugin does not need, it should not have".into()
            }
            Self::PatternWithoutHandler { plugin, .. } => {
                format!("`hookyard plugin matrix` shows what {plugin} handles")
            }
            Self::PackageWithoutSource { package, .. } => {
                format!("write `package = \"{package}\"` in the section of the source that sends these events")
            }
            Self::HostWorks
            | Self::DatabaseAnswers { .. }
            | Self::DatabaseFile { .. }
            | Self::ClockSteady
            | Self::CacheFits { .. }
            | Self::RetentionInTime
            | Self::PluginsWell { .. }
            | Self::NoDeadLetters
            | Self::SourcesHeard
            | Self::VerifiersWell { .. }
            | Self::AlertsArrive
            | Self::ConfigWell => return None,
        })
    }
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Database => "the database",
            Self::DataDirectory => "the data directory",
        }
    }
}

impl Lack {
    fn describe(self) -> &'static str {
        match self {
            Self::HttpRequests => "sends no HTTP requests",
            Self::Email => "sends no email",
            Self::Events => "emits no events",
            Self::Configuration => "reads no configuration",
        }
    }
}

fn describe_confirmations(source: &str, count: u64) -> String {
    let wait = if count == 1 { "waits" } else { "wait" };
    format!("{} of {source} {wait} for an operator", counted_as(count, "confirmation", "confirmations"))
}

fn help_confirmations(source: &str) -> String {
    format!(
        "`hookyard source confirmations {source}` lists them, and `hookyard source approve {source} ID` or `hookyard \
         source reject {source} ID` decides, within three days: the provider sends nothing before"
    )
}

/// The first digits of a revision's digest.
pub(in crate::admin) fn short(digest: &str) -> &str {
    digest.get(..REVISION_DIGITS).unwrap_or(digest)
}
