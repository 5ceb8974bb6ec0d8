//! The plugins: which of them handles which types of events, with a switch for each.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::language::Language;
use super::shell::{Page, Section, Shell};
use super::states;
use super::ui::{StateTag, Tone, revision_digits};
use super::visit::Visit;
use super::words::{PluginsWords, StateWords};
use crate::admin::api::extract::{Path, Query};
use crate::admin::api::{
    HeldChoice, MatrixPlugin, MatrixType, Plugin, ReleaseProgress, WaitsFor, plugins, switches,
};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::hour::{self, Sample};
use crate::admin::{AdminState, Problem};
use crate::event::EventPattern;

/// How long a change of a switch can be undone beside it, in ms.
const UNDO_MS: u64 = 10_000;

#[derive(Template)]
#[template(path = "plugins.html")]
struct PluginsPage {
    shell: Shell,
    w: PluginsWords,
    groups: Vec<Group>,
    columns: Vec<String>,
    rows: Vec<PluginRow>,
    /// The marks' classes and words.
    legend: [(&'static str, &'static str); 4],
}

/// Columns of types that the same sources send.
struct Group {
    name: String,
    columns: usize,
}

struct PluginRow {
    name: String,
    /// The plugin's page, if it is here.
    path: Option<String>,
    state: StateTag,
    remark: Remark,
    cells: Vec<Cell>,
    has_types: bool,
}

/// What a row says beneath the plugin's name.
#[derive(Default)]
struct Remark {
    /// Whether it answers what the reader did.
    is_answer: bool,
    is_bad: bool,
    /// A type, or a family of types, that it is about.
    types: Option<String>,
    text: String,
    /// The host's reason for a refusal, in English.
    quote: Option<String>,
    undo: Option<Undo>,
    ask: Option<Ask>,
}

/// A change that the reader may take back.
struct Undo {
    /// The value of the button that does.
    value: String,
    /// Time that is left, in ms.
    left: u64,
}

/// Asks what becomes of deliveries that a switch held.
struct Ask {
    held: u64,
    run: String,
    discard: String,
}

/// What a plugin does with events of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    On,
    Off,
    OffByConfig,
    NotHandled,
}

impl Mark {
    const ALL: [Self; 4] = [Self::On, Self::Off, Self::OffByConfig, Self::NotHandled];

    fn of(row: &MatrixType) -> Self {
        match row {
            // A switch that matters to no handler can still be turned on again.
            MatrixType { handles: false, switch: true, .. } => Self::NotHandled,
            MatrixType { config: false, .. } => Self::OffByConfig,
            MatrixType { switch: true, .. } => Self::On,
            MatrixType { .. } => Self::Off,
        }
    }

    /// The class of the mark.
    fn class(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::OffByConfig => "config",
            Self::NotHandled => "none",
        }
    }

    fn word(self, w: PluginsWords) -> &'static str {
        match self {
            Self::On => w.on(),
            Self::Off => w.off(),
            Self::OffByConfig => w.off_by_config(),
            Self::NotHandled => w.not_handled(),
        }
    }
}

struct Cell {
    class: &'static str,
    word: &'static str,
    is_on: bool,
    types: String,
    /// Which switch decides, and who set it.
    title: String,
    /// The value of the button, for readers who may switch.
    value: Option<String>,
    /// Whether it is the first of its group.
    begins_group: bool,
}

/// What the page has to say about a switch.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    plugin: String,
    #[serde(rename = "type")]
    types: String,
    /// The release of held deliveries that the change began.
    release: Option<i64>,
    /// Deliveries that the switch holds, if the reader is to say what becomes of them.
    #[serde(skip)]
    held: u64,
}

impl Said {
    /// Asks what becomes of so many held deliveries.
    pub(super) fn ask(plugin: String, types: String, held: u64) -> Self {
        Self { plugin, types, release: None, held }
    }
}

/// The address of a plugin's page.
pub(super) fn plugin_path(name: &str) -> String {
    // A name needs no escapes.
    format!("/plugins/{name}")
}

/// `GET /plugins`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Query(said): Query<Said>,
) -> Result<Response, Problem> {
    page(reader, admin, visit, said).await
}

