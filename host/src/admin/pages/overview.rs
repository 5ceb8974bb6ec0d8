//! The overview: whether all is well, what needs somebody, and the last hour in numbers.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::dead_letter_filters::Filters;
use super::events::EventLink;
use super::findings::{self, Telling};
use super::last_hour::LastHour;
use super::shell::{Page, Section, Shell};
use super::ui::{self, StateTag, TimeTag, duration, short_duration};
use super::visit::Visit;
use super::words::OverviewWords;
use super::{plugins::plugin_path, states};
use crate::admin::api::extract::Query;
use crate::admin::api::{ListedDelivery, Plugin, Severity, deliveries, plugins};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::doctor::{self, Examination, Fact, Found};
use crate::admin::hour::{Sample, Totals};
use crate::admin::{AdminState, Problem};
use crate::db::{DeadLetters, OpenScope, Stock};
use crate::event::PluginName;
use crate::switch::TypePattern;

/// Most open deliveries of a plugin that are counted, of those that its switches hold and of the others each. The database
/// counts them one by one.
const OPEN_MAX: u32 = 10_000;
/// The newest dead letters that are shown.
const NEWEST_DEAD: u32 = 5;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    w: OverviewWords,
    needs: Vec<Need>,
    /// The last hour, for readers who see all plugins.
    numbers: Option<Numbers>,
    plugins: Option<Vec<PluginRow>>,
    sources: Vec<SourceRow>,
    /// The newest dead letters.
    dead_letters: Vec<DeadLetterRow>,
}

/// Something that needs somebody.
struct Need {
    is_problem: bool,
    about: &'static str,
    subject: Option<String>,
    since: Option<TimeTag>,
    telling: Telling,
    link: Option<String>,
}

struct Numbers {
    /// The heading: the last hour, or the time since the start.
    span: String,
    all: [Number; 5],
}

/// A number with its line.
struct Number {
    name: &'static str,
    value: String,
    note: String,
    chart: String,
    points: String,
    link: Option<&'static str>,
    is_bad: bool,
}

struct PluginRow {
    name: String,
    path: String,
    state: StateTag,
    done: String,
    failed: String,
    has_failed: bool,
    /// The open deliveries.
    backlog: String,
    /// The unresolved dead letters, deliveries and effects.
    dead: String,
    /// Where they are, if there are any.
    dead_path: Option<String>,
    revision: Option<String>,
    since: Option<TimeTag>,
}

struct SourceRow {
    name: String,
    path: String,
    last: Option<TimeTag>,
    received: String,
    refused: String,
    has_refused: bool,
}

struct DeadLetterRow {
    event: EventLink,
    event_type: String,
    plugin: String,
    reason: Option<String>,
    received: TimeTag,
}

/// `GET /`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
) -> Result<Response, Problem> {
    let w = OverviewWords(visit.language);
    let Examination { found, paused, heard, dead_letters, .. } = doctor::examine(&admin, &reader).await;
    // A fault that the examination came upon is above the page too.
    let shell = Shell::new(&admin, &visit, Section::Overview, w.title());
    // What cannot be read is left out: the database's fault is among the findings.
    let plugins = plugins::describe_all(&reader, &admin, &paused).await.ok();
    let stock = admin.cache.stock.get(admin.db.stock()).await.ok();
    let dead = stock.as_ref().map_or(0, |stock| stock.dead_deliveries + stock.dead_effects);
    let hour = LastHour::read(&admin, dead);
    let context = Context { admin: &admin, shell: &shell, w, hour: &hour };
    let needs = found.into_iter().filter(|found| found.severity != Severity::Ok);
    let needs =
        needs.map(|found| context.need(found, plugins.as_deref().unwrap_or_default(), &heard)).collect();
    let numbers = if reader.sees_all() { Some(context.numbers(stock.as_ref()).await) } else { None };
    let sources = if reader.sees_all() { context.sources(&heard) } else { Vec::new() };
    let plugins = match plugins {
        Some(all) => Some(context.plugins(all, &dead_letters).await),
        None => None,
    };
    let dead_letters = context.newest_dead_letters(&reader).await;
    Ok(Page(OverviewPage { shell, w, needs, numbers, plugins, sources, dead_letters }).into_response())
}

