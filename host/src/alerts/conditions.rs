//! Which conditions of an alert hold, from what the host knows. Pure.

use std::collections::BTreeMap;

use super::rules::{Observation, Observed};
use crate::config::{Alert, Condition, Config};
use crate::db::{DeadLetters, PruningState};
use crate::plugins::{PluginState, PluginView};

/// The longest quoted reason, in characters.
const REASON_MAX_CHARS: usize = 200;

/// What the host knows at one moment. Times are of the host's clock, in ms.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) now: u64,
    /// `None` = it could not be read.
    pub(super) dead_letters: Option<Vec<DeadLetters>>,
    /// Plugins that an operator paused; `None` = they could not be read.
    pub(super) paused: Option<Vec<String>>,
    /// Plugins that their breakers pause.
    pub(super) broken: Vec<String>,
    pub(super) plugins: Vec<PluginView>,
    pub(super) backlog: u64,
    /// Per source, when it was last heard; `None` = not since the host watches it.
    pub(super) heard: BTreeMap<String, Option<u64>>,
    /// Since when the host watches its sources.
    pub(super) watched_since: u64,
    pub(super) pruning: PruningState,
    /// Time since the search index had all events; 0 while it has, or if there is none.
    pub(super) index_lag_ms: u64,
}

/// The conditions of an alert that hold.
pub(super) fn observe(facts: &Facts, alert: &Alert, config: &Config) -> Observed {
    let mut observed = Observed::default();
    for condition in &alert.on {
        match condition {
            Condition::DeadLetter => dead_letters(facts, &mut observed),
            Condition::PluginPaused => paused(facts, &mut observed),
            Condition::PluginRefused => refused(facts, &mut observed),
            Condition::Backlog => backlog(facts, alert, &mut observed),
            Condition::SourceSilent => silent(facts, alert, config, &mut observed),
            Condition::RetentionBehind => behind(facts, alert, config, &mut observed),
            Condition::IndexBehind => index_behind(facts, alert, &mut observed),
        }
    }
    observed.holding.retain(|one| alert.watches(one.condition, &one.subject));
    observed
}

impl Observed {
    fn add(&mut self, condition: Condition, subject: &str, count: u64, detail: String) {
        self.holding.push(Observation { condition, subject: subject.to_owned(), count, detail });
    }
}

fn dead_letters(facts: &Facts, observed: &mut Observed) {
    let Some(dead_letters) = &facts.dead_letters else {
        return observed.unknown.push((Condition::DeadLetter, None));
    };
    for dead in dead_letters {
        let count = dead.deliveries + dead.effects;
        observed.add(Condition::DeadLetter, &dead.plugin, count, describe_dead_letters(dead));
    }
}

fn paused(facts: &Facts, observed: &mut Observed) {
    let by_breaker = |plugin: &String| {
        format!("plugin {plugin} is paused by its breaker: nearly all of its latest deliveries failed")
    };
    for plugin in &facts.broken {
        observed.add(Condition::PluginPaused, plugin, 0, by_breaker(plugin));
    }
    let Some(paused) = &facts.paused else {
        return observed.unknown.push((Condition::PluginPaused, None));
    };
    for plugin in paused {
        observed.add(Condition::PluginPaused, plugin, 0, format!("plugin {plugin} is paused by an operator"));
    }
}

fn refused(facts: &Facts, observed: &mut Observed) {
    for PluginView { name, state, refusal, .. } in &facts.plugins {
        let Some(reason) = refusal else { continue };
        let stays = match state {
            PluginState::Running => "the earlier revision continues",
            PluginState::Refused | PluginState::Loading | PluginState::Waiting => "no revision runs",
        };
        let detail = format!("the file of plugin {name} was refused, and {stays}: {}", quoted(reason));
        observed.add(Condition::PluginRefused, name, 0, detail);
    }
}

fn backlog(facts: &Facts, alert: &Alert, observed: &mut Observed) {
    let Some(most) = alert.backlog_max.filter(|most| facts.backlog > *most) else { return };
    let detail = format!(
        "{} are open, more than {most} (backlog_max)",
        counted_as(facts.backlog, "delivery", "deliveries")
    );
    observed.add(Condition::Backlog, "", 0, detail);
}

fn silent(facts: &Facts, alert: &Alert, config: &Config, observed: &mut Observed) {
    let Some(after) = alert.silent_after_ms else { return };
    for source in config.sources.keys().map(crate::event::Name::as_str) {
        let heard = facts.heard.get(source).copied().flatten();
        let silent_ms = facts.now.saturating_sub(heard.unwrap_or(facts.watched_since));
        if silent_ms >= after {
            let detail = format!("source {source} has sent no event for {} or more", duration(after));
            observed.add(Condition::SourceSilent, source, 0, detail);
        } else if heard.is_none() {
            // An earlier process may have told of it.
            observed.unknown.push((Condition::SourceSilent, Some(source.to_owned())));
        }
    }
}

fn behind(facts: &Facts, alert: &Alert, config: &Config, observed: &mut Observed) {
    let PruningState { passed_at, is_full } = facts.pruning;
    let detail = if facts.now.saturating_sub(passed_at) >= alert.behind_after_ms {
        let after = duration(alert.behind_after_ms);
        format!("the removal of old events has not caught up for {after} or more")
    } else if let Some(most) = config.retention.size_max_bytes.filter(|_| is_full) {
        format!(
            "the database has more than {most} bytes (retention.size_max_bytes), and no event may be removed"
        )
    } else {
        return;
    };
    observed.add(Condition::RetentionBehind, "", 0, detail);
}

fn index_behind(facts: &Facts, alert: &Alert, observed: &mut Observed) {
    if facts.index_lag_ms >= alert.behind_after_ms {
        let after = duration(alert.behind_after_ms);
        let detail = format!("the search index has not caught up for {after} or more");
        observed.add(Condition::IndexBehind, "", 0, detail);
    }
}

/// The dead letters of a plugin in a sentence.
pub fn describe_dead_letters(dead: &DeadLetters) -> String {
    let DeadLetters { plugin, deliveries, effects } = dead;
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

/// A time in its largest whole unit.
fn duration(ms: u64) -> String {
    let units = [(86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    let unit = units.into_iter().find(|&(unit, _)| ms >= unit && ms.is_multiple_of(unit));
    unit.map_or_else(|| format!("{ms} ms"), |(unit, name)| format!("{} {name}", ms / unit))
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

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
