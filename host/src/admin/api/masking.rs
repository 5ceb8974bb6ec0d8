//! Texts about events without the events' personal values, for callers who may not see them.

use super::{DeliveryView, EffectView};
use crate::admin::personal::PersonalTexts;
use crate::admin::{AdminState, Problem};

/// The personal values of the event with this number. If it is gone, every text may have some.
pub(super) async fn personal_texts(
    admin: &AdminState,
    source: &str,
    number: i64,
) -> Result<PersonalTexts, Problem> {
    if !admin.personal.has_any(source) {
        return Ok(PersonalTexts::Values(Vec::new()));
    }
    let stored = admin.db.body(number).await?;
    Ok(stored.map_or(PersonalTexts::All, |stored| admin.personal.texts(source, &stored.body)))
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
