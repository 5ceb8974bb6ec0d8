//! The list of events: search, with filters in the address.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::shell::{Page, Section, Shell};
use super::states;
use super::ui::{StateTag, TimeTag};
use super::visit::Visit;
use super::words::EventsWords;
use crate::admin::api::events::{self, EventQuery};
use crate::admin::api::extract::Query;
use crate::admin::api::{EventState, EventSummary};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::delivery;

/// Events on a page.
const LIMIT: u32 = 50;
/// The newest events whose types are offered as filters.
const TYPES_OF: u32 = 2000;
/// Earlier pages that "newer" finds its way back through.
const TRAIL_MAX: usize = 50;

/// The filters and the place in the list, as the address has them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    search: String,
    state: String,
    source: String,
    plugin: String,
    #[serde(rename = "type")]
    event_type: String,
    within: String,
    reason: String,
    outcome: String,
    cursor: String,
    /// The cursors of the pages before this one, with commas between them. The first page has none.
    trail: String,
}

/// A filter that is set.
struct Chip {
    name: &'static str,
    value: String,
    /// The address without it.
    without: String,
}

/// A filter to choose.
struct Choice {
    field: &'static str,
    name: &'static str,
    /// Values and their names.
    options: Vec<(String, String)>,
    value: String,
}

struct EventRow {
    id: String,
    path: String,
    run_path: Option<String>,
    event_type: String,
    source: String,
    state: StateTag,
    deliveries: String,
    received: TimeTag,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    shell: Shell,
    w: EventsWords,
    filters: Filters,
    choices: Vec<Choice>,
    chips: Vec<Chip>,
    rows: Vec<EventRow>,
    older: Option<String>,
    newer: Option<String>,
    /// The first page with these filters, where new events are.
    newest: String,
    is_complete: bool,
    /// Whether the news can tell which events match.
    counts_news: bool,
}

