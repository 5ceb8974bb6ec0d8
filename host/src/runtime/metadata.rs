//! What the event of a call says beside its payload, without the attributes that the operator redacted.

use std::sync::Arc;

use super::plan::REDACTED;
use super::redaction::Redaction;
use crate::delivery::Delivery;
use crate::event::EventMetadata;

/// The metadata of the current call's event.
pub(super) struct CallMetadata {
    redaction: Option<Arc<Redaction>>,
    event: Option<Arc<EventMetadata>>,
}

impl CallMetadata {
    pub(super) fn new(redaction: Option<Arc<Redaction>>) -> Self {
        Self { redaction, event: None }
    }

    /// Begins a call. `None` is a call outside of a delivery, which has no event.
    pub(super) fn begin(&mut self, delivery: Option<&Delivery>) {
        self.event = delivery.and_then(|delivery| delivery.event.metadata.clone());
    }

    /// The media type of the content that the payload was made of.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.event.as_deref()?.content_type.as_deref()
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let (name, value) = self.event.as_deref()?.attributes.get_key_value(name)?;
        Some(self.redact(name, value))
    }

    /// All attributes, by name.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let attributes = self.event.iter().flat_map(|event| &event.attributes);
        attributes.map(|(name, value)| (name.as_str(), self.redact(name, value)))
    }

    fn redact<'a>(&self, name: &str, value: &'a str) -> &'a str {
        let is_hidden = self.redaction.as_ref().is_some_and(|redaction| redaction.hides_attribute(name));
        if is_hidden { REDACTED } else { value }
    }
}
