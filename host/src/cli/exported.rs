//! Events that were exported from a host, in files and from a running host.

use super::client::Client;
use super::event_show::source_of;
use super::failure::{Failure, warn};
use crate::admin::api::ExportedEvent;
use crate::event::{Digest, Event, EventMetadata, SourceName, now_ms};

/// Which event of a running host.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventOnHost<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// Its source; needed when several sources have an event of that id.
    pub(super) source: Option<&'a str>,
    /// Whether to ask for personal values too.
    pub(super) unmasked: bool,
}

/// Fetches an event with its context from a running host.
///
/// # Errors
/// When there is none, or the host does not answer.
pub(super) async fn fetch(client: &Client, wanted: EventOnHost<'_>) -> Result<ExportedEvent, Failure> {
    let EventOnHost { id, source, unmasked } = wanted;
    let source = match source {
        Some(source) => source.to_owned(),
        None => source_of(client, id).await?,
    };
    let event: ExportedEvent =
        client.get(&["events", &source, id, "export"], &[("unmasked", unmasked.to_string())]).await?;
    if !event.masked.is_empty() {
        warn(&format!("personal values are masked ({}); --unmasked fetches them", event.masked.join(", ")));
    }
    Ok(event)
}

/// Reads a file that [`fetch`] wrote. `None` if the text is something else, such as the body of an event.
pub(super) fn parse(text: &[u8]) -> Option<ExportedEvent> {
    serde_json::from_slice(text).ok()
}

/// Makes an event of an exported one: handlers get the same payload and the same context.
///
/// # Errors
/// When its source cannot be the name of one.
pub(super) fn to_event(exported: &ExportedEvent) -> Result<Event, Failure> {
    let source = SourceName::new(&exported.source);
    let source = source.map_err(|error| Failure::Failed(format!("the exported event's source: {error}")))?;
    let json = exported.payload.get();
    let body = if exported.payload_is_text {
        serde_json::from_str(json).map_err(Failure::failed)?
    } else {
        json.to_owned()
    };
    Ok(Event {
        source,
        id: exported.id.clone(),
        event_type: exported.event_type.clone(),
        created: exported.created.clone(),
        received_at: exported.received_at.unwrap_or_else(now_ms),
        payload: 0..body.len(),
        ordering_key: None,
        digest: Digest::of(body.as_bytes()),
        body: body.into(),
        origin: None,
        trace: None,
        metadata: EventMetadata::of(exported.content_type.clone(), exported.attributes.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_told_from_a_body() {
        let five = r#"{"source":"shop","id":"1","type":"a.b","created":"2026-01-21T14:30:00Z","payload":{"n":1.10}}"#;
        let exported = parse(five.as_bytes()).unwrap();
        let event = to_event(&exported).unwrap();
        assert_eq!((event.payload(), event.source.as_str()), (&b"{\"n\":1.10}"[..], "shop"));
        for body in [r#"{"id":"1","type":"a.b","data":{}}"#, "[]", "", "x"] {
            assert!(parse(body.as_bytes()).is_none(), "{body}");
        }
        assert_eq!(event.metadata, None);
        let more =
            five.replace(r#""payload""#, r#""content_type":"text/csv","attributes":{"a":"b"},"payload""#);
        let metadata = to_event(&parse(more.as_bytes()).unwrap()).unwrap().metadata.unwrap();
        assert_eq!((metadata.content_type.as_deref(), metadata.attributes.len()), (Some("text/csv"), 1));
        let wrong = parse(five.replace("shop", "../shop").as_bytes()).unwrap();
        assert!(to_event(&wrong).unwrap_err().to_string().contains("../shop"));
    }
}
