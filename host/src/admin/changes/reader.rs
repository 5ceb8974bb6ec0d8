//! The one reader of changes: it compares what the host shows now with what it showed before.

use std::collections::BTreeMap;

use crate::admin::AdminState;
use crate::admin::api::{Change, ChangeKind, Plugin, ReplayState};
use crate::audit::EntryFilter;
use crate::db::{AttemptedId, DbError, Outcomes};
use crate::event::PluginName;
use crate::replay::Progress;

/// Changes of a kind that are sent one by one in an interval; more are counted.
const NAMED_MAX: usize = 50;
/// The newest replays that are watched.
const REPLAYS: u32 = 20;
/// Intervals between two comparisons of what changes seldom, or is read at a cost.
const SLOW_INTERVALS: u64 = 4;

/// See the module.
pub(super) struct Reader {
    admin: AdminState,
    intervals: u64,
    event: i64,
    audit: i64,
    /// Of each plugin its state and all that is shown of it.
    plugins: BTreeMap<String, (String, String)>,
    replays: BTreeMap<i64, Progress>,
    alerts: BTreeMap<String, (&'static str, usize)>,
    dead_letters: BTreeMap<String, u64>,
}

impl Reader {
    /// A reader of what changes from now on.
    pub(super) async fn start(admin: AdminState) -> Result<Self, DbError> {
        let event = admin.db.newest_event().await?;
        let newest = admin.db.audit(&EntryFilter::default(), None, 1).await?;
        let audit = newest.first().map_or(0, |entry| entry.number);
        let (plugins, replays, alerts) = Default::default();
        let dead_letters = BTreeMap::default();
        let mut reader = Self { admin, intervals: 0, event, audit, plugins, replays, alerts, dead_letters };
        // What is there at the beginning is no change.
        let _first = reader.read().await?;
        Ok(reader)
    }

    /// The changes since the last call.
    pub(super) async fn read(&mut self) -> Result<Vec<Change>, DbError> {
        let mut changes = Vec::new();
        // Outcomes are taken before events are read, so that no event comes after its outcome.
        let outcomes = self.admin.db.take_outcomes();
        self.read_events(&mut changes).await?;
        add_outcomes(outcomes, &mut changes);
        self.read_audit(&mut changes).await?;
        self.compare_plugins(&mut changes).await?;
        self.compare_replays(&mut changes).await?;
        if self.intervals.is_multiple_of(SLOW_INTERVALS) {
            self.compare_alerts(&mut changes);
            self.compare_dead_letters(&mut changes).await?;
        }
        self.intervals += 1;
        Ok(changes)
    }

    async fn read_events(&mut self, changes: &mut Vec<Change>) -> Result<(), DbError> {
        let newest = self.admin.db.newest_event().await?;
        if newest <= self.event {
            return Ok(());
        }
        let limit = u32::try_from(NAMED_MAX + 1).unwrap_or(u32::MAX);
        let events = self.admin.db.events_after(self.event, limit).await?;
        if events.len() > NAMED_MAX {
            let count = u64::try_from(newest - self.event).unwrap_or(1);
            changes.push(Change { count, ..Change::new(ChangeKind::Event) });
            self.event = newest;
            return Ok(());
        }
        for event in events {
            self.event = event.number;
            changes.push(Change {
                id: Some(event.id),
                source: Some(event.source),
                event_type: Some(event.event_type),
                ..Change::new(ChangeKind::Event)
            });
        }
        Ok(())
    }

    async fn read_audit(&mut self, changes: &mut Vec<Change>) -> Result<(), DbError> {
        let limit = u32::try_from(NAMED_MAX).unwrap_or(u32::MAX);
        for entry in self.admin.db.audit_after(self.audit, limit).await? {
            self.audit = entry.number;
            let id = Some(entry.number.to_string());
            changes.push(Change { id, state: Some(entry.action), ..Change::new(ChangeKind::Audit) });
        }
        Ok(())
    }

    async fn compare_plugins(&mut self, changes: &mut Vec<Change>) -> Result<(), DbError> {
        let paused = self.admin.db.paused().await?;
        let broken = self.admin.db.broken();
        let switches = self.admin.db.switches().await?;
        let mut now = BTreeMap::new();
        for view in (self.admin.plugins)() {
            let paused_at = paused.iter().find(|(name, _)| name.as_str() == view.name).map(|(_, at)| *at);
            let breaker_until = broken.get(view.name.as_str()).copied();
            let own = PluginName::new(&view.name).map(|name| switches.of(&name).into_iter().cloned());
            let own = own.map(|own| own.map(Into::into).collect()).unwrap_or_default();
            let plugin = Plugin::new(view, paused_at, breaker_until, own);
            let is_paused = plugin.paused_at.is_some() || plugin.breaker_until.is_some();
            let state = if is_paused { "paused".into() } else { plugin.state.to_string() };
            let shown = serde_json::to_string(&plugin).unwrap_or_default();
            now.insert(plugin.name, (state, shown));
        }
        let before = std::mem::take(&mut self.plugins);
        let removed = before.keys().filter(|name| !now.contains_key(*name));
        changes.extend(removed.map(|name| of_plugin(name, "removed")));
        let differing = now.iter().filter(|(name, shown)| before.get(*name) != Some(shown));
        changes.extend(differing.map(|(name, (state, _))| of_plugin(name, state)));
        self.plugins = now;
        Ok(())
    }

