//! Dead effects on the page of the dead letters: by plugin and answer, each group with the way to replay or discard it.

use axum::extract::State;

use super::dead_letter_filters::{Filters, GROUPS, text};
use super::events::EventLink;
use super::shell::Shell;
use super::words::DeadLettersWords;
use crate::admin::api::extract::Query;
use crate::admin::api::{DeadGroup, groups};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// Dead effects in groups.
pub(super) struct EffectGroups {
    pub(super) groups: Vec<EffectGroup>,
    /// How many dead effects are in how many groups.
    pub(super) count: String,
    /// Where the groups of older ones are.
    pub(super) older: Option<String>,
    /// Where the first groups are, from those of older ones.
    pub(super) newest: Option<String>,
}

/// Dead effects of one plugin with one answer.
pub(super) struct EffectGroup {
    pub(super) plugin: String,
    pub(super) summary: String,
    pub(super) answer: Option<String>,
    /// The newest event.
    pub(super) event: EventLink,
    pub(super) count: u64,
    pub(super) count_text: String,
    /// What selects them.
    pub(super) filters: Filters,
}

/// The groups that the filters select, from a place on.
pub(super) async fn find(
    reader: AllowedFor<need::Read>,
    admin: &AdminState,
    filters: &Filters,
    (cursor, shell): (&str, &Shell),
) -> Result<EffectGroups, Problem> {
    let Some(query) = filters.effects_query(shell.now, text(cursor)) else {
        return Ok(EffectGroups { groups: Vec::new(), count: String::new(), older: None, newest: None });
    };
    let w = DeadLettersWords(shell.language);
    let found = groups::of_effects(reader, State(admin.clone()), Query(query)).await?.0;
    Ok(EffectGroups {
        count: format!("{} {}", w.of_effects(found.counted), w.groups(found.groups)),
        older: found.next_cursor.map(|next| filters.address(GROUPS, None, &[("effects", &next)])),
        newest: (!cursor.is_empty()).then(|| filters.address(GROUPS, None, &[])),
        groups: found.items.into_iter().map(|found| group(found, filters, shell)).collect(),
    })
}

fn group(found: DeadGroup, filters: &Filters, shell: &Shell) -> EffectGroup {
    let DeadGroup { plugin, reason: answer, count, newest, .. } = found;
    let of_reason = if shell.may_unmask() { filters.of_reason(answer.as_deref()) } else { filters.clone() };
    let filters = Filters { plugin: plugin.clone(), ..of_reason };
    EffectGroup {
        event: EventLink::new(shell, &newest.source, newest.event).at(&newest.delivery),
        summary: newest.summary.unwrap_or_default(),
        count_text: shell.language.number(count),
        plugin,
        answer,
        count,
        filters,
    }
}