struct Context<'a> {
    admin: &'a AdminState,
    shell: &'a Shell,
    w: OverviewWords,
    hour: &'a LastHour,
}

impl Context<'_> {
    fn time(&self, at: u64) -> TimeTag {
        TimeTag { at, now: self.shell.now, language: self.shell.language }
    }

    fn number(&self, number: u64) -> String {
        self.shell.language.number(number)
    }

    fn need(&self, found: Found, plugins: &[Plugin], heard: &[(String, u64)]) -> Need {
        let subject = found.subject.as_deref();
        let plugin = plugins.iter().find(|plugin| subject == Some(plugin.name.as_str()));
        let w = self.w;
        let (about, since, link) = match found.fact.check() {
            "host" => (w.about_host(), None, None),
            "database" => (w.about_database(), None, None),
            "disk" => (w.about_disk(), None, None),
            "clock" => (w.about_clock(), None, None),
            "cache" => (w.about_cache(), None, None),
            "retention" => (w.about_retention(), None, None),
            "plugins" => {
                let since = plugin.and_then(|plugin| plugin.paused_at);
                (w.about_plugins(), since, plugin.map(|plugin| plugin_path(&plugin.name)))
            }
            "dead letters" => {
                let since = match &found.fact {
                    Fact::PluginDeadLetters(dead) => dead.oldest_at,
                    _ => None,
                };
                let link = subject.map(|plugin| format!("/dead-letters?plugin={plugin}"));
                (w.about_dead_letters(), since, link)
            }
            "sources" => {
                let since = match &found.fact {
                    Fact::SourceSilent { source, .. } => last_of(heard, source),
                    _ => None,
                };
                (w.about_sources(), since, subject.map(super::sources::path_of))
            }
            "alerts" => (w.about_alerts(), None, Some("/settings/alerts".to_owned())),
            _ => (w.about_configuration(), None, None),
        };
        Need {
            is_problem: found.severity == Severity::Problem,
            about,
            since: since.map(|at| self.time(at)),
            link,
            telling: findings::tell(&found, self.shell.language),
            subject: found.subject,
        }
    }

    async fn numbers(&self, stock: Option<&Stock>) -> Numbers {
        let (w, language, now) = (self.w, self.shell.language, self.shell.now);
        let oldest = self.admin.cache.oldest_open.get(self.admin.db.oldest_open()).await.ok().flatten();
        let age = |at: u64| duration(language, now.saturating_sub(at));
        let hour = self.hour;
        let last = hour.last();
        let backlog = last.map_or(0, |last| last.backlog);
        let dead = last.map_or(0, |last| last.dead);
        let oldest_dead = stock.and_then(|stock| stock.oldest_dead_at);
        let received = hour.increase(Totals::received);
        let done = hour.increase(Totals::done);
        let per_minute = |count: u64| w.per_minute(hour.by_minute(count, language));
        let number = |name, value, note, points: String, is_rate| {
            let chart = if is_rate { w.chart(name) } else { w.chart_level(name) };
            Number { name, value, note, chart, points, link: None, is_bad: false }
        };
        let (half, nearly_all) = (hour.time_to_done(500), hour.time_to_done(990));
        let time = |us: Option<u64>| us.map(|us| short_duration(language, us));
        let all = [
            number(
                w.received(),
                self.number(received),
                per_minute(received),
                hour.rates(Totals::received),
                true,
            ),
            number(w.done(), self.number(done), per_minute(done), hour.rates(Totals::done), true),
            number(
                w.backlog(),
                self.number(backlog),
                oldest
                    .filter(|_| backlog > 0)
                    .map_or_else(|| w.backlog_none().into(), |at| w.backlog_oldest(age(at))),
                hour.levels(|sample: &Sample| sample.backlog),
                false,
            ),
            Number {
                is_bad: dead > 0,
                link: Some("/dead-letters"),
                ..number(
                    w.dead(),
                    self.number(dead),
                    oldest_dead
                        .filter(|_| dead > 0)
                        .map_or_else(|| w.dead_none().into(), |at| w.dead_oldest(age(at))),
                    hour.levels(|sample: &Sample| sample.dead),
                    false,
                )
            },
            number(
                w.time_to_done(),
                time(half).unwrap_or_else(|| "–".into()),
                time(nearly_all).map_or_else(|| w.time_none().into(), |time| w.time_p99(time)),
                hour.times_to_done(),
                true,
            ),
        ];
        let span = if hour.is_whole() {
            w.numbers().to_owned()
        } else {
            w.numbers_since(hour.began(now, language).relative())
        };
        Numbers { span, all }
    }

    async fn plugins(&self, plugins: Vec<Plugin>, dead: &[DeadLetters]) -> Vec<PluginRow> {
        let mut rows = Vec::new();
        for plugin in plugins {
            let backlog = self.count_open(&plugin.name).await;
            let dead = dead.iter().find(|dead| dead.plugin == plugin.name);
            rows.push(self.plugin(plugin, backlog, dead.map_or(0, |dead| dead.deliveries + dead.effects)));
        }
        rows
    }

    /// The number of a plugin's open deliveries; nothing if it cannot be read.
    async fn count_open(&self, plugin: &str) -> Option<u64> {
        let (plugin, types) = (PluginName::new(plugin).ok()?, TypePattern::all());
        let mut open = 0;
        for scope in [OpenScope::Others, OpenScope::SwitchedOff] {
            open += self.admin.db.count_open_of(&plugin, &types, scope, OPEN_MAX).await.ok()?;
        }
        Some(open)
    }

    fn plugin(&self, plugin: Plugin, backlog: Option<u64>, dead: u64) -> PluginRow {
        let name = &plugin.name;
        let done = self.hour.increase(|totals| totals.attempted(name, "done"));
        let failed =
            self.hour.increase(|totals| totals.attempted(name, "retry") + totals.attempted(name, "rejected"));
        PluginRow {
            path: plugin_path(name),
            state: states::of_plugin(&plugin, self.shell.language),
            done: self.number(done),
            failed: self.number(failed),
            has_failed: failed > 0,
            backlog: match backlog {
                Some(open) if open >= u64::from(OPEN_MAX) => self.w.at_least(self.number(OPEN_MAX.into())),
                Some(open) => self.number(open),
                None => "–".into(),
            },
            dead: self.number(dead),
            dead_path: (dead > 0).then(|| format!("/dead-letters?plugin={name}")),
            since: plugin.revision.is_some().then(|| self.time(plugin.since)),
            revision: plugin.revision.as_deref().map(|digest| ui::revision_digits(digest).to_owned()),
            name: plugin.name,
        }
    }

    /// The newest dead letters that the reader sees, as the list has them; none if they cannot be read.
    async fn newest_dead_letters(&self, reader: &AllowedFor<need::Read>) -> Vec<DeadLetterRow> {
        let query = Filters::default().query(self.shell.now, None, NEWEST_DEAD);
        let found = deliveries::list(reader.clone(), State(self.admin.clone()), Query(query)).await;
        let row = |found: ListedDelivery| DeadLetterRow {
            event: EventLink::new(self.shell, &found.source, found.event).at(&found.delivery.id),
            event_type: found.event_type,
            plugin: found.delivery.plugin,
            reason: found.reason,
            received: self.time(found.received_at),
        };
        found.map(|page| page.0.items.into_iter().map(row).collect()).unwrap_or_default()
    }

    fn sources(&self, heard: &[(String, u64)]) -> Vec<SourceRow> {
        let config = self.admin.config.borrow().clone();
        let row = |name: &str| {
            let received = self.hour.increase(|totals| totals.answered(name, "accepted"));
            let refused = self.hour.increase(|totals| totals.answered(name, "unauthorized"));
            SourceRow {
                name: name.to_owned(),
                path: super::sources::path_of(name),
                last: last_of(heard, name).map(|at| self.time(at)),
                received: self.number(received),
                refused: self.number(refused),
                has_refused: refused > 0,
            }
        };
        config.sources.keys().map(|name| row(name.as_str())).collect()
    }
}

/// When the last event of a source was received, ms since the Unix epoch.
fn last_of(heard: &[(String, u64)], source: &str) -> Option<u64> {
    heard.iter().find(|(name, _)| name == source).map(|(_, at)| *at)
}