    async fn compare_replays(&mut self, changes: &mut Vec<Change>) -> Result<(), DbError> {
        let newest = self.admin.db.replays(None, REPLAYS).await?;
        let now: BTreeMap<_, _> = newest.into_iter().map(|replay| (replay.id, replay)).collect();
        for (id, replay) in &now {
            if self.replays.get(id) == Some(replay) {
                continue;
            }
            let plugin = replay.request.plugin().map(str::to_owned);
            let state = match ReplayState::from(replay.state) {
                ReplayState::Running => "running",
                ReplayState::Done => "done",
                ReplayState::Stopped => "stopped",
            };
            let (id, state) = (Some(id.to_string()), Some(state.to_owned()));
            changes.push(Change { id, plugin, state, ..Change::new(ChangeKind::Replay) });
        }
        self.replays = now;
        Ok(())
    }

    fn compare_alerts(&mut self, changes: &mut Vec<Change>) {
        let now: BTreeMap<_, _> = (self.admin.alerts.list)()
            .into_iter()
            .map(|alert| {
                let firing = alert.problems.iter().filter(|problem| problem.over_since.is_none()).count();
                (alert.name, (if firing > 0 { "firing" } else { "ok" }, firing))
            })
            .collect();
        for (name, (state, firing)) in &now {
            if self.alerts.get(name) != Some(&(*state, *firing)) {
                let (id, state) = (Some(name.clone()), Some((*state).to_owned()));
                changes.push(Change { id, state, ..Change::new(ChangeKind::Alert) });
            }
        }
        self.alerts = now;
    }

    async fn compare_dead_letters(&mut self, changes: &mut Vec<Change>) -> Result<(), DbError> {
        let dead = self.admin.db.dead_letters().await?;
        let now: BTreeMap<_, _> =
            dead.into_iter().map(|dead| (dead.plugin, dead.deliveries + dead.effects)).collect();
        let before = std::mem::take(&mut self.dead_letters);
        let names = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name)));
        for name in names {
            let count = now.get(name).copied().unwrap_or(0);
            if before.get(name).copied().unwrap_or(0) != count {
                let plugin = Some(name.clone());
                changes.push(Change { plugin, count, ..Change::new(ChangeKind::DeadLetters) });
            }
        }
        self.dead_letters = now;
        Ok(())
    }
}

fn of_plugin(name: &str, state: &str) -> Change {
    let (id, plugin, state) = (Some(name.to_owned()), Some(name.to_owned()), Some(state.to_owned()));
    Change { id, plugin, state, ..Change::new(ChangeKind::Plugin) }
}

/// Adds outcomes one by one, or of many their number by plugin and state.
fn add_outcomes(outcomes: Outcomes, changes: &mut Vec<Change>) {
    let Outcomes { noted, counted } = outcomes;
    let word = |state| serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned));
    let kind = |is_effect: bool| if is_effect { ChangeKind::Effect } else { ChangeKind::Delivery };
    if noted.len() <= NAMED_MAX {
        for (id, plugin, state) in noted {
            let id_text = match id {
                AttemptedId::Delivery(id) => id.to_string(),
                AttemptedId::Effect(id) => id.to_string(),
            };
            let (id_text, plugin, state) = (Some(id_text), Some(plugin.to_string()), word(state));
            changes.push(Change { id: id_text, plugin, state, ..Change::new(kind(id.is_effect())) });
        }
        return;
    }
    let mut sums: BTreeMap<(ChangeKind, String, Option<String>), u64> = BTreeMap::new();
    for (id, plugin, state) in noted {
        *sums.entry((kind(id.is_effect()), plugin.to_string(), word(state))).or_default() += 1;
    }
    for ((is_effect, plugin, state), count) in counted {
        *sums.entry((kind(is_effect), plugin.to_string(), word(state))).or_default() += count;
    }
    for ((kind, plugin, state), count) in sums {
        changes.push(Change { plugin: Some(plugin), state, count, ..Change::new(kind) });
    }
}
