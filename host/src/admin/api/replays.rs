//! Replays: begin, stop and list them, and read their progress.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::extract::{JsonBody, Path, Query};
use super::formats::NumberCursor;
use super::masking::EventTexts;
use super::revisions::{plugins, problem};
use super::{ReplayList, ReplayProgress, ReplayRequest, query, selections};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::personal::PersonalTexts;
use crate::admin::{AdminState, Problem};
use crate::delivery::DeliveryId;
use crate::event::{PluginName, parse_number};
use crate::plugins::InstructionError;
use crate::replay::{Action, Progress, ReplayTarget, Request, Selection};

/// Pages of replays that one request reads.
const PAGES_MAX: usize = 20;

/// A page of replays.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ReplayQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<NumberCursor>, inline)]
    pub(in crate::admin) cursor: Option<String>,
    /// Replays on the page: 1 to 500, default 50.
    #[param(minimum = 1, maximum = 500)]
    pub(in crate::admin) limit: Option<u32>,
}

/// Begins to replay dead letters, events or dead effects, or to discard dead letters or dead effects. The replay continues
/// by itself, also after a restart; `GET` returns its progress.
#[utoipa::path(post, path = "/replays", tag = "replays", request_body = ReplayRequest, responses(
    (status = 202, description = "It has begun", body = ReplayProgress),
    (status = 400, description = "Not a request"),
    (status = 404, description = "No such plugin, or none of its kept revisions is meant"),
    (status = 409, description = "An event that is named was erased"),
    (status = 422, description = "A request that contradicts itself, or a revision that cannot be loaded"),
    Problem))]
pub(in crate::admin) async fn begin(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<(StatusCode, Json<ReplayProgress>), Problem> {
    let digits = request.revision.clone();
    selections::check_digits("revision", digits.as_deref())?;
    let mut request = request.on(None);
    request.check().map_err(Problem::unprocessable)?;
    if digits.is_some() {
        request.check_revision().map_err(Problem::unprocessable)?;
    }
    selections::check(&request.selection)?;
    let remedy = "name the plugin in `where.plugin` for deliveries and effects, in `to` for events";
    let operator = operator.plugin_or_all(request.plugin(), remedy)?;
    if let Some(to) = &request.to {
        admin.find_plugin(to.as_str(), |plugin| operator.sees(plugin))?;
    }
    if request.action == Action::Replay {
        refuse_erased(&admin, &request).await?;
    }
    if let Some(digits) = &digits {
        choose_revision(&admin, &mut request, digits).await?;
    }
    let id = admin.db.begin_replay(request, operator.decision()?).await?;
    Ok((StatusCode::ACCEPTED, Json(find(&admin, id).await?)))
}

/// Most deliveries that a request with a revision may name: each is read, since they must be of one plugin.
const WITH_REVISION_MAX: usize = 1000;

/// Finds and loads the revision of a request, and the plugin that it is about.
async fn choose_revision(admin: &AdminState, request: &mut Request, digits: &str) -> Result<(), Problem> {
    let plugin = match request.plugin() {
        Some(plugin) => PluginName::new(plugin).map_err(|error| Problem::bad_request(error.to_string()))?,
        None => plugin_of_all(admin, request.selection.deliveries.as_deref().unwrap_or_default()).await?,
    };
    let revision = plugins(admin)?.choose_revision(&plugin, digits).await;
    request.revision = Some(revision.map_err(|error| match error {
        InstructionError::NoRevision(reason) => Problem::not_found(format!(
            "plugin {plugin}: {reason}; `hookyard plugin history {plugin}` lists them"
        )),
        error => problem(plugin.as_str(), &error),
    })?);
    if request.of == ReplayTarget::Deliveries {
        request.selection.plugin = Some(plugin.to_string());
    }
    Ok(())
}

/// The plugin of these deliveries, if they are of one.
async fn plugin_of_all(admin: &AdminState, deliveries: &[DeliveryId]) -> Result<PluginName, Problem> {
    if deliveries.len() > WITH_REVISION_MAX {
        return Err(Problem::unprocessable(format!(
            "`where.deliveries` names more than {WITH_REVISION_MAX} deliveries, the most with a `revision`: name fewer, or \
             select them with `where.plugin` and others"
        )));
    }
    let mut found: Option<PluginName> = None;
    for id in deliveries {
        let plugin = admin.db.plugin_of(*id).await?;
        let plugin = plugin.ok_or_else(|| Problem::not_found(format!("no delivery {id}")))?;
        if let Some(other) = found.as_ref().filter(|other| **other != plugin) {
            return Err(Problem::unprocessable(format!(
                "`revision` needs one plugin: `where.deliveries` has deliveries of {other} and of {plugin}"
            )));
        }
        found = Some(plugin);
    }
    found.ok_or_else(|| Problem::unprocessable("`revision` needs one plugin: `where.deliveries` is empty"))
}

/// Refuses a replay that names an erased event.
async fn refuse_erased(admin: &AdminState, request: &Request) -> Result<(), Problem> {
    let Selection { events, deliveries, .. } = &request.selection;
    let of_deliveries = deliveries.iter().flatten().map(|delivery| delivery.event);
    let named: Vec<_> = events.iter().flatten().copied().chain(of_deliveries).collect();
    if named.is_empty() {
        return Ok(());
    }
    match admin.db.erased_among(&named).await?.first() {
        None => Ok(()),
        Some(event) => Err(Problem::conflict(format!(
            "event {event} is erased: its personal values are gone, so it cannot run again; leave it out, or send it again \
             with another id"
        ))),
    }
}

/// The progress of a replay.
#[utoipa::path(get, path = "/replays/{id}", tag = "replays",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The replay", body = ReplayProgress),
        (status = 400, description = "Not a number"),
        (status = 404, description = "No such replay"),
        Problem))]
