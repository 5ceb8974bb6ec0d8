//! The dead letters: by plugin, reason and revision, and one by one.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::dead_effects::{self, EffectGroups};
use super::dead_letter_filters::{Filters, GROUPS, LIST, text};
use super::events::EventLink;
use super::listing::{Chip, Chips, Choice, LIMIT, Pager};
use super::shell::{Page, Section, Shell};
use super::ui::{TimeTag, revision_digits};
use super::visit::Visit;
use super::words::{DeadLettersWords, ListWords};
use crate::admin::api::extract::Query;
use crate::admin::api::{DeadGroup, DeadGroups, ListedDelivery, deliveries, groups};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::db::GROUPED_MAX;

/// Newest events among whose types there is a choice.
const TYPES_OF: u32 = 10_000;

/// The filters, and the place in the list.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ListQuery {
    #[serde(flatten)]
    filters: Filters,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    trail: String,
}

/// The filters, and the places in the lists of groups.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct GroupsQuery {
    #[serde(flatten)]
    list: ListQuery,
    /// The cursor of the groups of effects.
    #[serde(default)]
    effects: String,
}

#[derive(Template)]
#[template(path = "dead_letters.html")]
struct GroupsPage {
    shell: Shell,
    w: DeadLettersWords,
    lists: ListWords,
    filters: Filters,
    choices: Vec<Choice>,
    chips: Chips,
    groups: Vec<Group>,
    /// How many dead letters are in the groups, and in how many.
    count: String,
    pager: Pager,
    list: String,
    may_act: bool,
    effects: EffectGroups,
}

/// Dead letters of one plugin that failed for one reason on one revision.
struct Group {
    plugin: String,
    reason: Option<String>,
    revision: Option<String>,
    count: u64,
    count_text: String,
    newest: TimeTag,
    path: String,
}

#[derive(Template)]
#[template(path = "dead_letter_list.html")]
struct ListPage {
    shell: Shell,
    w: DeadLettersWords,
    filters: Filters,
    chips: Chips,
    rows: Vec<Row>,
    pager: Pager,
    may_act: bool,
}

/// A dead letter.
struct Row {
    event: EventLink,
    event_type: String,
    plugin: String,
    reason: Option<String>,
    revision: Option<String>,
    attempts: String,
    received: TimeTag,
}

/// `GET /dead-letters`
pub(super) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Query(query): Query<GroupsQuery>,
) -> Result<Response, Problem> {
    let w = DeadLettersWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::DeadLetters, w.title());
    let GroupsQuery { list: ListQuery { filters, cursor, trail }, effects } = query;
    let wanted = filters.groups_query(shell.now, text(&cursor));
    let found = groups::of_deliveries(reader.clone(), State(admin.clone()), Query(wanted)).await?.0;
    let choices = choices(&filters, &admin, &reader, &found.items, w).await?;
    let effects = dead_effects::find(reader, &admin, &filters, (effects.as_str(), &shell)).await?;
    let lists = ListWords(shell.language);
    let address = |more: &[(&str, &str)]| filters.address(GROUPS, None, more);
    Ok(Page(GroupsPage {
        chips: chips(&filters, &choices, GROUPS, &shell, w),
        pager: Pager::new(lists, (&cursor, &trail), found.next_cursor.as_deref(), address),
        count: describe_count(&found, !cursor.is_empty(), w),
        groups: found.items.into_iter().map(|found| group(found, &filters, &shell)).collect(),
        list: filters.address(LIST, None, &[]),
        may_act: may_act(&shell, &filters),
        lists,
        shell,
        w,
        filters,
        choices,
        effects,
    })
    .into_response())
}

/// `GET /dead-letters/list`
pub(super) async fn list(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let w = DeadLettersWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::DeadLetters, w.group_title());
    let ListQuery { filters, cursor, trail } = query;
    let wanted = filters.query(shell.now, text(&cursor), LIMIT);
    let page = deliveries::list(reader, State(admin), Query(wanted)).await?.0;
    let address = |more: &[(&str, &str)]| filters.address(LIST, None, more);
    let words = ListWords(shell.language);
    Ok(Page(ListPage {
        pager: Pager::new(words, (&cursor, &trail), page.next_cursor.as_deref(), address),
        chips: chips(&filters, &[], LIST, &shell, w),
        rows: page.items.into_iter().map(|found| row(found, &shell)).collect(),
        may_act: may_act(&shell, &filters),
        shell,
        w,
        filters,
    })
    .into_response())
}

/// Whether the reader may replay and discard what these filters select. A token for some plugins names one.
fn may_act(shell: &Shell, filters: &Filters) -> bool {
    shell.may_operate() && (shell.sees_all() || !filters.plugin.is_empty())
}

