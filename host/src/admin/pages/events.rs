//! The list of events: search, with filters in the address.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::listing::{self, Chip, Chips, Choice, LIMIT, Pager, encode, span_ms};
use super::shell::{Page, Section, Shell};
use super::states;
use super::ui::{StateTag, TimeTag};
use super::visit::Visit;
use super::words::{EventsWords, ListWords};
use crate::admin::api::events::{self, EventQuery};
use crate::admin::api::extract::Query;
use crate::admin::api::{EventState, EventSummary};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::delivery;

/// The newest events whose types are offered as filters.
const TYPES_OF: u32 = 2000;
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
    lists: ListWords,
    filters: Filters,
    choices: Vec<Choice>,
    chips: Chips,
    rows: Vec<EventRow>,
    pager: Pager,
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
        let fields = self.fields();
        let set = fields.into_iter().filter(|(name, _)| but_for != Some(*name));
        listing::address("/events", set.chain(more.iter().copied()))
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
}

/// The address of an event's page.
pub(super) fn path_of(source: &str, id: &str) -> String {
    format!("/events/{}/{}", encode(source), encode(id))
}

/// The id of an event on another page, with a link for those who may follow it: a token for some plugins sees no page of
/// an event.
#[derive(Template)]
#[template(path = "parts/event_link.html")]
pub(super) struct EventLink {
    id: String,
    path: Option<String>,
    class: &'static str,
    /// What follows the id for those who hear the page.
    more: Option<String>,
}

// Templates escape what is in them.
impl HtmlSafe for EventLink {}

impl EventLink {
    /// The event of this source with this id.
    pub(super) fn new(shell: &Shell, source: &str, id: String) -> Self {
        let path = shell.sees_all().then(|| path_of(source, &id));
        Self { id, path, class: "code", more: None }
    }

    /// Links to one of its deliveries.
    pub(super) fn at(self, delivery: &str) -> Self {
        Self { path: self.path.map(|path| format!("{path}#d{delivery}")), ..self }
    }

    /// Is the link of a whole row.
    pub(super) fn of_row(self) -> Self {
        Self { class: "row code", ..self }
    }

    /// Says more than the id.
    pub(super) fn with(self, more: String) -> Self {
        Self { more: Some(more), ..self }
    }
}

/// `GET /events`
pub(super) async fn show(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Query(filters): Query<Filters>,
) -> Result<Response, Problem> {
    let (w, lists) = (EventsWords(visit.language), ListWords(visit.language));
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
        pager: Pager::new(lists, (&filters.cursor, &filters.trail), page.next_cursor.as_deref(), |more| {
            filters.address(None, more)
        }),
        newest: filters.address(None, &[]),
        is_complete: page.complete,
        shell,
        w,
        lists,
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
    let words = ListWords(w.0);
    let spans = [("1h", words.within_hour()), ("24h", words.within_day()), ("7d", words.within_week())];
    let spans = spans.map(|(word, name)| (word.to_owned(), name.to_owned()));
    let choice = Choice::new;
    Ok(vec![
        choice("state", w.state(), states.into(), &filters.state),
        choice("source", w.source(), sources, &filters.source),
        choice("plugin", w.plugin(), plugins, &filters.plugin),
        choice("type", w.event_type(), types, &filters.event_type),
        choice("within", w.within(), spans.into(), &filters.within),
    ])
}

fn chips(filters: &Filters, choices: &[Choice], w: EventsWords) -> Chips {
    let chip = |(field, value): &(&'static str, &str)| {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        let without = filters.address(Some(field), &[]);
        if let Some(choice) = choices.iter().find(|choice| choice.field == *field) {
            return Some(Chip { name: choice.name, value: choice.chosen().to_owned(), without });
        }
        let name = match *field {
            "reason" => w.reason(),
            "outcome" => w.outcome(),
            _ => w.search(),
        };
        Some(Chip { name, value: value.to_owned(), without })
    };
    let all = filters.fields().iter().filter_map(chip).collect();
    Chips { w: ListWords(w.0), all, clear: "/events" }
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
