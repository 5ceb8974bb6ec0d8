//! The overview: whether all is well, what needs somebody, and the last hour in numbers.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::shell::{Page, Section, Shell};
use super::ui::{self, StateTag, TimeTag, duration, short_duration};
use super::visit::Visit;
use super::words::OverviewWords;
use super::{plugins::plugin_path, sparkline, states};
use crate::admin::api::{Finding, Plugin, Severity, plugins};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::hour::Sample;
use crate::admin::{AdminState, Problem, doctor};
use crate::clock;
use crate::db::Stock;

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
}

/// Something that needs somebody.
struct Need {
    is_problem: bool,
    about: &'static str,
    subject: Option<String>,
    since: Option<TimeTag>,
    detail: String,
    help: Option<String>,
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
    revision: Option<String>,
    since: Option<TimeTag>,
}

struct SourceRow {
    name: String,
    last: Option<TimeTag>,
    received: String,
    refused: String,
    has_refused: bool,
}

/// `GET /`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
) -> Result<Response, Problem> {
    let w = OverviewWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::Overview, w.title());
    let diagnosis = doctor::diagnose(&admin, &reader).await;
    // What cannot be read is left out: the database's fault is among the findings.
    let plugins = plugins::list(reader.clone(), State(admin.clone())).await.ok().map(|list| list.0.items);
    let stock = admin.cache.stock.get(admin.db.stock()).await.ok();
    let dead = stock.as_ref().map_or(0, |stock| stock.dead_deliveries + stock.dead_effects);
    let samples = admin.hour.until(admin.hour.take(admin.db.backlog(), dead));
    let context = Context { admin: &admin, shell: &shell, w, samples: &samples };
    let needs = diagnosis.findings.into_iter().filter(|finding| finding.severity != Severity::Ok);
    let needs = needs
        .map(|finding| context.need(finding, plugins.as_deref().unwrap_or_default(), stock.as_ref()))
        .collect();
    let numbers = if reader.sees_all() { Some(context.numbers(stock.as_ref()).await) } else { None };
    let sources = if reader.sees_all() { context.sources().await } else { Vec::new() };
    let plugins = plugins.map(|all| all.into_iter().map(|plugin| context.plugin(plugin)).collect());
    Ok(Page(OverviewPage { shell, w, needs, numbers, plugins, sources }).into_response())
}

struct Context<'a> {
    admin: &'a AdminState,
    shell: &'a Shell,
    w: OverviewWords,
    /// The oldest first; the last one is of now.
    samples: &'a [Sample],
}

