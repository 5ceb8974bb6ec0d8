//! Running an event again with an edited payload, as a new event.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;

use super::events::find;
use super::extract::{JsonBody, Path};
use super::{EditRequest, EditedEvent, EventView};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::db::{Accept, StoredBody};
use crate::event::{Digest, EDITED, Event, Name, Origin, now_ms};
use crate::token::Permission;

/// What the API shows in the place of a personal value.
const MASK: &str = "\"[masked]\"";
/// Longest part of the edited event's id in the id of the new one, in bytes.
const ID_PART_MAX_BYTES: usize = 240;

/// Runs an event again with another payload: as a new event with an id of its own, the same type and ordering key, and
/// the edited event as its cause. It goes to the plugins that handle its type now, or to `to`.
#[utoipa::path(post, path = "/events/{source}/{id}/edits", tag = "events", request_body = EditRequest,
    params(("source" = String, Path, description = "Who sent it"),
        ("id" = String, Path, description = "The sender's id")),
    responses(
        (status = 202, description = "The new event is stored", body = EditedEvent),
        (status = 400, description = "Not a request"),
        (status = 404, description = "No such event, or no such plugin"),
        (status = 409, description = "The event was erased"),
        (status = 410, description = "The event was pruned"),
        (status = 422, description = "The payload has masked values"),
        Problem))]
pub(super) async fn create(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path((source, id)): Path<(String, String)>,
    JsonBody(request): JsonBody<EditRequest>,
) -> Result<(StatusCode, Json<EditedEvent>), Problem> {
    let to = request.to.as_ref();
    let operator = operator.plugin_or_all(to.map(Name::as_str), "name the plugin in `to`")?;
    operator.require(Permission::Unmask)?;
    if let Some(to) = to {
        admin.find_plugin(to.as_str(), |plugin| operator.sees(plugin))?;
    }
    if request.payload.get().contains(MASK) {
        return Err(Problem::unprocessable(
            "the payload has masked values in it: export the event with its personal values (`--unmasked`)",
        ));
    }
    let original = find(&admin.db, &source, &id).await?;
    if original.erased_at.is_some() {
        return Err(Problem::conflict(format!(
            "event `{id}` is erased: its personal values and its ordering key are gone, so it cannot run again"
        )));
    }
    let gone = || Problem::gone(format!("event `{id}` was pruned"));
    let stored = admin.db.body(original.number).await?.ok_or_else(gone)?;
    let event = edit(&original, &stored, &request.payload, admin.db.origin(original.number).await?);
    let edited = EditedEvent { source, id: event.id.clone(), of: id, deliveries: 0 };
    let after = json!({ "event": edited.id, "payload": Digest::of(event.payload()), "to": to });
    let target = format!("{}/{}", edited.source, edited.of);
    admin.db.record(vec![operator.decision()?.record("event.edit", target).after(after)]).await?;
    match (admin.accept)(event, request.to).await? {
        Accept::Accepted { deliveries, unmatched } => {
            let deliveries = deliveries + unmatched;
            Ok((StatusCode::ACCEPTED, Json(EditedEvent { deliveries, ..edited })))
        }
        Accept::Duplicate | Accept::Conflict => Err(Problem::conflict("the new id was taken: try again")),
    }
}

/// The new event. Its body is that of the original with the payload replaced, so that pointers into it stay right.
fn edit(original: &EventView, stored: &StoredBody, payload: &RawValue, origin: Origin) -> Event {
    let StoredBody { body, payload: place } = stored;
    let part = |range| body.get(range).unwrap_or_default();
    let payload = payload.get().as_bytes();
    let edited = Bytes::from([part(0..place.start), payload, part(place.end..body.len())].concat());
    Event {
        source: Name::stored(&original.source),
        id: new_id(&original.id),
        event_type: original.event_type.clone(),
        created: original.created.clone(),
        received_at: now_ms(),
        digest: Digest::of(&edited),
        body: edited,
        payload: place.start..place.start + payload.len(),
        ordering_key: original.ordering_key.clone(),
        origin: Some(Origin { event: original.number, delivery: EDITED, ..origin }),
    }
}

/// An id that no sender uses: that of the edited event, and a random part.
fn new_id(id: &str) -> String {
    let mut end = id.len().min(ID_PART_MAX_BYTES);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{:08x}", &id[..end], rand::random::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_fits_and_names_the_edited_event() {
        assert!(new_id("evt_1").starts_with("evt_1~"));
        assert_ne!(new_id("evt_1"), new_id("evt_1"));
        let long = new_id(&"é".repeat(128));
        assert!(long.len() <= 256 && long.starts_with('é'), "{long}");
    }
}
