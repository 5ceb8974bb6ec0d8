//! Dead effects on the page of the dead letters: by plugin and answer, and what somebody does with them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Redirect;
use serde::Deserialize;

use super::dead_letter_filters::{Filters, GROUPS};
use super::events::path_of;
use super::forms::FormBody;
use super::language::Language;
use crate::admin::api::effects::{self, EffectQuery};
use crate::admin::api::extract::{JsonBody, Query};
use crate::admin::api::{EffectSelection, ListedEffect};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// Dead effects that are read.
const READ: u32 = 200;

/// Dead effects of one plugin with one answer.
pub(super) struct EffectGroup {
    pub(super) plugin: String,
    pub(super) summary: String,
    pub(super) answer: Option<String>,
    /// The newest event.
    pub(super) event: String,
    pub(super) path: String,
    pub(super) count: u64,
    pub(super) count_text: String,
    /// Their keys, with commas between them.
    pub(super) keys: String,
}

/// The form about some of them.
#[derive(Deserialize)]
pub(super) struct EffectsForm {
    /// Their keys, with commas between them.
    keys: String,
    plugin: String,
}

impl EffectsForm {
    fn selection(&self) -> JsonBody<EffectSelection> {
        let keys = self.keys.split(',').map(str::to_owned).collect();
        JsonBody(EffectSelection { keys: Some(keys), plugin: Some(self.plugin.clone()) })
    }
}

/// The newest dead effects, and whether there are older ones.
pub(super) async fn find(
    reader: AllowedFor<need::Read>,
    admin: &AdminState,
    filters: &Filters,
    language: Language,
) -> Result<(Vec<EffectGroup>, bool), Problem> {
    let others = [&filters.event_type, &filters.source, &filters.within, &filters.reason, &filters.failed_on];
    if others.iter().any(|value| !value.is_empty()) {
        return Ok((Vec::new(), false));
    }
    let query = EffectQuery::dead(Some(filters.plugin.clone()).filter(|name| !name.is_empty()), READ);
    let found = effects::list(reader, State(admin.clone()), Query(query)).await?.0;
    let is_cut = found.next_cursor.is_some();
    let mut groups = BTreeMap::<_, Vec<ListedEffect>>::new();
    for effect in found.items {
        groups.entry((effect.plugin.clone(), effect.last.clone())).or_default().push(effect);
    }
    let group = |((plugin, answer), effects): (_, Vec<ListedEffect>)| {
        let newest = effects.first()?;
        Some(EffectGroup {
            summary: newest.effect.summary.clone(),
            event: newest.event.clone(),
            path: format!("{}#d{}", path_of(&newest.source, &newest.event), newest.delivery),
            count: effects.len() as u64,
            count_text: language.number(effects.len() as u64),
            keys: effects.iter().map(|effect| effect.effect.key.as_str()).collect::<Vec<_>>().join(","),
            plugin,
            answer,
        })
    };
    Ok((groups.into_iter().filter_map(group).collect(), is_cut))
}

/// `POST /dead-letters/effects/replay`
pub(super) async fn replay(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    FormBody(form): FormBody<EffectsForm>,
) -> Result<Redirect, Problem> {
    let _done = effects::replay(operator, admin, form.selection()).await?;
    Ok(Redirect::to(GROUPS))
}

/// `POST /dead-letters/effects/discard`
pub(super) async fn discard(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    FormBody(form): FormBody<EffectsForm>,
) -> Result<Redirect, Problem> {
    let _done = effects::discard(operator, admin, form.selection()).await?;
    Ok(Redirect::to(GROUPS))
}
