//! What somebody does with an event on its page: run it again, with another payload, and discard deliveries.

use axum::extract::State;
use axum::response::Redirect;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::events::path_of;
use super::forms::FormBody;
use crate::admin::api::extract::{JsonBody, Path};
use crate::admin::api::{
    EditRequest, ReplayAction, ReplayRequest, ReplaySelection, ReplayTarget, deliveries, edits, events,
    replays,
};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::delivery::{BadDeliveryId, DeliveryId};
use crate::event::{Name, PluginName};

/// The form to run an event again.
#[derive(Deserialize)]
pub(super) struct RunForm {
    #[serde(default)]
    plugin: String,
    #[serde(default)]
    revision: String,
    #[serde(default)]
    note: String,
}

/// The form to run an event again with another payload.
#[derive(Deserialize)]
pub(super) struct EditForm {
    payload: String,
    #[serde(default)]
    plugin: String,
    #[serde(default)]
    note: String,
}

/// The form about a delivery.
#[derive(Deserialize)]
pub(super) struct DeliveryForm {
    #[serde(default)]
    note: String,
}

/// `POST /events/{source}/{id}/run`
pub(super) async fn run(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path((source, id)): Path<(String, String)>,
    FormBody(form): FormBody<RunForm>,
) -> Result<Redirect, Problem> {
    let to = plugin(&form.plugin)?;
    // A token for some plugins does not learn which events there are.
    let name = to.as_ref().map(Name::as_str);
    operator.clone().plugin_or_all(name, "choose one of them")?;
    let found = events::find(&admin.db, &source, &id).await;
    let number = found.map_err(|problem| operator.missing(problem))?.number;
    let request = ReplayRequest {
        of: ReplayTarget::Events,
        action: ReplayAction::Replay,
        selection: ReplaySelection { events: Some(vec![number]), ..ReplaySelection::default() },
        to,
        again: true,
        revision: Some(form.revision.trim().to_owned()).filter(|digits| !digits.is_empty()),
        dry_run: false,
    };
    begin(operator.with_note(&form.note)?, admin, request, &path_of(&source, &id)).await
}

/// `POST /events/{source}/{id}/edit`
pub(super) async fn run_edited(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path((source, id)): Path<(String, String)>,
    FormBody(form): FormBody<EditForm>,
) -> Result<Redirect, Problem> {
    let payload: Box<RawValue> = serde_json::from_str(form.payload.trim())
        .map_err(|error| Problem::unprocessable(format!("the payload is no JSON: {error}")))?;
    let request = JsonBody(EditRequest { payload, to: plugin(&form.plugin)? });
    let operator = operator.with_note(&form.note)?;
    let (_, edited) = edits::create(operator, State(admin), Path((source, id)), request).await?;
    Ok(Redirect::to(&path_of(&edited.0.source, &edited.0.id)))
}

/// `POST /events/{source}/{id}/deliveries/{delivery}/replay`
pub(super) async fn replay(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path((source, id, delivery)): Path<(String, String, String)>,
    FormBody(form): FormBody<DeliveryForm>,
) -> Result<Redirect, Problem> {
    let wrong = |error: BadDeliveryId| Problem::bad_request(error.to_string());
    let delivery: DeliveryId = delivery.parse().map_err(wrong)?;
    // Named by itself, a delivery is replayed whatever its plugin: a token for some plugins names the plugin too.
    let plugin = admin.db.plugin_of(delivery).await?.map(|plugin| plugin.to_string());
    let request = ReplayRequest {
        of: ReplayTarget::Deliveries,
        action: ReplayAction::Replay,
        selection: ReplaySelection { deliveries: Some(vec![delivery]), plugin, ..ReplaySelection::default() },
        to: None,
        again: false,
        revision: None,
        dry_run: false,
    };
    begin(operator.with_note(&form.note)?, admin, request, &path_of(&source, &id)).await
}

/// `POST /events/{source}/{id}/deliveries/{delivery}/discard`
pub(super) async fn discard(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path((source, id, delivery)): Path<(String, String, String)>,
    FormBody(form): FormBody<DeliveryForm>,
) -> Result<Redirect, Problem> {
    let _done = deliveries::discard(operator.with_note(&form.note)?, admin, Path(delivery)).await?;
    Ok(Redirect::to(&path_of(&source, &id)))
}

async fn begin(
    operator: AllowedFor<need::Operate>,
    admin: AdminState,
    request: ReplayRequest,
    path: &str,
) -> Result<Redirect, Problem> {
    let (_, begun) = replays::begin(operator, State(admin), JsonBody(request)).await?;
    Ok(Redirect::to(&format!("{path}?begun={}", begun.0.id)))
}

/// The plugin of a form's field, which is empty for all.
fn plugin(name: &str) -> Result<Option<PluginName>, Problem> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(None);
    }
    Name::new(name).map(Some).map_err(|error| Problem::bad_request(error.to_string()))
}
