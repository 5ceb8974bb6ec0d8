//! What a request says about an event beside the event's payload.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The content type and the attributes of an event. An event has neither if it came as plain JSON, or if a handler emitted it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventMetadata {
    /// The media type of the content that the payload was made of, as the sender wrote it; `None` if that is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The context attributes of a `CloudEvent`, with extensions, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl EventMetadata {
    /// The metadata of an event; `None` if there is neither a content type nor an attribute.
    #[must_use]
    pub fn of(content_type: Option<String>, attributes: BTreeMap<String, String>) -> Option<Arc<Self>> {
        let is_empty = content_type.is_none() && attributes.is_empty();
        (!is_empty).then(|| Arc::new(Self { content_type, attributes }))
    }
}

/// Whether a media type, with or without parameters, is one of JSON: `application/json`, `text/json`, or one whose name ends
/// in `+json`.
#[must_use]
pub fn is_json_type(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("+json") || ["application/json", "text/json"].contains(&&*essence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_types_have_parameters_and_suffixes() {
        for (content_type, expected) in [
            ("application/json", true),
            ("Application/JSON ; charset=utf-8", true),
            ("text/json", true),
            ("application/vnd.order+json;v=1", true),
            ("application/xml", false),
            ("application/jsonlines", false),
            ("", false),
        ] {
            assert_eq!(is_json_type(content_type), expected, "{content_type}");
        }
    }
}