/// The page, with what it has to say about a switch.
pub(super) async fn page(
    reader: AllowedFor<need::Read>,
    admin: AdminState,
    visit: Visit,
    said: Said,
) -> Result<Response, Problem> {
    let w = PluginsWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::Plugins, w.title());
    let known = plugins::list(reader.clone(), State(admin.clone())).await?.0.items;
    let matrix = switches::matrix(reader.clone(), State(admin.clone())).await?.0.plugins;
    let release = match said.release {
        Some(number) => switches::held_release(reader, State(admin.clone()), Path(number)).await.ok(),
        None => None,
    };
    let samples = admin.hour.until(admin.hour.take(admin.db.backlog(), 0));
    let (groups, columns) = columns(&matrix, w);
    let release = release.map(|release| release.0);
    let context = Context { shell: &shell, w, samples: &samples, columns: &columns, said: &said, release };
    let rows = matrix.iter().map(|plugin| {
        let view = known.iter().find(|known| known.name == plugin.name);
        context.row(plugin, view)
    });
    let rows = rows.collect();
    let columns = columns.into_iter().map(|column| column.types).collect();
    let legend = Mark::ALL.map(|mark| (mark.class(), mark.word(w)));
    Ok(Page(PluginsPage { shell, w, groups, columns, rows, legend }).into_response())
}

struct Column {
    types: String,
    begins_group: bool,
}

/// The types of all plugins, by their sources: those of one source, of several, and of none that is known.
fn columns(matrix: &[MatrixPlugin], w: PluginsWords) -> (Vec<Group>, Vec<Column>) {
    let mut sources = BTreeMap::<&str, BTreeSet<&str>>::new();
    for row in matrix.iter().flat_map(|plugin| &plugin.types) {
        sources.entry(&row.types).or_default().extend(row.sources.iter().map(String::as_str));
    }
    let mut by_group = BTreeMap::<(usize, &str), Vec<&str>>::new();
    for (types, sources) in sources {
        let group = match (sources.len(), sources.first()) {
            (1, Some(source)) => (0, *source),
            (0, _) => (2, w.no_source()),
            _ => (1, w.several_sources()),
        };
        by_group.entry(group).or_default().push(types);
    }
    let groups =
        by_group.iter().map(|((_, name), types)| Group { name: (*name).into(), columns: types.len() });
    let groups = groups.collect();
    let columns = by_group.values().flat_map(|types| {
        types.iter().enumerate().map(|(at, types)| Column { types: (*types).into(), begins_group: at == 0 })
    });
    (groups, columns.collect())
}

/// The narrowest of a plugin's rows that is about all of these types: it says what is so for them.
fn covering<'a>(plugin: &'a MatrixPlugin, types: &str) -> Option<&'a MatrixType> {
    let wanted = EventPattern::new(types);
    let covers = |row: &&MatrixType| EventPattern::new(&row.types).covers(&wanted);
    plugin.types.iter().filter(covers).max_by_key(|row| (row.types == types, row.types.len()))
}

struct Context<'a> {
    shell: &'a Shell,
    w: PluginsWords,
    samples: &'a [Sample],
    columns: &'a [Column],
    said: &'a Said,
    release: Option<ReleaseProgress>,
}