impl Filters {
    /// The fields that filter, in the order of the chips.
    fn fields(&self) -> [(&'static str, &str); 8] {
        [
            ("search", &self.search),
            ("state", &self.state),
            ("source", &self.source),
            ("plugin", &self.plugin),
            ("type", &self.event_type),
            ("within", &self.within),
            ("reason", &self.reason),
            ("outcome", &self.outcome),
        ]
    }

    /// The address of the list with these filters, but for one, and with these other parameters.
    fn address(&self, but_for: Option<&str>, more: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let fields = self.fields();
        let set = fields.iter().filter(|(name, value)| !value.trim().is_empty() && but_for != Some(*name));
        query.extend_pairs(set).extend_pairs(more.iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        if query.is_empty() { "/events".into() } else { format!("/events?{query}") }
    }

    fn into_query(self, now: u64) -> EventQuery {
        let text = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        EventQuery {
            cursor: text(self.cursor),
            limit: Some(LIMIT),
            event_type: text(self.event_type),
            source: text(self.source),
            state: text(self.state),
            search: text(self.search),
            plugin: text(self.plugin),
            since: span_ms(&self.within).map(|span| now.saturating_sub(span)),
            reason: text(self.reason),
            outcome: text(self.outcome),
            ..EventQuery::default()
        }
    }

    fn older(&self, next: Option<&str>) -> Option<String> {
        let next = next?;
        // The first page has no cursor; a dash stands for it.
        let here = if self.cursor.is_empty() { "-" } else { &self.cursor };
        let mut trail: Vec<_> = self.trail.split(',').filter(|cursor| !cursor.is_empty()).collect();
        trail.push(here);
        let trail = trail.split_off(trail.len().saturating_sub(TRAIL_MAX)).join(",");
        Some(self.address(None, &[("cursor", next), ("trail", &trail)]))
    }

    fn newer(&self) -> Option<String> {
        if self.cursor.is_empty() {
            return None;
        }
        let mut trail: Vec<_> = self.trail.split(',').filter(|cursor| !cursor.is_empty()).collect();
        let cursor = trail.pop().filter(|cursor| *cursor != "-").unwrap_or_default();
        Some(self.address(None, &[("cursor", cursor), ("trail", &trail.join(","))]))
    }
}

/// A time span of the filter, in ms.
fn span_ms(word: &str) -> Option<u64> {
    let hours = match word {
        "1h" => 1,
        "24h" => 24,
        "7d" => 7 * 24,
        _ => return None,
    };
    Some(hours * 3_600_000)
}

/// The address of an event's page.
pub(super) fn path_of(source: &str, id: &str) -> String {
    format!("/events/{}/{}", encode(source), encode(id))
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// `GET /events`
pub(super) async fn show(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Query(filters): Query<Filters>,
) -> Result<Response, Problem> {
    let w = EventsWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::Events, w.title());
    let query = Query(filters.clone().into_query(shell.now));
    let page = events::list(reader, State(admin.clone()), query).await?.0;
    let choices = choices(&admin, &filters, w).await?;
    let chips = chips(&filters, &choices, w);
    let rows = page.items.into_iter().map(|event| row(event, &shell, w)).collect();
    // The script compares sources and types only.
    let uncounted = filters.fields().into_iter().filter(|(field, _)| !matches!(*field, "source" | "type"));
    let counts_news = uncounted.into_iter().all(|(_, value)| value.trim().is_empty());
    Ok(Page(EventsPage {
        older: filters.older(page.next_cursor.as_deref()),
        newer: filters.newer(),
        newest: filters.address(None, &[]),
        is_complete: page.complete,
        shell,
        w,
        filters,
        choices,
        chips,
        rows,
        counts_news,
    })
    .into_response())
}

async fn choices(admin: &AdminState, filters: &Filters, w: EventsWords) -> Result<Vec<Choice>, Problem> {
    let same = |name: &str| (name.to_owned(), name.to_owned());
    let states = states::event_states(w.0).map(|(word, name)| (word.to_owned(), name.to_owned()));
    let config = admin.config.borrow().clone();
    let sources = config.sources.keys().map(|name| same(name.as_str())).collect();
    let mut plugins: Vec<_> = (admin.plugins)().iter().map(|plugin| same(&plugin.name)).collect();
    plugins.sort_unstable();
    let recent = admin.db.recent_types(TYPES_OF).await?;
    let mut types: Vec<_> = recent.iter().map(|recent| same(&recent.event_type)).collect();
    types.sort_unstable();
    types.dedup();
    let spans = [("1h", w.within_hour()), ("24h", w.within_day()), ("7d", w.within_week())];
    let spans = spans.map(|(word, name)| (word.to_owned(), name.to_owned()));
    let choice = |field, name, mut options: Vec<(String, String)>, value: &str| {
        // What the address has is offered even if nothing else has it any more.
        if !value.is_empty() && !options.iter().any(|(known, _)| known == value) {
            options.push(same(value));
        }
        Choice { field, name, options, value: value.to_owned() }
    };
    Ok(vec![
        choice("state", w.state(), states.into(), &filters.state),
        choice("source", w.source(), sources, &filters.source),
        choice("plugin", w.plugin(), plugins, &filters.plugin),
        choice("type", w.event_type(), types, &filters.event_type),
        choice("within", w.within(), spans.into(), &filters.within),
    ])
}

fn chips(filters: &Filters, choices: &[Choice], w: EventsWords) -> Vec<Chip> {
    let chip = |(field, value): &(&'static str, &str)| {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        let choice = choices.iter().find(|choice| choice.field == *field);
        let known = choice.and_then(|choice| choice.options.iter().find(|(word, _)| word == value));
        let name = choice.map_or_else(
            || match *field {
                "reason" => w.reason(),
                "outcome" => w.outcome(),
                _ => w.search(),
            },
            |choice| choice.name,
        );
        let value = known.map_or(value, |(_, name)| name).to_owned();
        Some(Chip { name, value, without: filters.address(Some(field), &[]) })
    };
    filters.fields().iter().filter_map(chip).collect()
}

fn row(event: EventSummary, shell: &Shell, w: EventsWords) -> EventRow {
    let (path, all) = (path_of(&event.source, &event.id), event.deliveries.len());
    let done = event.deliveries.iter().filter(|delivery| delivery.state == delivery::State::Done).count();
    let deliveries = match event.deliveries.as_slice() {
        [] => w.no_plugin().to_owned(),
        [only] => only.plugin.clone(),
        _ => w.of(done, all),
    };
    let needs_run = matches!(event.state, EventState::Dead | EventState::Unhandled);
    EventRow {
        run_path: (needs_run && shell.may_operate()).then(|| format!("{path}#run")),
        path,
        state: states::of_event(event.state, shell.language),
        received: TimeTag { at: event.received_at, now: shell.now, language: shell.language },
        deliveries,
        id: event.id,
        event_type: event.event_type,
        source: event.source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters() -> Filters {
        Filters { search: "+224 62&=".into(), state: "dead".into(), ..Filters::default() }
    }

    #[test]
    fn the_address_has_the_filters_that_are_set() {
        assert_eq!(Filters::default().address(None, &[]), "/events");
        assert_eq!(filters().address(None, &[]), "/events?search=%2B224+62%26%3D&state=dead");
        assert_eq!(filters().address(Some("search"), &[("cursor", "7")]), "/events?state=dead&cursor=7");
    }

    #[test]
    fn older_and_newer_pages_lead_to_each_other() {
        let first = Filters::default();
        assert_eq!(first.newer(), None);
        assert_eq!(first.older(None), None);
        assert_eq!(first.older(Some("90")), Some("/events?cursor=90&trail=-".into()));
        let second = Filters { cursor: "90".into(), trail: "-".into(), ..Filters::default() };
        assert_eq!(second.newer(), Some("/events".into()));
        assert_eq!(second.older(Some("40")), Some("/events?cursor=40&trail=-%2C90".into()));
        let third = Filters { cursor: "40".into(), trail: "-,90".into(), ..Filters::default() };
        assert_eq!(third.newer(), Some("/events?cursor=90&trail=-".into()));
    }

    #[test]
    fn empty_filters_are_none() {
        let query = Filters { source: " ".into(), within: "1h".into(), ..filters() }.into_query(10_000_000);
        assert_eq!((query.source, query.search.as_deref()), (None, Some("+224 62&=")));
        assert_eq!(query.since, Some(6_400_000));
    }

    #[test]
    fn the_path_of_an_event_has_any_id() {
        assert_eq!(
            path_of("moncreneau", "a/../b?#<é>"),
            "/events/moncreneau/a%2F%2E%2E%2Fb%3F%23%3C%C3%A9%3E"
        );
    }
}