/// How many dead letters are in how many groups, and which dead letters these are if they are not all.
fn describe_count(found: &DeadGroups, is_later: bool, w: DeadLettersWords) -> String {
    let DeadGroups { items, groups, counted, next_cursor } = found;
    let part = u64::from(GROUPED_MAX);
    let of = match (is_later, next_cursor.is_some()) {
        (false, false) => None,
        (false, true) => Some(w.of_newest(part)),
        (true, true) => Some(w.of_older(part)),
        (true, false) => Some(w.of_oldest().to_owned()),
    };
    let shown = items.len() as u64;
    let largest = (shown < *groups).then(|| w.largest(shown));
    let count = format!("{} {}", w.count(*counted), w.groups(*groups));
    let whole = of.map_or_else(|| count.clone(), |of| format!("{count} {of}"));
    [Some(whole), largest].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn group(found: DeadGroup, filters: &Filters, shell: &Shell) -> Group {
    let DeadGroup { plugin, reason, revision, count, newest } = found;
    let revision = revision.as_deref().map(|digest| revision_digits(digest).to_owned());
    let of_reason = if shell.may_unmask() { filters.of_reason(reason.as_deref()) } else { filters.clone() };
    let failed_on = revision.clone().unwrap_or_default();
    let of_group = Filters { plugin: plugin.clone(), failed_on, ..of_reason };
    Group {
        path: of_group.address(LIST, None, &[]),
        count_text: shell.language.number(count),
        newest: TimeTag { at: newest.received_at, now: shell.now, language: shell.language },
        plugin,
        reason,
        revision,
        count,
    }
}

fn row(found: ListedDelivery, shell: &Shell) -> Row {
    Row {
        event: EventLink::new(shell, &found.source, found.event).at(&found.delivery.id).of_row(),
        attempts: shell.language.number(found.delivery.attempts.into()),
        received: TimeTag { at: found.received_at, now: shell.now, language: shell.language },
        revision: found.revision.as_deref().map(|digest| revision_digits(digest).to_owned()),
        event_type: found.event_type,
        plugin: found.delivery.plugin,
        reason: found.reason,
    }
}

/// The choices: what the groups have, and for readers of all plugins what is configured and came in lately.
async fn choices(
    filters: &Filters,
    admin: &AdminState,
    reader: &AllowedFor<need::Read>,
    found: &[DeadGroup],
    w: DeadLettersWords,
) -> Result<Vec<Choice>, Problem> {
    let names = |name: fn(&DeadGroup) -> &String| found.iter().map(|of| name(of).clone()).collect();
    let mut plugins: BTreeSet<String> = names(|of| &of.plugin);
    let mut types: BTreeSet<String> = names(|of| &of.newest.event_type);
    let mut sources: BTreeSet<String> = names(|of| &of.newest.source);
    plugins.extend((admin.plugins)().into_iter().map(|plugin| plugin.name).filter(|name| reader.sees(name)));
    if reader.sees_all() {
        let recent = admin.db.recent_types(TYPES_OF).await?;
        types.extend(recent.into_iter().map(|recent| recent.event_type));
        sources.extend(admin.config.borrow().sources.keys().map(ToString::to_string));
    }
    let same = |names: BTreeSet<String>| names.into_iter().map(|name| (name.clone(), name)).collect();
    let words = ListWords(w.0);
    let spans = [("1h", words.within_hour()), ("24h", words.within_day()), ("7d", words.within_week())];
    let spans = spans.map(|(word, name)| (word.to_owned(), name.to_owned()));
    Ok(vec![
        Choice::new("plugin", w.plugin(), same(plugins), &filters.plugin),
        Choice::new("type", w.event_type(), same(types), &filters.event_type),
        Choice::new("source", w.source(), same(sources), &filters.source),
        Choice::new("within", w.within(), spans.into(), &filters.within),
    ])
}

fn chips(
    filters: &Filters,
    choices: &[Choice],
    path: &'static str,
    shell: &Shell,
    w: DeadLettersWords,
) -> Chips {
    let set = filters.fields().into_iter().filter(|(field, value)| {
        // The chip of a reason stands for how it is compared.
        *field != "whole_reason" && (!value.trim().is_empty() || *field == "reason" && filters.is_whole())
    });
    let chip = |(field, value): (&'static str, &str)| {
        let name = match field {
            "plugin" => w.plugin(),
            "type" => w.event_type(),
            "source" => w.source(),
            "within" => w.within(),
            "reason" => w.reason(),
            _ => w.failed_on(),
        };
        let choice = choices.iter().find(|choice| choice.field == field);
        let value = if field == "reason" && value.is_empty() { w.no_reason() } else { value };
        let value = choice.map_or(value, Choice::chosen).to_owned();
        Chip { name, value, without: filters.address(path, Some(field), &[]) }
    };
    Chips { w: ListWords(shell.language), all: set.map(chip).collect(), clear: path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_says_what_it_covers() {
        use crate::admin::pages::language::Language;
        let words = DeadLettersWords(Language::English);
        let found = |next: Option<&str>| DeadGroups {
            items: Vec::new(),
            groups: 2,
            counted: 1500,
            next_cursor: next.map(str::to_owned),
        };
        let all = "1,500 dead letters in 2 groups";
        for (next, is_later, expected) in [
            (None, false, format!("{all}, only the 0 largest are shown")),
            (Some("9-1"), false, format!("{all} of the newest 20,000, only the 0 largest are shown")),
            (Some("9-1"), true, format!("{all} of 20,000 older ones, only the 0 largest are shown")),
            (None, true, format!("{all} of the oldest, only the 0 largest are shown")),
        ] {
            assert_eq!(describe_count(&found(next), is_later, words), expected);
        }
        let whole = DeadGroups { groups: 0, ..found(None) };
        assert_eq!(describe_count(&whole, false, words), "1,500 dead letters in 0 groups");
    }
}
