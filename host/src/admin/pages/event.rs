//! The page of an event: what it is, what is wrong, its story, and its payload.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::events::path_of;
use super::forms::FORM_MAX_BYTES;
use super::json;
use super::shell::{Page, Section, Shell};
use super::states;
use super::timeline::{Lane, Wrong, find_wrong, lane};
use super::ui::{StateTag, TimeTag, bytes};
use super::visit::Visit;
use super::words::EventWords;
use crate::admin::api::events::{self, MaskingQuery};
use crate::admin::api::extract::{Path, Query};
use crate::admin::api::{CauseView, ConflictView, EventView};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::config::Scheme;
use crate::effect::EMITTED_PREFIX;
use crate::event::EDITED;

/// The largest payload that the page offers to edit. A form writes up to three bytes for each.
const EDITABLE_MAX_BYTES: usize = FORM_MAX_BYTES / 4;

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    shell: Shell,
    w: EventWords,
    path: String,
    source: String,
    id: String,
    event_type: String,
    created: String,
    number: i64,
    state: StateTag,
    received: TimeTag,
    size: String,
    ordering_key: Option<String>,
    content_type: Option<String>,
    /// Those of a `CloudEvent`, by name.
    attributes: BTreeMap<String, String>,
    /// How its source is verified now, or why it was not verified.
    verified: String,
    cause: Option<CauseLink>,
    /// Ids and paths of events that an operator made of it.
    edits: Vec<(String, String)>,
    erased: Option<TimeTag>,
    is_unhandled: bool,
    wrong: Option<Wrong>,
    lanes: Vec<Lane>,
    /// The plugins that it can run on.
    plugins: Vec<String>,
    payload: Option<String>,
    /// Whether the payload, as a form sends it, is within the limit of forms.
    is_editable: bool,
    masked: u64,
    is_unmasked: bool,
    conflicts: Vec<Conflict>,
    curl: String,
    command: String,
    /// The number of the replay that a form began.
    begun: Option<i64>,
}

struct CauseLink {
    path: String,
    id: String,
    how: String,
}

struct Conflict {
    digest: String,
    received: TimeTag,
    body: String,
}

/// The parameters of the page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EventPageQuery {
    /// Whether to show personal values.
    unmasked: bool,
    /// The number of the replay that a form began.
    begun: Option<i64>,
}

/// `GET /events/{source}/{id}`
pub(super) async fn show(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    visit: Visit,
    Path((source, id)): Path<(String, String)>,
    Query(query): Query<EventPageQuery>,
) -> Result<Response, Problem> {
    let w = EventWords(visit.language);
    let masking = Query(MaskingQuery { unmasked: query.unmasked });
    let event = events::show(reader, State(admin.clone()), Path((source, id)), masking).await?.0;
    let shell = Shell::new(&admin, &visit, Section::Events, &event.id);
    // Its cause is not shown any more when the edited event is pruned; its origin stays.
    let origin = admin.db.origin(event.number).await?;
    let is_edit = origin.event != event.number && origin.delivery == EDITED;
    let verified =
        if is_edit { w.edited().to_owned() } else { describe_verification(&admin, &event.source, w) };
    Ok(Page(page(&admin, shell, w, (event, verified), &query)).into_response())
}

fn page(
    admin: &AdminState,
    shell: Shell,
    w: EventWords,
    (event, verified): (EventView, String),
    query: &EventPageQuery,
) -> EventPage {
    let language = shell.language;
    let time = |at| TimeTag { at, now: shell.now, language };
    let path = path_of(&event.source, &event.id);
    let source = quote(&event.source);
    let mut plugins: Vec<_> = (admin.plugins)().into_iter().map(|plugin| plugin.name).collect();
    plugins.sort_unstable();
    let conflicts = event.conflicts.into_iter().map(|conflict| {
        let ConflictView { digest, received_at, body } = conflict;
        Conflict { digest, received: time(received_at), body }
    });
    let payload = event.payload.map(|payload| json::for_page(payload.get()));
    EventPage {
        verified,
        state: states::of_event(event.state, language),
        received: time(event.received_at),
        size: bytes(language, event.body_bytes),
        cause: event.cause.map(|cause| describe_cause(cause, w)),
        edits: event.edits.into_iter().map(|id| (path_of(&event.source, &id), id)).collect(),
        erased: event.erased_at.map(time),
        is_unhandled: event.deliveries.is_empty(),
        wrong: find_wrong(&event.deliveries, w),
        lanes: event.deliveries.into_iter().map(|delivery| lane(delivery, &shell, w)).collect(),
        plugins,
        is_editable: payload.as_ref().is_none_or(|payload| payload.len() <= EDITABLE_MAX_BYTES),
        payload,
        masked: event.masked.len() as u64,
        is_unmasked: query.unmasked,
        conflicts: conflicts.collect(),
        curl: format!(
            "curl -H \"Authorization: Bearer $HOOKYARD_TOKEN\" {}",
            quote(&format!("{}/api/v1{path}", shell.origin))
        ),
        command: format!("hookyard event show {} --source {source}", quote(&event.id)),
        begun: query.begun,
        number: event.number,
        ordering_key: event.ordering_key,
        content_type: event.content_type,
        attributes: event.attributes,
        source: event.source,
        id: event.id,
        event_type: event.event_type,
        created: event.created,
        path,
        shell,
        w,
    }
}

/// `GET /events/{source}/{id}/download`
pub(super) async fn download(
    reader: Allowed<need::Read>,
    admin: State<AdminState>,
    path: Path<(String, String)>,
    query: Query<MaskingQuery>,
) -> Result<Response, Problem> {
    let exported = events::export(reader, admin, path, query).await?;
    let mut response = exported.into_response();
    let attachment = header::HeaderValue::from_static("attachment; filename=\"event.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

/// How events of this source are verified: by the configuration in force, which may be another than when it came.
fn describe_verification(admin: &AdminState, source: &str, w: EventWords) -> String {
    let config = admin.config.borrow();
    match config.sources.get(source) {
        Some(configured) => {
            if let Some(verifier) = &configured.verifier {
                return w.verified_by(verifier);
            }
            let algorithm = configured.verification.algorithm.name();
            if configured.scheme == Scheme::HMAC {
                w.verified(algorithm)
            } else {
                w.verified(format!("{}, {algorithm}", configured.scheme.name()))
            }
        }
        None if source.starts_with(EMITTED_PREFIX) => w.emitted().to_owned(),
        None => w.unconfigured().to_owned(),
    }
}

fn describe_cause(cause: CauseView, w: EventWords) -> CauseLink {
    let how = cause.plugin.map_or_else(|| w.by_edit().to_owned(), |plugin| w.by_plugin(plugin));
    CauseLink { path: path_of(&cause.source, &cause.id), id: cause.id, how }
}

/// A text as one word of a shell.
fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_word_of_a_shell() {
        for (text, word) in [
            ("evt_1", "evt_1"),
            ("http://localhost:8081/api/v1/events/a/b%2F", "http://localhost:8081/api/v1/events/a/b%2F"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(rm)", "'$(rm)'"),
            ("it's", "'it'\\''s'"),
            ("-x", "'-x'"),
        ] {
            assert_eq!(quote(text), word);
        }
    }
}
