//! What fails of a replay: deliveries that it made, or effects that it made due again.

use axum::extract::State;

use super::events::EventLink;
use super::shell::Shell;
use super::states;
use super::ui::StateTag;
use super::words::ReplaysWords;
use crate::admin::api::deliveries::{self, DeliveryQuery};
use crate::admin::api::effects::{self, EffectQuery};
use crate::admin::api::extract::Query;
use crate::admin::api::{DeliveryList, EffectList, ListedDelivery, ListedEffect};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// Failed deliveries or effects on a page.
const FAILURES: u32 = 50;
/// Those that failed and try again by themselves, shown with the failed ones.
const RETRYING: u32 = 20;

/// What fails of a replay.
pub(super) struct Failures {
    /// Those that failed for good.
    pub(super) failed: Vec<FailureRow>,
    /// On the first page, some of those that will be tried again.
    pub(super) retrying: Vec<FailureRow>,
    pub(super) next_cursor: Option<String>,
    /// Whether any of them has not ended.
    pub(super) is_open: bool,
}

/// A failed delivery or effect.
pub(super) struct FailureRow {
    /// The event, and the id of the delivery or effect.
    pub(super) event: EventLink,
    /// The type of the event, or the request of the effect in a line.
    pub(super) what: String,
    pub(super) plugin: String,
    pub(super) state: StateTag,
    pub(super) reason: Option<String>,
}

/// The deliveries that a replay made.
pub(super) async fn of_deliveries(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    (replay, cursor): (i64, Option<String>),
    shell: &Shell,
) -> Result<Failures, Problem> {
    let is_first = cursor.is_none();
    let of = |state, cursor, limit| DeliveryQuery::of_replay(replay, state, cursor, limit);
    let failed = deliveries_of(reader, admin, of("dead", cursor, FAILURES)).await?;
    let retrying = deliveries_of(reader, admin, of("waiting", None, RETRYING)).await?.items;
    let mut is_open = !retrying.is_empty();
    for state in ["pending", "running"] {
        is_open = is_open || !deliveries_of(reader, admin, of(state, None, 1)).await?.items.is_empty();
    }
    let retrying = retrying.into_iter().filter(|delivery| is_first && delivery.reason.is_some());
    Ok(Failures {
        failed: failed.items.into_iter().map(|delivery| of_delivery(delivery, shell)).collect(),
        retrying: retrying.map(|delivery| of_delivery(delivery, shell)).collect(),
        next_cursor: failed.next_cursor,
        is_open,
    })
}

/// The effects that a replay was the last to make due again.
pub(super) async fn of_effects(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    (replay, cursor): (i64, Option<String>),
    shell: &Shell,
) -> Result<Failures, Problem> {
    let is_first = cursor.is_none();
    let of = |state, cursor, limit| EffectQuery::of_replay(replay, state, cursor, limit);
    let failed = effects_of(reader, admin, of("dead", cursor, FAILURES)).await?;
    let retrying = effects_of(reader, admin, of("waiting", None, RETRYING)).await?.items;
    let is_open =
        !retrying.is_empty() || !effects_of(reader, admin, of("pending", None, 1)).await?.items.is_empty();
    let retrying = retrying.into_iter().filter(|effect| is_first && effect.last.is_some());
    Ok(Failures {
        failed: failed.items.into_iter().map(|effect| of_effect(effect, shell)).collect(),
        retrying: retrying.map(|effect| of_effect(effect, shell)).collect(),
        next_cursor: failed.next_cursor,
        is_open,
    })
}

async fn deliveries_of(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    query: DeliveryQuery,
) -> Result<DeliveryList, Problem> {
    Ok(deliveries::list(reader.clone(), State(admin.clone()), Query(query)).await?.0)
}

async fn effects_of(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    query: EffectQuery,
) -> Result<EffectList, Problem> {
    Ok(effects::list(reader.clone(), State(admin.clone()), Query(query)).await?.0)
}

fn of_delivery(listed: ListedDelivery, shell: &Shell) -> FailureRow {
    let delivery = listed.delivery;
    let name = ReplaysWords(shell.language).delivery();
    FailureRow {
        event: EventLink::new(shell, &listed.source, listed.event)
            .at(&delivery.id)
            .with(format!("{name} {}", delivery.id)),
        state: states::of_delivery(delivery.state, delivery.resolution, shell.language),
        what: listed.event_type,
        plugin: delivery.plugin,
        reason: listed.reason,
    }
}

fn of_effect(listed: ListedEffect, shell: &Shell) -> FailureRow {
    let name = ReplaysWords(shell.language).effect();
    FailureRow {
        event: EventLink::new(shell, &listed.source, listed.event)
            .at(&listed.delivery)
            .with(format!("{name} {}", listed.id)),
        state: states::of_effect(listed.effect.state, shell.language),
        what: listed.effect.summary,
        plugin: listed.plugin,
        reason: listed.last,
    }
}
