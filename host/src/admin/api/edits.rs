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
use crate::audit::Decision;
use crate::db::{Accept, Edit, EditResult, StoredBody};
use crate::event::{Digest, EDITED, Event, EventMetadata, Name, Origin, now_ms};
use crate::token::Permission;

/// What the API shows in the place of a personal value.
const MASK: &str = "\"[masked]\"";
/// Longest part of the edited event's id in the id of the new one, in bytes.
const ID_PART_MAX_BYTES: usize = 239;
/// What is added to it, after a `~`.
const ID_SUFFIX_CHARS: usize = 16;

/// Runs an event again with another payload: as a new event with an id of its own, the same type and ordering key, and
/// the edited event as its cause. It goes to the plugins that handle its type now, or to `to`.
#[utoipa::path(post, path = "/events/{source}/{id}/edits", tag = "events", request_body = EditRequest,
    params(("source" = String, Path, description = "Who sent it"),
        ("id" = String, Path, description = "The sender's id")),
    responses(
        (status = 202, description = "The new event is stored", body = EditedEvent),
        (status = 400, description = "Not a request"),
        (status = 404, description = "No such event, or no such plugin"),
        (status = 409, description = "The event was erased, or is being erased"),
        (status = 410, description = "The event was pruned"),
        (status = 422, description = "The payload has masked values"),
        Problem),
    extensions(("x-repeatable" = json!(true))))]
pub(in crate::admin) async fn create(
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
    let decision = operator.decision()?;
    let new_id = new_id(&id, &decision);
    if let Some(stored) = find_repeated(&admin, &decision, &source, &new_id).await? {
        let deliveries = stored.deliveries.len();
        return Ok((StatusCode::ACCEPTED, Json(EditedEvent { source, id: new_id, of: id, deliveries })));
    }
    let original = find(&admin.db, &source, &id).await?;
    if original.erased_at.is_some() {
        return Err(refuse(EditResult::Erased, &id));
    }
    let stored = admin.db.body(original.number).await?.ok_or_else(|| refuse(EditResult::Pruned, &id))?;
    let event = edit((&original, &stored), new_id, &request.payload, admin.db.origin(original.number).await?);
    let edited = EditedEvent { source, id: event.id.clone(), of: id, deliveries: 0 };
    let after = json!({ "event": edited.id, "payload": Digest::of(event.payload()), "to": to });
    let target = format!("{}/{}", edited.source, edited.of);
    let record = decision.record("event.edit", target).after(after);
    let deliveries = match (admin.store_edit)(Edit { of: original.number, event, record }, request.to).await?
    {
        EditResult::Judged(Accept::Accepted { deliveries, unmatched }) => deliveries + unmatched,
        EditResult::Judged(Accept::Duplicate) => {
            find(&admin.db, &edited.source, &edited.id).await?.deliveries.len()
        }
        refused => return Err(refuse(refused, &edited.of)),
    };
    Ok((StatusCode::ACCEPTED, Json(EditedEvent { deliveries, ..edited })))
}

/// The event that an earlier request with the same key stored, if its answer was lost. The edited event may have been
/// erased since.
async fn find_repeated(
    admin: &AdminState,
    decision: &Decision,
    source: &str,
    id: &str,
) -> Result<Option<crate::db::EventView>, Problem> {
    let Some((token, request)) = decision.token.zip(decision.key.as_ref()) else { return Ok(None) };
    let before = admin.db.keyed_request(token, &request.key).await?;
    if before.is_none_or(|before| before.digest != request.digest) {
        return Ok(None);
    }
    Ok(admin.db.event(Some(source), id).await?.pop())
}

/// The problem of an edit that stores nothing.
fn refuse(result: EditResult, id: &str) -> Problem {
    match result {
        EditResult::Judged(_) => Problem::conflict("the new id was taken: try again with another key"),
        EditResult::Erased => Problem::conflict(format!(
            "event `{id}` is erased: its personal values and its ordering key are gone, so it cannot run again"
        )),
        EditResult::BeingErased => Problem::conflict(format!(
            "event `{id}` is among those of an erasure in progress: try again when that has ended"
        )),
        EditResult::Pruned => Problem::gone(format!("event `{id}` was pruned")),
    }
}

/// The new event. Its body is that of the original with the payload replaced, so that pointers into it stay right.
fn edit(
    (original, stored): (&EventView, &StoredBody),
    id: String,
    payload: &RawValue,
    origin: Origin,
) -> Event {
    let StoredBody { body, payload: place } = stored;
    let part = |range| body.get(range).unwrap_or_default();
    let payload = payload.get().as_bytes();
    let edited = Bytes::from([part(0..place.start), payload, part(place.end..body.len())].concat());
    Event {
        source: Name::stored(&original.source),
        id,
        event_type: original.event_type.clone(),
        created: original.created.clone(),
        received_at: now_ms(),
        digest: Digest::of(&edited),
        body: edited,
        payload: place.start..place.start + payload.len(),
        ordering_key: original.ordering_key.clone(),
        origin: Some(Origin { event: original.number, delivery: EDITED, ..origin }),
        trace: None,
        metadata: EventMetadata::of(original.content_type.clone(), original.attributes.clone()),
    }
}

/// An id that no sender uses: that of the edited event, and a part that is the same for requests with the same
/// idempotency key, or else random.
fn new_id(id: &str, decision: &Decision) -> String {
    let by_key = decision.token.zip(decision.key.as_ref());
    let part = by_key.map_or_else(
        || format!("{:016x}", rand::random::<u64>()),
        |(token, request)| Digest::of(format!("{token}/{}", request.key).as_bytes()).to_string(),
    );
    let mut end = id.len().min(ID_PART_MAX_BYTES);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{}", &id[..end], &part[..ID_SUFFIX_CHARS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::RequestKey;

    #[test]
    fn a_new_id_fits_names_the_edited_event_and_is_the_same_for_the_same_key() {
        let keyless = Decision::of_host();
        assert!(new_id("evt_1", &keyless).starts_with("evt_1~"));
        assert_ne!(new_id("evt_1", &keyless), new_id("evt_1", &keyless));
        let long = new_id(&"é".repeat(128), &keyless);
        assert!(long.len() <= 256 && long.starts_with('é'), "{long}");

        let with_key = |token, key| {
            let key = Some(RequestKey::new(key, [], b""));
            new_id("evt_1", &Decision { token: Some(token), key, ..Decision::of_host() })
        };
        assert_eq!(with_key(1, "a"), with_key(1, "a"));
        assert_ne!(with_key(1, "a"), with_key(1, "b"));
        assert_ne!(with_key(1, "a"), with_key(2, "a"));
    }
}
