//! Unresolved dead letters and dead effects in groups: of one plugin, for one reason.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::extract::Query;
use super::formats::{DeliveryIdText, EffectCursor, RevisionText, read_time};
use super::masking::EventTexts;
use super::{DeadGroup, DeadGroups, query, selections};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::db::{self, DeadFilter};
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::replay::{ReplayCursor, Selection};
use crate::token::Permission;

/// Which dead letters to group.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct DeadLetterGroupQuery {
    /// `next_cursor` of the answer before.
    #[param(value_type = Option<DeliveryIdText>, inline)]
    pub(in crate::admin) cursor: Option<String>,
    /// Only of this plugin.
    pub(in crate::admin) plugin: Option<String>,
    /// Only of events of this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub(in crate::admin) event_type: Option<String>,
    /// Only of events of this source.
    pub(in crate::admin) source: Option<String>,
    /// Only of events received at this time or after, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) since: Option<u64>,
    /// Only of events received before this time, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) until: Option<u64>,
    /// Only those whose last attempt's reason has this text in it. It needs the permission to see personal values.
    pub(in crate::admin) reason: Option<String>,
    /// Whether `reason` is the whole reason, as the groups show it. An empty one stands for none.
    #[serde(default)]
    pub(in crate::admin) whole_reason: bool,
    /// Only those whose last attempt ran on this revision: the first digits of its digest, at least 4.
    #[param(value_type = Option<RevisionText>, inline)]
    pub(in crate::admin) failed_on: Option<String>,
}

/// Which dead effects to group.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct DeadEffectGroupQuery {
    /// `next_cursor` of the answer before.
    #[param(value_type = Option<EffectCursor>, inline)]
    pub(in crate::admin) cursor: Option<String>,
    /// Only those that this plugin requested.
    pub(in crate::admin) plugin: Option<String>,
    /// Only of events of this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub(in crate::admin) event_type: Option<String>,
    /// Only of events of this source.
    pub(in crate::admin) source: Option<String>,
    /// Only of events received at this time or after, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) since: Option<u64>,
    /// Only of events received before this time, ms since the Unix epoch.
    #[serde(default, deserialize_with = "read_time")]
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    pub(in crate::admin) until: Option<u64>,
    /// Only those whose last answer has this text in it. It needs the permission to see personal values.
    pub(in crate::admin) reason: Option<String>,
    /// Whether `reason` is the whole answer. An empty one stands for none.
    #[serde(default)]
    pub(in crate::admin) whole_reason: bool,
}

/// Groups of unresolved dead letters by plugin, reason and revision, the largest first. One answer covers 20,000 dead
/// letters, the newest event's first, and has at most 200 groups; the next one covers older dead letters.
#[utoipa::path(get, path = "/deliveries/groups", tag = "deliveries", params(DeadLetterGroupQuery), responses(
    (status = 200, description = "The groups", body = DeadGroups),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn of_deliveries(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Query(query): Query<DeadLetterGroupQuery>,
) -> Result<Json<DeadGroups>, Problem> {
    let before = query::cursor(query.cursor.as_deref(), |cursor| cursor.parse::<DeliveryId>().ok())?;
    let DeadLetterGroupQuery {
        cursor: _,
        plugin,
        event_type,
        source,
        since,
        until,
        reason,
        whole_reason,
        failed_on,
    } = query;
    selections::check_digits("failed_on", failed_on.as_deref())?;
    let selection = Selection { event_type, source, plugin, since, until, ..Selection::default() };
    let selection = Selection { reason, whole_reason, failed_on, ..selection };
    let filter = filter(&reader, selection)?;
    let found = admin.db.dead_letter_groups(&filter, before.map(ReplayCursor::from)).await?;
    let next = found.next.map(|at| DeliveryId { event: at.event, number: at.delivery }.to_string());
    answer(&reader, &admin, found, next).await
}

/// Groups of unresolved dead effects by plugin and last answer, the largest first. One answer covers 20,000 dead effects, the
/// newest event's first, and has at most 200 groups; the next one covers older dead effects.
#[utoipa::path(get, path = "/effects/groups", tag = "effects", params(DeadEffectGroupQuery), responses(
    (status = 200, description = "The groups", body = DeadGroups),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn of_effects(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Query(query): Query<DeadEffectGroupQuery>,
) -> Result<Json<DeadGroups>, Problem> {
    let before = query::cursor(query.cursor.as_deref(), |cursor| cursor.parse::<EffectId>().ok())?;
    let before =
        before.map(|EffectId { delivery, number }| ReplayCursor { effect: number, ..delivery.into() });
    let DeadEffectGroupQuery { cursor: _, plugin, event_type, source, since, until, reason, whole_reason } =
        query;
    let selection = Selection { event_type, source, plugin, since, until, ..Selection::default() };
    let selection = Selection { reason, whole_reason, ..selection };
    let filter = filter(&reader, selection)?;
    let found = admin.db.dead_effect_groups(&filter, before).await?;
    let next = found.next.map(|at| {
        let delivery = DeliveryId { event: at.event, number: at.delivery };
        EffectId { delivery, number: at.effect }.to_string()
    });
    answer(&reader, &admin, found, next).await
}

/// The filter for a reader, who may ask for it.
fn filter(reader: &AllowedFor<need::Read>, selection: Selection) -> Result<DeadFilter, Problem> {
    if selection.reason.is_some() {
        // Reasons quote values of payloads: a reader without personal values could find them out one by one.
        reader.require(Permission::Unmask)?;
    }
    if let Some(plugin) = &selection.plugin {
        reader.check(plugin)?;
    }
    Ok(DeadFilter { selection, plugins: reader.patterns() })
}

async fn answer(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    found: db::DeadGroups,
    next_cursor: Option<String>,
) -> Result<Json<DeadGroups>, Problem> {
    let db::DeadGroups { groups, mut groups_count, counted, next: _ } = found;
    let whole = groups.len();
    let mut items: Vec<_> = groups.into_iter().map(DeadGroup::from).collect();
    if !reader.may_unmask() {
        items = mask(admin, items).await?;
        groups_count -= (whole - items.len()) as u64;
    }
    Ok(Json(DeadGroups { items, groups: groups_count, counted, next_cursor }))
}

/// Hides the personal values of each group's newest event in its texts, and puts groups together that look the same then.
/// A reader sees no more of a reason than in the list, where the same event has it.
async fn mask(admin: &AdminState, groups: Vec<DeadGroup>) -> Result<Vec<DeadGroup>, Problem> {
    let mut texts = EventTexts::new(admin);
    let mut masked: Vec<DeadGroup> = Vec::new();
    for mut group in groups {
        let number = group.newest.delivery.parse().map_or(0, |id: DeliveryId| id.event);
        let texts = texts.of(&group.newest.source, number).await?;
        group.reason.iter_mut().chain(&mut group.newest.summary).for_each(|text| texts.hide(text));
        match masked.iter_mut().find(|known| known.is_like(&group)) {
            Some(known) => known.add(group),
            None => masked.push(group),
        }
    }
    masked.sort_by_key(|group| std::cmp::Reverse((group.count, group.newest.received_at)));
    Ok(masked)
}
