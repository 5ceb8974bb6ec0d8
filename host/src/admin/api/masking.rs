//! Texts about events without the events' personal values, for callers who may not see them.

use super::{DeliveryView, EffectView, EventView};
use crate::admin::personal::PersonalTexts;
use crate::admin::{AdminState, Problem};
use crate::config::Pointer;
use crate::event::EventMetadata;
use crate::personal::{self, HiddenMetadata};

/// The text in place of a personal value.
const MASKED: &str = "[masked]";
/// Most bytes of bodies that are read for one answer. The texts about further events are masked whole.
const BODIES_MAX_BYTES: usize = 32 << 20;
/// What a body counts at least, since each is a read.
const BODY_MIN_BYTES: usize = 8 << 10;

/// The personal values of the events of an answer, for a caller who may not see them.
pub(super) struct EventTexts<'a> {
    admin: &'a AdminState,
    /// The last event's: lists have the rows of an event together.
    last: Option<(i64, PersonalTexts)>,
    bytes_left: usize,
}

impl<'a> EventTexts<'a> {
    pub(super) fn new(admin: &'a AdminState) -> Self {
        Self { admin, last: None, bytes_left: BODIES_MAX_BYTES }
    }

    /// The personal values of the event with this number. If it is gone, every text may have some.
    pub(super) async fn of(&mut self, source: &str, number: i64) -> Result<&PersonalTexts, Problem> {
        if !self.admin.personal.has_any(source) {
            return Ok(&PersonalTexts::None);
        }
        let known = self.last.take().filter(|(event, _)| *event == number);
        let texts = match known {
            Some((_, texts)) => texts,
            None => self.read(source, number).await?,
        };
        let (_, texts) = self.last.insert((number, texts));
        Ok(texts)
    }

    async fn read(&mut self, source: &str, number: i64) -> Result<PersonalTexts, Problem> {
        if self.bytes_left == 0 {
            return Ok(PersonalTexts::All);
        }
        let Some(stored) = self.admin.db.body(number).await? else { return Ok(PersonalTexts::All) };
        self.bytes_left = self.bytes_left.saturating_sub(stored.body.len().max(BODY_MIN_BYTES));
        Ok(self.admin.personal.texts(source, &stored.body))
    }
}

/// Hides personal values in an event's content type and attributes.
pub(super) fn hide_in_metadata(event: &mut EventView, personal: &[Pointer], body: &[u8]) {
    let (content_type, attributes) = (event.content_type.take(), std::mem::take(&mut event.attributes));
    let metadata = EventMetadata { content_type, attributes };
    let HiddenMetadata { metadata, mut hidden } =
        personal::hide_in_metadata(&metadata, personal, body, MASKED);
    (event.content_type, event.attributes) = (metadata.content_type, metadata.attributes);
    hidden.retain(|pointer| !event.masked.contains(pointer));
    event.masked.append(&mut hidden);
}

/// Hides personal values in the attempts and effects of a delivery.
pub(super) fn hide_in_delivery(texts: &PersonalTexts, delivery: &mut DeliveryView) {
    for attempt in &mut delivery.attempts {
        attempt.reason.iter_mut().chain(&mut attempt.logs).for_each(|text| texts.hide(text));
    }
    delivery.effects.iter_mut().for_each(|effect| hide_in_effect(texts, effect));
}

/// Hides personal values in the request of an effect and in the answers to it.
pub(super) fn hide_in_effect(texts: &PersonalTexts, effect: &mut EffectView) {
    texts.hide(&mut effect.summary);
    texts.hide_in(&mut effect.request);
    effect.attempts.iter_mut().for_each(|attempt| texts.hide(&mut attempt.detail));
}
