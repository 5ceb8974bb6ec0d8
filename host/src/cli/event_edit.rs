//! `hookyard event replay ID --payload FILE`: an event again, with an edited payload.

use std::path::Path;

use serde_json::value::RawValue;

use super::client::Client;
use super::failure::Failure;
use super::{exported, input, out};
use crate::admin::api::{EditRequest, EditedEvent};
use crate::event::PluginName;

/// Runs the event again with the payload in a file, and prints the id of the new event.
///
/// # Errors
/// When the file has no payload, or the host refuses.
pub(super) async fn run(
    client: &Client,
    (source, id): (&str, &str),
    file: &Path,
    to: Option<PluginName>,
    json: bool,
) -> Result<(), Failure> {
    let payload = read_payload(file, (source, id))?;
    let edited: EditedEvent =
        client.post(&["events", source, id, "edits"], &EditRequest { payload, to }).await?;
    if json {
        return out::print_json(&edited);
    }
    let deliveries = match edited.deliveries {
        0 => "no plugin handles it".into(),
        number => out::format_count(number as u64, "delivery", "deliveries"),
    };
    out::print(&format!("{}: {deliveries}, edited from {}", out::escape(&edited.id), out::escape(&edited.of)))
}

/// The payload in a file: the file itself, or that of the exported event.
fn read_payload(file: &Path, (source, id): (&str, &str)) -> Result<Box<RawValue>, Failure> {
    let text = input::read_text(file)?;
    let wrong = |why: String| Failure::Failed(format!("{}: {why}", file.display()));
    let Some(event) = exported::parse(text.as_bytes()) else {
        return serde_json::from_str(&text).map_err(|error| wrong(format!("it is no JSON: {error}")));
    };
    if (event.source.as_str(), event.id.as_str()) != (source, id) {
        return Err(wrong(format!("it is event {} of {}, not {id} of {source}", event.id, event.source)));
    }
    if !event.masked.is_empty() {
        let masked = event.masked.join(", ");
        return Err(wrong(format!("its values at {masked} are masked: export it with --unmasked")));
    }
    if event.payload_is_text {
        return Err(wrong(
            "the payload of this event is a text that is no JSON: give the new payload alone".into(),
        ));
    }
    Ok(event.payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_the_file_or_that_of_the_exported_event() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, expected) in [
            (r#"{"phone":"1"}"#, Ok(r#"{"phone":"1"}"#)),
            (r#"{"source":"s","id":"e","type":"t","created":"c","payload":{"a":1}}"#, Ok(r#"{"a":1}"#)),
            (r#"{"source":"s","id":"x","type":"t","created":"c","payload":{"a":1}}"#, Err("not e of s")),
            (
                r#"{"source":"s","id":"e","type":"t","created":"c","payload":1,"masked":["/a"]}"#,
                Err("--unmasked"),
            ),
            ("{", Err("no JSON")),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let found = read_payload(file.path(), ("s", "e"));
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.get(), expected),
                (Err(found), Err(expected)) => assert!(found.to_string().contains(expected), "{found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