pub(in crate::admin) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(id): Path<i64>,
) -> Result<Json<ReplayProgress>, Problem> {
    let mut found = find_seen(&reader, &admin, id).await?;
    if !reader.may_unmask() {
        hide_reasons(&mut EventTexts::new(&admin), &mut found).await?;
    }
    Ok(Json(found))
}

/// Stops a replay. Deliveries that it made remain.
#[utoipa::path(post, path = "/replays/{id}/stop", tag = "replays",
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "It is stopped", body = ReplayProgress),
        (status = 400, description = "Not a number"),
        (status = 404, description = "No such replay"),
        (status = 409, description = "It has ended"),
        Problem))]
pub(in crate::admin) async fn stop(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(id): Path<i64>,
) -> Result<Json<ReplayProgress>, Problem> {
    let found = find_seen(&operator, &admin, id).await?;
    let operator =
        operator.plugin_or_all(found.request.on(None).plugin(), "this replay is for all plugins")?;
    let is_stopped = admin.db.stop_replay(id, operator.decision()?).await?;
    let progress = find(&admin, id).await?;
    if is_stopped { Ok(Json(progress)) } else { Err(Problem::conflict(format!("replay {id} has ended"))) }
}

/// Replays, newest first.
#[utoipa::path(get, path = "/replays", tag = "replays", params(ReplayQuery), responses(
    (status = 200, description = "One page", body = ReplayList),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn list(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Query(query): Query<ReplayQuery>,
) -> Result<Json<ReplayList>, Problem> {
    let limit = query::limit(query.limit)?;
    let cursor = query::cursor(query.cursor.as_deref(), parse_number)?;
    let (found, next) = find_page(&reader, &admin, cursor, limit).await?;
    let mut items: Vec<ReplayProgress> = found.into_iter().map(Into::into).collect();
    let next_cursor = next.map(|next| next.to_string());
    if !reader.may_unmask() {
        let mut texts = EventTexts::new(&admin);
        for replay in &mut items {
            hide_reasons(&mut texts, replay).await?;
        }
    }
    Ok(Json(ReplayList { items, next_cursor }))
}

/// Up to `limit` replays that the caller sees, and the cursor after them. The pages without any are read on, so that a
/// page is empty at the end only, or after [`PAGES_MAX`] of them.
async fn find_page(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    mut before: Option<i64>,
    limit: u32,
) -> Result<(Vec<Progress>, Option<i64>), Problem> {
    let mut seen = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = admin.db.replays(before, limit).await?;
        let is_last = page.len() < limit as usize;
        for replay in page {
            before = Some(replay.id);
            if sees(reader, &replay.request) {
                seen.push(replay);
            }
            if seen.len() >= limit as usize {
                return Ok((seen, before));
            }
        }
        if is_last {
            return Ok((seen, None));
        }
    }
    Ok((seen, before))
}

/// Hides personal values in the reasons of a replay's examples, and the reason that it selects by, since nobody says
/// whose values an operator typed.
async fn hide_reasons(texts: &mut EventTexts<'_>, replay: &mut ReplayProgress) -> Result<(), Problem> {
    if let Some(reason) = &mut replay.request.selection.reason {
        PersonalTexts::All.hide(reason);
    }
    for example in &mut replay.first {
        if let (Some(reason), Some(of)) = (&mut example.reason, example.of) {
            texts.of(&example.source, of.event).await?.hide(reason);
        }
    }
    Ok(())
}

fn sees<P: need::Need>(reader: &AllowedFor<P>, request: &Request) -> bool {
    request.plugin().map_or_else(|| reader.sees_all(), |plugin| reader.sees(plugin))
}

async fn find_seen<P: need::Need>(
    reader: &AllowedFor<P>,
    admin: &AdminState,
    id: i64,
) -> Result<ReplayProgress, Problem> {
    let found = admin.db.replay(id).await?.filter(|replay| sees(reader, &replay.request));
    found.map(Into::into).ok_or_else(|| reader.missing(Problem::not_found(format!("no replay {id}"))))
}

async fn find(admin: &AdminState, id: i64) -> Result<ReplayProgress, Problem> {
    let found = admin.db.replay(id).await?;
    found.map(Into::into).ok_or_else(|| Problem::not_found(format!("no replay {id}")))
}
