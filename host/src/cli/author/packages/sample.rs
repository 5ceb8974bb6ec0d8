//! Samples beside the WIT: a whole event, or a payload.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// The payload in a sample, as its text. The sample is a whole event if its `type` is the event type; its payload is
/// then `data.object`, or else `data`, or else all of it.
///
/// # Errors
/// When it is not JSON.
pub(in crate::cli) fn payload_of<'a>(event_type: &str, sample: &'a str) -> Result<&'a str, String> {
    let _: &RawValue = serde_json::from_str(sample).map_err(|error| error.to_string())?;
    let event = members(sample).filter(|event| has_type(event, event_type));
    let Some(data) = event.as_ref().and_then(|event| event.get("data")) else { return Ok(sample) };
    let object = members(data.get()).and_then(|data| data.get("object").copied());
    Ok(object.unwrap_or(data).get())
}

/// Where a source finds the payload in a whole event, as [`payload_of`] finds it.
pub(in crate::cli) fn payload_place(event: &str) -> &'static str {
    match members(event).as_ref().and_then(|event| event.get("data")) {
        Some(data) if members(data.get()).is_some_and(|data| data.contains_key("object")) => "/data/object",
        Some(_) => "/data",
        None => "",
    }
}

/// Whether a sample is a whole event.
pub(in crate::cli) fn is_event(event_type: &str, sample: &str) -> bool {
    members(sample).is_some_and(|event| has_type(&event, event_type))
}

fn has_type(event: &HashMap<String, &RawValue>, event_type: &str) -> bool {
    let own = event.get("type").map_or("", |own| own.get());
    serde_json::from_str::<String>(own).is_ok_and(|own| own == event_type)
}

/// The members of an object, as their text.
fn members(json: &str) -> Option<HashMap<String, &RawValue>> {
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_of_a_sample_is_found_in_an_event_or_is_all_of_it() {
        for (sample, payload) in [
            (r#"{"type":"order.paid","data":{"object":{"id":1.50}}}"#, r#"{"id":1.50}"#),
            (r#"{"type":"order.paid","data":{"id":1}}"#, r#"{"id":1}"#),
            (r#"{"type":"order.paid","data":[1]}"#, "[1]"),
            (r#"{"type":"order.paid","id":1}"#, r#"{"type":"order.paid","id":1}"#),
            (r#"{"type":"card","data":1}"#, r#"{"type":"card","data":1}"#),
            (r#"{"type":7,"data":1}"#, r#"{"type":7,"data":1}"#),
            ("[1]", "[1]"),
        ] {
            assert_eq!(payload_of("order.paid", sample), Ok(payload), "{sample}");
        }
        assert!(payload_of("order.paid", "{").is_err());
    }
}