impl Context<'_> {
    fn language(&self) -> Language {
        self.shell.language
    }

    fn row(&self, plugin: &MatrixPlugin, view: Option<&Plugin>) -> PluginRow {
        let absent = StateTag { tone: Tone::Quiet, word: StateWords(self.language()).plugin_absent() };
        PluginRow {
            path: view.map(|view| plugin_path(&view.name)),
            state: view.map_or(absent, |view| states::of_plugin(view, self.language())),
            remark: self.answer(plugin).unwrap_or_else(|| self.remark(&plugin.name, view)),
            cells: self.columns.iter().map(|column| self.cell(plugin, column)).collect(),
            has_types: !plugin.types.is_empty(),
            name: plugin.name.clone(),
        }
    }

    fn cell(&self, plugin: &MatrixPlugin, column: &Column) -> Cell {
        let row = covering(plugin, &column.types);
        let mark = row.map_or(Mark::NotHandled, Mark::of);
        let by = row.and_then(|row| row.switched_by.as_ref().zip(row.changed_by.as_ref()));
        let by = by.map(|(types, by)| self.w.switched_by(types, by));
        let note = row.and_then(|row| row.note.clone());
        let parts = [Some(mark.word(self.w).to_owned()), by, note];
        let action = match mark {
            Mark::On => Some("off"),
            Mark::Off => Some("on"),
            Mark::OffByConfig | Mark::NotHandled => None,
        };
        let action = action.filter(|_| self.shell.may_operate());
        Cell {
            class: mark.class(),
            word: mark.word(self.w),
            is_on: mark == Mark::On,
            title: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
            value: action.map(|action| format!("{action} {} {}", plugin.name, column.types)),
            types: column.types.clone(),
            begins_group: column.begins_group,
        }
    }

    /// The answer to what the reader did, in the row of the plugin.
    fn answer(&self, plugin: &MatrixPlugin) -> Option<Remark> {
        let (w, types) = (self.w, &self.said.types);
        let row = covering(plugin, types).filter(|_| self.said.plugin == plugin.name)?;
        let value = |action: &str| format!("{action} {} {types}", plugin.name);
        if self.said.held > 0 && !row.switch {
            let ask = Ask { held: self.said.held, run: value("on-run"), discard: value("on-discard") };
            let text = w.held(self.said.held);
            return Some(Remark {
                is_answer: true,
                types: Some(types.clone()),
                text,
                ask: Some(ask),
                ..Remark::default()
            });
        }
        let changed_at = row.changed_at?;
        let mut text = if row.switch { w.is_on() } else { w.is_off() }.to_owned();
        if let Some(release) = self.release.as_ref().filter(|of| of.found > 0 && row.switch) {
            let held = match release.action {
                HeldChoice::Run => w.released(release.found),
                HeldChoice::Discard => w.discarded(release.found),
            };
            text = format!("{text}; {held}");
        }
        let left = (changed_at + UNDO_MS).saturating_sub(self.shell.now);
        let undo = Undo { value: value(if row.switch { "off" } else { "on-run" }), left };
        Some(Remark {
            is_answer: true,
            types: Some(types.clone()),
            text,
            undo: Some(undo).filter(|undo| undo.left > 0 && self.shell.may_operate()),
            ..Remark::default()
        })
    }

    /// What the row says about the plugin itself.
    fn remark(&self, name: &str, view: Option<&Plugin>) -> Remark {
        let w = self.w;
        let Some(plugin) = view else { return Remark { text: w.absent().into(), ..Remark::default() } };
        if let Some(refusal) = &plugin.refusal {
            let (text, quote) = (w.refused().to_owned(), Some(refusal.clone()));
            return Remark { is_bad: true, text, quote, ..Remark::default() };
        }
        let count = |outcome: &str| hour::increase(self.samples, |of| of.totals.attempted(name, outcome));
        let (done, failed) = (count("done"), count("retry") + count("rejected"));
        let number = |number| self.language().number(number);
        let text = match &plugin.waiting {
            _ if plugin.paused_at.is_some() => w.paused().to_owned(),
            _ if plugin.breaker_until.is_some() => w.broken().to_owned(),
            Some(waiting) => {
                let digits = revision_digits(&waiting.digest);
                match waiting.waits_for {
                    WaitsFor::Approval => w.waits_approval(digits),
                    WaitsFor::Unpin => w.waits_unpin(digits),
                }
            }
            None if failed > 0 => w.failed_hour(number(failed), number(done + failed)),
            None => w.done_hour(done),
        };
        Remark { text, ..Remark::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(types: &str, sources: &[&str], [handles, config, switch]: [bool; 3]) -> MatrixType {
        MatrixType {
            types: types.into(),
            sources: sources.iter().map(|&source| source.into()).collect(),
            handles,
            config,
            switch,
            effective: handles && config && switch,
            switched_by: None,
            changed_at: None,
            changed_by: None,
            note: None,
        }
    }

    fn plugin(name: &str, types: Vec<MatrixType>) -> MatrixPlugin {
        MatrixPlugin { name: name.into(), types }
    }

    #[test]
    fn columns_are_grouped_by_the_sources_of_their_types() {
        let matrix = [
            plugin("sms", vec![row("b", &["shop"], [true; 3]), row("c", &[], [true; 3])]),
            plugin("all", vec![row("*", &["desk", "shop"], [true; 3]), row("a", &["shop"], [true; 3])]),
        ];
        let (groups, columns) = columns(&matrix, PluginsWords(Language::English));
        let groups: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.columns)).collect();
        assert_eq!(groups, [("shop", 2), ("several sources", 1), ("no recent event", 1)]);
        let columns: Vec<_> = columns.iter().map(|of| (of.types.as_str(), of.begins_group)).collect();
        assert_eq!(columns, [("a", true), ("b", false), ("*", true), ("c", true)]);
    }

    #[test]
    fn the_narrowest_row_says_what_a_plugin_does_with_a_type() {
        let all = plugin(
            "all",
            vec![
                row("*", &[], [true, false, true]),
                row("a.*", &[], [true, true, true]),
                row("a.b", &[], [true, true, false]),
                row("b.c", &[], [false, true, true]),
            ],
        );
        let mark = |types| covering(&all, types).map(Mark::of);
        assert_eq!(mark("a.b"), Some(Mark::Off));
        assert_eq!(mark("a.c"), Some(Mark::On));
        assert_eq!(mark("a.*"), Some(Mark::On));
        assert_eq!(mark("x"), Some(Mark::OffByConfig));
        assert_eq!(mark("b.c"), Some(Mark::NotHandled));
        assert_eq!(covering(&plugin("none", vec![row("a", &[], [true; 3])]), "a.*").map(Mark::of), None);
    }
}
