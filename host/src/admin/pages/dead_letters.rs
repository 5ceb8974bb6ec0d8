//! The dead letters: by plugin, reason and revision, and one by one.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::dead_effects::{self, EffectGroup};
use super::dead_letter_filters::{Filters, GROUPS, LIST, text};
use super::events::path_of;
use super::listing::{Chip, Chips, Choice, LIMIT, Pager};
use super::shell::{Page, Section, Shell};
use super::ui::{TimeTag, revision_digits};
use super::visit::Visit;
use super::words::{DeadLettersWords, ListWords};
use crate::admin::api::ListedDelivery;
use crate::admin::api::deliveries;
use crate::admin::api::extract::Query;
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// Dead letters that one read returns.
const READ: u32 = 500;
/// Reads for the groups: the newest dead letters are in them. Masked reasons take a read of each body.
const READS: usize = 4;
const READS_MASKED: usize = 1;
/// The longest part of a reason that a filter has, in characters.
const REASON_MAX: usize = 200;
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
    /// How many dead letters are in the groups.
    found: u64,
    /// Whether there are older ones that are in none.
    is_cut: bool,
    list: String,
    may_act: bool,
    effects: Vec<EffectGroup>,
    is_effects_cut: bool,
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
    event: String,
    path: String,
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
    Query(filters): Query<Filters>,
) -> Result<Response, Problem> {
    let w = DeadLettersWords(visit.language);
    let shell = Shell::new(&admin, &visit, Section::DeadLetters, w.title());
    let (found, is_cut) = find(&reader, &admin, &filters, &shell).await?;
    let (effects, is_effects_cut) = dead_effects::find(reader, &admin, &filters, shell.language).await?;
    let choices = choices(&filters, &found, w);
    let groups = group(&found, &filters, &shell);
    Ok(Page(GroupsPage {
        chips: chips(&filters, &choices, GROUPS, &shell, w),
        list: filters.address(LIST, None, &[]),
        may_act: may_act(&shell, &filters),
        found: found.len() as u64,
        is_cut,
        lists: ListWords(shell.language),
        shell,
        w,
        filters,
        choices,
        groups,
        effects,
        is_effects_cut,
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

/// The newest dead letters, and whether there are older ones.
async fn find(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    filters: &Filters,
    shell: &Shell,
) -> Result<(Vec<ListedDelivery>, bool), Problem> {
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..if shell.may_unmask() { READS } else { READS_MASKED } {
        let query = Query(filters.query(shell.now, cursor.take(), READ));
        let page = deliveries::list(reader.clone(), State(admin.clone()), query).await?.0;
        found.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok((found, cursor.is_some()))
}

/// The groups, the largest first.
fn group(found: &[ListedDelivery], filters: &Filters, shell: &Shell) -> Vec<Group> {
    let mut groups = BTreeMap::<_, (u64, u64)>::new();
    for letter in found {
        let key = (&letter.delivery.plugin, &letter.reason, &letter.revision);
        let (count, newest) = groups.entry(key).or_default();
        *count += 1;
        *newest = letter.received_at.max(*newest);
    }
    let group =
        |((plugin, reason, revision), (count, newest)): ((&String, &Option<String>, &Option<String>), _)| {
            let part = reason.as_deref().filter(|_| shell.may_unmask()).map(filter_of);
            let of_group = Filters {
                plugin: plugin.clone(),
                reason: part.unwrap_or_default(),
                failed_on: revision
                    .as_deref()
                    .map(|digest| revision_digits(digest).to_owned())
                    .unwrap_or_default(),
                ..filters.clone()
            };
            Group {
                plugin: plugin.clone(),
                reason: reason.clone(),
                revision: revision.as_deref().map(|digest| revision_digits(digest).to_owned()),
                count,
                count_text: shell.language.number(count),
                newest: TimeTag { at: newest, now: shell.now, language: shell.language },
                path: of_group.address(LIST, None, &[]),
            }
        };
    let mut groups: Vec<_> = groups.into_iter().map(group).collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then(b.newest.at.cmp(&a.newest.at)));
    groups
}

/// The part of a reason that a filter has: its beginning.
fn filter_of(reason: &str) -> String {
    reason.trim().chars().take(REASON_MAX).collect()
}

fn row(found: ListedDelivery, shell: &Shell) -> Row {
    Row {
        path: format!("{}#d{}", path_of(&found.source, &found.event), found.delivery.id),
        attempts: shell.language.number(found.delivery.attempts.into()),
        received: TimeTag { at: found.received_at, now: shell.now, language: shell.language },
        revision: found.revision.as_deref().map(|digest| revision_digits(digest).to_owned()),
        event: found.event,
        event_type: found.event_type,
        plugin: found.delivery.plugin,
        reason: found.reason,
    }
}

fn choices(filters: &Filters, found: &[ListedDelivery], w: DeadLettersWords) -> Vec<Choice> {
    let names = |name: fn(&ListedDelivery) -> &String| {
        let mut names: Vec<_> = found.iter().map(|of| name(of).clone()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| (name.clone(), name)).collect::<Vec<_>>()
    };
    let words = ListWords(w.0);
    let spans = [("1h", words.within_hour()), ("24h", words.within_day()), ("7d", words.within_week())];
    let spans = spans.map(|(word, name)| (word.to_owned(), name.to_owned()));
    vec![
        Choice::new("plugin", w.plugin(), names(|of| &of.delivery.plugin), &filters.plugin),
        Choice::new("type", w.event_type(), names(|of| &of.event_type), &filters.event_type),
        Choice::new("source", w.source(), names(|of| &of.source), &filters.source),
        Choice::new("within", w.within(), spans.into(), &filters.within),
    ]
}

fn chips(
    filters: &Filters,
    choices: &[Choice],
    path: &'static str,
    shell: &Shell,
    w: DeadLettersWords,
) -> Chips {
    let set = filters.fields().into_iter().filter(|(_, value)| !value.trim().is_empty());
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
        let value = choice.map_or(value, Choice::chosen).to_owned();
        Chip { name, value, without: filters.address(path, Some(field), &[]) }
    };
    Chips { w: ListWords(shell.language), all: set.map(chip).collect(), clear: path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_the_beginning_of_a_reason() {
        assert_eq!(filter_of(" timed out "), "timed out");
        assert_eq!(filter_of(&"é".repeat(500)).chars().count(), REASON_MAX);
    }
}
