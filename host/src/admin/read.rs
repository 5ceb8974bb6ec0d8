//! From what a request asks for to what the database is asked, and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::IntoDeserializer as _;
use tokio::sync::Mutex;

use super::events::Filter;
use super::problem::Problem;
use super::view::{DeliveryDetail, DeliveryList, EffectList, EventList};
use crate::db::{
    Db, DbError, DeliveryFilter, DeliverySummary, EffectFilter, EventFilter, EventState, EventSummary,
    EventView,
};
use crate::delivery::{DeliveryId, State};
use crate::effect::EffectId;
use crate::event::rfc3339;

/// How long an answer of the database holds: whoever reaches the address may ask.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// A database that takes longer is not ready.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// What the database says, asked at most once a second.
#[derive(Clone)]
pub(super) struct Fresh<T>(Arc<Mutex<Option<Told<T>>>>);

/// When the database was asked, and what it said.
type Told<T> = (Instant, Result<T, DbError>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Fresh<T> {
    pub(super) async fn get(&self, ask: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
        let mut last = self.0.lock().await;
        if let Some((when, found)) = &*last
            && when.elapsed() < ASK_INTERVAL
        {
            return found.clone();
        }
        let late = || DbError::Unavailable("it does not answer in time".into());
        let found = tokio::time::timeout(ASK_TIMEOUT, ask).await;
        let found = found.unwrap_or_else(|_| Err(late()));
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

/// A page of events.
pub(super) async fn events(db: &Db, filter: &Filter) -> Result<EventList, Problem> {
    let limit = filter.limit()?;
    let cursor = filter.cursor.as_deref().map(cursor).transpose()?;
    let state = filter.state.as_deref().map(state).transpose()?;
    if let Some(id) = &filter.id {
        return with_id(db, filter, state, id).await;
    }
    let (event_type, source) = (filter.event_type.clone(), filter.source.clone());
    let page = db.events(&EventFilter { event_type, source, state }, cursor, limit).await?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(EventList { items: page.events, next_cursor })
}

/// One event.
pub(super) async fn event(db: &Db, source: &str, id: &str) -> Result<EventView, Problem> {
    if let Some(event) = db.event(Some(source), id).await?.pop() {
        return Ok(event);
    }
    let gone = gone(db, Some(source), id).await?;
    Err(gone.unwrap_or_else(|| Problem::not_found(format!("no event `{id}` of source `{source}`"))))
}

/// What to say of an event that was there and was pruned.
async fn gone(db: &Db, source: Option<&str>, id: &str) -> Result<Option<Problem>, DbError> {
    let received_at = db.pruned(source, id).await?;
    Ok(received_at.map(|at| {
        let at = rfc3339(at);
        Problem::gone(format!(
            "event `{id}`, received {at}, was pruned (`[retention]` in the config); its id is still known, so \
             that a copy of it runs nothing"
        ))
    }))
}

/// One per source at most, so there is one page.
async fn with_id(
    db: &Db,
    filter: &Filter,
    state: Option<EventState>,
    id: &str,
) -> Result<EventList, Problem> {
    let source = filter.source.as_deref();
    let found = db.event(source, id).await?;
    if found.is_empty()
        && let Some(gone) = gone(db, source, id).await?
    {
        return Err(gone);
    }
    let wanted = |event: &EventView| {
        let typed = filter.event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type);
        typed && state.is_none_or(|state| state == event.state)
    };
    let items = found.into_iter().filter(wanted).map(summary).collect();
    Ok(EventList { items, next_cursor: None })
}

fn summary(event: EventView) -> EventSummary {
    let deliveries = event.deliveries.into_iter().map(|delivery| DeliverySummary {
        id: delivery.id,
        plugin: delivery.plugin,
        state: delivery.state,
        held_because: delivery.held_because,
        settled: delivery.settled,
        attempts: u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX),
    });
    EventSummary {
        source: event.source,
        id: event.id,
        event_type: event.event_type,
        state: event.state,
        created: event.created,
        received_at: event.received_at,
        deliveries: deliveries.collect(),
    }
}

/// A page of deliveries.
pub(super) async fn deliveries(db: &Db, filter: &super::deliveries::Filter) -> Result<DeliveryList, Problem> {
    let limit = filter.limit()?;
    let wrong = |_| Problem::bad_request("`cursor` is not one: take `next_cursor` of the page before");
    let before = filter.cursor.as_deref().map(|cursor| cursor.parse().map_err(wrong)).transpose()?;
    let state = filter.state.as_deref().map(delivery_state).transpose()?;
    let page = db.deliveries(&DeliveryFilter { state, selection: filter.selection() }, before, limit).await?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(DeliveryList { items: page.deliveries, next_cursor })
}

/// One delivery, and its event.
pub(super) async fn delivery(db: &Db, id: DeliveryId) -> Result<Option<DeliveryDetail>, Problem> {
    let Some((source, event)) = db.event_of(id).await? else { return Ok(None) };
    let found = self::event(db, &source, &event).await?;
    let id = id.to_string();
    let delivery = found.deliveries.into_iter().find(|delivery| delivery.id == id);
    Ok(delivery.map(|delivery| DeliveryDetail { source, event, event_type: found.event_type, delivery }))
}

/// A page of effects.
pub(super) async fn effects(db: &Db, filter: &super::effects::Filter) -> Result<EffectList, Problem> {
    let limit = Filter { limit: filter.limit, ..Filter::default() }.limit()?;
    let wrong = || Problem::bad_request("`cursor` is not one: take `next_cursor` of the page before");
    let before =
        filter.cursor.as_deref().map(|cursor| effect_cursor(cursor).ok_or_else(wrong)).transpose()?;
    let state = filter.state.as_deref().map(delivery_state).transpose()?;
    let page = db.effects(&EffectFilter { state, plugin: filter.plugin.clone() }, before, limit).await?;
    let next = page.next.map(|EffectId { delivery, number }| format!("{delivery}-{number}"));
    Ok(EffectList { items: page.effects, next_cursor: next })
}

fn effect_cursor(text: &str) -> Option<EffectId> {
    let (delivery, number) = text.rsplit_once('-')?;
    Some(EffectId { delivery: delivery.parse().ok()?, number: number.parse().ok()? })
}

fn cursor(text: &str) -> Result<i64, Problem> {
    let wrong = || Problem::bad_request("`cursor` is not one: take `next_cursor` of the page before");
    text.parse().ok().filter(|seq| *seq > 0).ok_or_else(wrong)
}

fn state(text: &str) -> Result<EventState, Problem> {
    word("state", text)
}

fn delivery_state(text: &str) -> Result<State, Problem> {
    word("state", text)
}

/// One of a few words.
fn word<'a, T: serde::Deserialize<'a>>(key: &str, text: &'a str) -> Result<T, Problem> {
    let word: serde::de::value::StrDeserializer<'a, serde::de::value::Error> = text.into_deserializer();
    // serde's own words, but for the one that means something in Rust only.
    let unknown = format!("unknown {key}");
    let wrong = |error: serde::de::value::Error| error.to_string().replace("unknown variant", &unknown);
    T::deserialize(word).map_err(|error| Problem::bad_request(format!("`{key}`: {}", wrong(error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_and_states_are_checked() {
        assert_eq!(cursor("12").unwrap(), 12);
        for wrong in ["", "-1", "0", "next", "1 "] {
            assert_eq!(cursor(wrong).unwrap_err().status, 400);
        }
        assert_eq!(state("unhandled").unwrap(), EventState::Unhandled);
        let problem = state("lost").unwrap_err();
        assert!(problem.detail.contains("`lost`") && problem.detail.contains("`dead`"), "{problem:?}");
    }
}