impl Context<'_> {
    fn time(&self, at: u64) -> TimeTag {
        TimeTag { at, now: self.shell.now, language: self.shell.language }
    }

    fn number(&self, number: u64) -> String {
        self.shell.language.number(number)
    }

    /// What a count has become since the oldest sample.
    fn in_span(&self, count: impl Fn(&Sample) -> u64) -> u64 {
        let [first, .., last] = self.samples else {
            // Nothing was counted before the first sample.
            return self.samples.last().map_or(0, count);
        };
        // A host that runs for less than an hour counts from its start.
        let before = if self.is_whole_hour() { count(first) } else { 0 };
        count(last).saturating_sub(before)
    }

    fn is_whole_hour(&self) -> bool {
        self.samples.len() > 60
    }

    fn need(&self, finding: Finding, plugins: &[Plugin], stock: Option<&Stock>) -> Need {
        let subject = finding.subject.as_deref();
        let plugin = plugins.iter().find(|plugin| subject == Some(plugin.name.as_str()));
        let w = self.w;
        let (about, since, link) = match finding.check.as_str() {
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
                let link = subject.map(|plugin| format!("/dead-letters?plugin={plugin}"));
                (w.about_dead_letters(), stock.and_then(|stock| stock.oldest_dead_at), link)
            }
            "sources" => {
                let link = subject.map(|source| format!("/events?source={source}"));
                (w.about_sources(), None, link)
            }
            "alerts" => (w.about_alerts(), None, None),
            _ => (w.about_configuration(), None, None),
        };
        Need {
            is_problem: finding.severity == Severity::Problem,
            about,
            since: since.map(|at| self.time(at)),
            link,
            subject: finding.subject,
            detail: finding.detail,
            help: finding.help,
        }
    }

    async fn numbers(&self, stock: Option<&Stock>) -> Numbers {
        let (w, language, now) = (self.w, self.shell.language, self.shell.now);
        let oldest = self.admin.cache.oldest_open.get(self.admin.db.oldest_open()).await.ok().flatten();
        let age = |at: u64| duration(language, now.saturating_sub(at));
        let last = self.samples.last();
        let backlog = last.map_or(0, |last| last.backlog);
        let dead = last.map_or(0, |last| last.dead);
        let oldest_dead = stock.and_then(|stock| stock.oldest_dead_at);
        let received = self.in_span(|sample| sample.totals.received());
        let done = self.in_span(|sample| sample.totals.done());
        let per_minute = |count: u64| {
            let minutes = u64::try_from(self.samples.len()).unwrap_or(60).clamp(1, 60);
            w.per_minute(self.number(count / minutes))
        };
        let rates = |count: fn(&Sample) -> u64| sparkline::points(&self.rates(count));
        let levels = |level: fn(&Sample) -> u64| sparkline::points(&self.levels(level));
        let number = |name, value, note, points: String, is_rate| {
            let chart = if is_rate { w.chart(name) } else { w.chart_level(name) };
            Number { name, value, note, chart, points, link: None, is_bad: false }
        };
        let (half, nearly_all) = self.times_to_done();
        let time = |us: Option<u64>| us.map(|us| short_duration(language, us));
        let all = [
            number(
                w.received(),
                self.number(received),
                per_minute(received),
                rates(|s| s.totals.received()),
                true,
            ),
            number(w.done(), self.number(done), per_minute(done), rates(|s| s.totals.done()), true),
            number(
                w.backlog(),
                self.number(backlog),
                oldest
                    .filter(|_| backlog > 0)
                    .map_or_else(|| w.backlog_none().into(), |at| w.backlog_oldest(age(at))),
                levels(|s| s.backlog),
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
                    levels(|s| s.dead),
                    false,
                )
            },
            number(
                w.time_to_done(),
                time(half).unwrap_or_else(|| "–".into()),
                time(nearly_all).map_or_else(|| w.time_none().into(), |time| w.time_p99(time)),
                sparkline::points(&self.times()),
                true,
            ),
        ];
        let span = if self.is_whole_hour() {
            w.numbers().to_owned()
        } else {
            let began = self.samples.first().map_or(0, |first| clock::now_ms().saturating_sub(first.at));
            w.numbers_since(self.time(now.saturating_sub(began)).relative())
        };
        Numbers { span, all }
    }

    /// The median and the 99th percentile of the span, in µs.
    fn times_to_done(&self) -> (Option<u64>, Option<u64>) {
        let Some(last) = self.samples.last() else { return (None, None) };
        let nothing = crate::admin::hour::Totals::default();
        let before = self.samples.first().filter(|_| self.is_whole_hour());
        let before = before.map_or(&nothing, |first| &*first.totals);
        (last.totals.time_to_done(before, 500), last.totals.time_to_done(before, 990))
    }

    /// A count's increase from sample to sample, by minute.
    #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
    fn rates(&self, count: impl Fn(&Sample) -> u64) -> Vec<(u64, f64)> {
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        let rates = pairs.map(|(before, after)| {
            let minutes = after.at.saturating_sub(before.at).max(1) as f64 / 60_000.0;
            (after.at, count(after).saturating_sub(count(before)) as f64 / minutes)
        });
        rates.collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
    fn levels(&self, level: impl Fn(&Sample) -> u64) -> Vec<(u64, f64)> {
        self.samples.iter().map(|sample| (sample.at, level(sample) as f64)).collect()
    }

    /// The median from sample to sample.
    #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
    fn times(&self) -> Vec<(u64, f64)> {
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        let times = pairs.map(|(before, after)| {
            let time = after.totals.time_to_done(&before.totals, 500);
            (after.at, time.unwrap_or(0) as f64)
        });
        times.collect()
    }

    fn plugin(&self, plugin: Plugin) -> PluginRow {
        let name = &plugin.name;
        let done = self.in_span(|sample| sample.totals.attempted(name, "done"));
        let failed = self.in_span(|sample| {
            sample.totals.attempted(name, "retry") + sample.totals.attempted(name, "rejected")
        });
        PluginRow {
            path: plugin_path(name),
            state: states::of_plugin(&plugin, self.shell.language),
            done: self.number(done),
            failed: self.number(failed),
            has_failed: failed > 0,
            since: plugin.revision.is_some().then(|| self.time(plugin.since)),
            revision: plugin.revision.as_deref().map(|digest| ui::revision_digits(digest).to_owned()),
            name: plugin.name,
        }
    }

    async fn sources(&self) -> Vec<SourceRow> {
        let heard = self.admin.db.last_received().await.unwrap_or_default();
        let config = self.admin.config.borrow().clone();
        let row = |name: &str| {
            let received = self.in_span(|sample| sample.totals.answered(name, "accepted"));
            let refused = self.in_span(|sample| sample.totals.answered(name, "unauthorized"));
            SourceRow {
                name: name.to_owned(),
                last: heard.iter().find(|(source, _)| source == name).map(|(_, at)| self.time(*at)),
                received: self.number(received),
                refused: self.number(refused),
                has_refused: refused > 0,
            }
        };
        config.sources.keys().map(|name| row(name.as_str())).collect()
    }
}
