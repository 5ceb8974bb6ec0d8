//! The built-in sample events, and giving one a fresh id.

pub(super) mod edit;

use super::failure::Failure;
use crate::config::Pointer;
use crate::event::{Digest, rfc3339};

use edit::replace_at;

/// Largest id of an object: every language's numbers hold it exactly.
const OBJECT_ID_MAX: u64 = 1 << 53;
const DAY_MS: u64 = 24 * 3_600_000;

macro_rules! samples {
    ($($name:literal),* $(,)?) => {
        [$(Sample {
            event_type: $name,
            text: include_str!(concat!(
                "../../../wit/moncreneau-events-1.0.0/samples/", $name, ".json"
            )),
        }),*]
    };
}

/// One event of each type, in the order in which an appointment lives them.
pub(super) const SAMPLES: [Sample; 5] = samples!(
    "appointment.created",
    "appointment.updated",
    "appointment.validated",
    "appointment.completed",
    "appointment.cancelled",
);

/// An event as a provider sends it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Its type.
    pub(super) event_type: &'static str,
    /// The body.
    pub(super) text: &'static str,
}

/// The sample of this type.
///
/// # Errors
/// When there is none; the message lists those there are.
pub(super) fn find(event_type: &str) -> Result<Sample, Failure> {
    SAMPLES.into_iter().find(|sample| sample.event_type == event_type).ok_or_else(|| {
        let types: Vec<_> = SAMPLES.iter().map(|sample| sample.event_type).collect();
        Failure::Usage(format!(
            "there is no sample of `{event_type}`; there are {}. \
             A sample of your own package is made with --wit DIR, and any other event is sent with --file FILE",
            types.join(", ")
        ))
    })
}

impl Sample {
    /// The body on one line, with this id, about this object.
    ///
    /// # Errors
    /// When the sample is not the JSON object it should be.
    pub(super) fn body(&self, id: &str, object: u64) -> Result<String, Failure> {
        let broken = |what| Failure::Failed(format!("sample `{}`: {what}", self.event_type));
        let body = replace_at(&one_line(self.text), &Pointer::to(&["id"]), &quoted(id)).map_err(broken)?;
        replace_at(&body, &Pointer::to(&["data", "object", "id"]), &object.to_string()).map_err(broken)
    }

    /// As [`Sample::body`], created at the start of this day: hosts reject very old events. The same ids twice
    /// on one day give the same body.
    ///
    /// # Errors
    /// As [`Sample::body`].
    pub(super) fn body_of_today(&self, id: &str, object: u64, now_ms: u64) -> Result<String, Failure> {
        let body = self.body(id, object)?;
        let created = |text: &str| format!(r#""created":{}"#, quoted(text));
        let envelope: serde_json::Value = serde_json::from_str(&body).map_err(Failure::failed)?;
        let Some(old) = envelope.get("created").and_then(serde_json::Value::as_str) else { return Ok(body) };
        let today = rfc3339(now_ms - now_ms % DAY_MS);
        Ok(body.replacen(&created(old), &created(&today), 1))
    }
}

/// An id that no event had before: `evt_` and 24 hexadecimal digits.
#[must_use]
pub(super) fn fresh_id() -> String {
    format!("evt_{}", hex::encode(rand::random::<[u8; 12]>()))
}

/// The id of the object that the event with this id is about. It follows from the event's id, so that the same
/// event sent twice is a duplicate.
#[must_use]
pub(super) fn object_of(id: &str) -> u64 {
    let digest = Digest::of(id.as_bytes()).to_string();
    u64::from_str_radix(&digest[..16], 16).unwrap_or_default() % OBJECT_ID_MAX
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// JSON without the white space between its tokens.
fn one_line(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |c: &char| {
        if in_string {
            in_string = escaped || *c != '"';
            escaped = !escaped && *c == '\\';
            return true;
        }
        in_string = *c == '"';
        !c.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_keeps_all_but_its_ids() {
        for sample in SAMPLES {
            let body = sample.body("evt_\"new", 7).unwrap();
            assert!(!body.contains('\n'), "{body}");
            let mut new: serde_json::Value = serde_json::from_str(&body).unwrap();
            let mut old: serde_json::Value = serde_json::from_str(sample.text).unwrap();
            assert_eq!(new["id"].take(), "evt_\"new");
            assert_eq!(old["type"], sample.event_type);
            old["id"].take();
            assert_eq!(new["data"]["object"]["id"], 7);
            old["data"]["object"]["id"] = 7.into();
            assert_eq!(new, old);
        }
    }

    #[test]
    fn a_sample_of_today_differs_by_its_timestamp_only() {
        for sample in SAMPLES {
            let body = sample.body_of_today("evt_1", 7, 1_769_351_400_000).unwrap();
            let mut new: serde_json::Value = serde_json::from_str(&body).unwrap();
            let mut old: serde_json::Value = serde_json::from_str(&sample.body("evt_1", 7).unwrap()).unwrap();
            assert_eq!(new["created"].take(), "2026-01-25T00:00:00Z");
            old["created"].take();
            assert_eq!(new, old);
        }
    }

    #[test]
    fn white_space_in_strings_stays() {
        assert_eq!(one_line(r#"{ "a b" : "c\" d\\" , "e" : 1 }"#), r#"{"a b":"c\" d\\","e":1}"#);
    }

    #[test]
    fn ids_are_fresh() {
        assert_ne!(fresh_id(), fresh_id());
        assert_eq!(fresh_id().len(), 28);
        assert_ne!(object_of("evt_1"), object_of("evt_2"));
        assert_eq!(object_of("evt_1"), object_of("evt_1"));
    }

    #[test]
    fn a_type_without_a_sample_gets_the_list() {
        let failure = find("appointment.moved").unwrap_err();
        assert!(matches!(failure, Failure::Usage(_)));
        assert!(failure.to_string().contains("appointment.validated"), "{failure}");
    }
}
