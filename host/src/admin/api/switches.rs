//! Switches: whether plugins handle types of events now, and what becomes of the deliveries that they held.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::extract::{IfMatch, JsonBody, Path};
use super::formats::NameText;
use super::{Matrix, MatrixPlugin, ReleaseProgress, SwitchList, SwitchOutcome, SwitchRequest};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::db::{OpenScope, RecentType, SwitchChange, SwitchResult};
use crate::event::{EventPattern, PluginName};
use crate::plugins::{self, PluginMatrix};
use crate::switch::{Switches, TypePattern};

/// Newest events whose types are looked up, to name the types of typed handlers and the sources of types.
const EVENTS_SEARCHED: u32 = 10_000;
/// All types of events.
const ALL_TYPES: &str = "*";
/// Most other open deliveries that are counted.
const OPEN_MAX: u32 = 10_000;

/// Plugins and their types of events: what each handles, what the config allows it, what its switch says, and the
/// result.
#[utoipa::path(get, path = "/plugins/matrix", tag = "plugins", responses(
    (status = 200, description = "All plugins, by name", body = Matrix),
    Problem))]
pub(in crate::admin) async fn matrix(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
) -> Result<Json<Matrix>, Problem> {
    let switches = admin.db.switches().await?;
    let recent = admin.db.recent_types(EVENTS_SEARCHED).await?;
    let mut seen: Vec<_> = recent.iter().map(|recent| recent.event_type.clone()).collect();
    seen.dedup();
    let mut plugins = rows(&admin, &switches, &seen);
    plugins.retain(|plugin| reader.sees(plugin.name.as_str()));
    let mut matrix = Matrix::from(plugins);
    matrix.plugins.iter_mut().for_each(|plugin| name_sources(plugin, &recent));
    Ok(Json(matrix))
}

/// Names the sources of the types, as far as such events came in lately.
fn name_sources(plugin: &mut MatrixPlugin, recent: &[RecentType]) {
    for row in &mut plugin.types {
        let pattern = EventPattern::new(&row.types);
        let of_row = recent.iter().filter(|recent| pattern.matches(&recent.event_type));
        row.sources = of_row.map(|recent| recent.source.clone()).collect();
        row.sources.sort_unstable();
        row.sources.dedup();
    }
}

/// The switches of a plugin. Their version is in the `ETag`.
#[utoipa::path(get, path = "/plugins/{name}/switches", tag = "plugins",
    params(("name" = inline(NameText), Path, description = "The plugin; it may be absent")),
    responses(
        (status = 200, description = "Its switches", body = SwitchList,
            headers(("ETag" = String, description = "The version of the plugin's switches"))),
        (status = 400, description = "Not a name"),
        Problem))]
pub(super) async fn switches(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    reader.check(&name)?;
    let plugin = parse(&name)?;
    let switches = admin.db.switches().await?;
    let version = switches.version(&plugin);
    let items = switches.of(&plugin).into_iter().cloned().map(Into::into).collect();
    Ok(tagged(version, SwitchList { items, version }))
}

/// Turns a plugin on or off for some types of events. It is in force for every event that is accepted after the answer.
///
/// New deliveries of what is off are held; open ones still run. When it is turned on, those that were held run or are
/// discarded, after the answer and in the order of their keys; the answer's `release` is followed at
/// `/held-releases/{number}`. An absent plugin has switches too.
#[utoipa::path(put, path = "/plugins/{name}/switches", tag = "plugins", request_body = SwitchRequest,
    params(("name" = inline(NameText), Path, description = "The plugin; it may be absent"),
        IfMatch),
    responses(
        (status = 200, description = "It is set, or would be", body = SwitchOutcome,
            headers(("ETag" = String, description = "The version of the plugin's switches"))),
        (status = 400, description = "Not a name or not a type"),
        (status = 409, description = "There are as many switches as there may be"),
        (status = 412, description = "The plugin's switches were changed meanwhile"),
        Problem))]
pub(super) async fn set_switch(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    IfMatch(expected): IfMatch,
    JsonBody(request): JsonBody<SwitchRequest>,
) -> Result<Response, Problem> {
    let outcome = change(operator, &admin, name, expected, request).await?;
    Ok(tagged(outcome.version, outcome))
}

/// Carries out a request about a switch, for the API and for the pages.
///
/// # Errors
/// A problem if the caller may not change it, the request is wrong, or the switches have another version.
pub(in crate::admin) async fn change(
    operator: AllowedFor<need::Operate>,
    admin: &AdminState,
    name: String,
    expected: Option<i64>,
    request: SwitchRequest,
) -> Result<SwitchOutcome, Problem> {
    let operator = operator.plugin(&name)?;
    let plugin = parse(&name)?;
    let types =
        TypePattern::new(&request.types).map_err(|error| Problem::bad_request(format!("`type`: {error}")))?;
    let switches = admin.db.switches().await?;
    // Whoever turns a whole plugin off is in a hurry: no limit and no count stands in the way.
    let is_urgent = !request.on && types.as_str() == ALL_TYPES;
    if !is_urgent {
        check_room(admin, &switches, &plugin, &types)?;
    }
    let version = switches.version(&plugin);
    let counts_first = request.on || request.dry_run;
    let held = if counts_first {
        admin.db.count_open_of(&plugin, &types, OpenScope::SwitchedOff, u32::MAX).await?
    } else {
        0
    };
    let open = if counts_first {
        admin.db.count_open_of(&plugin, &types, OpenScope::Others, OPEN_MAX).await?
    } else {
        0
    };
    let mut outcome = SwitchOutcome {
        plugin: name,
        types: types.to_string(),
        on: request.on,
        changed: false,
        version,
        held,
        open,
        is_here: (admin.plugins)().iter().any(|view| view.name == plugin.as_str()),
        is_handled: is_handled(admin, &plugin, &types),
        release: None,
    };
    if request.dry_run {
        check_version(expected, version)?;
        return Ok(outcome);
    }
    let change = SwitchChange {
        plugin: plugin.clone(),
        types: types.clone(),
        is_on: request.on,
        held: request.held.into(),
        by: operator.decision()?,
        expected,
        found: held,
    };
    match admin.db.switch(change).await? {
        SwitchResult::Changed(switch) => {
            (outcome.changed, outcome.version) = (true, switch.number);
            if switch.is_on {
                outcome.release = admin.db.held_release(switch.number).await?.map(Into::into);
            }
        }
        SwitchResult::Unchanged(_) => {}
        SwitchResult::Stale { version } => check_version(expected, version)?,
    }
    if !counts_first {
        // It is off. The numbers are for people, and are left out if they cannot be read.
        let count = |scope| admin.db.count_open_of(&plugin, &types, scope, OPEN_MAX);
        outcome.held = count(OpenScope::SwitchedOff).await.unwrap_or(0);
        outcome.open = count(OpenScope::Others).await.unwrap_or(0);
    }
    Ok(outcome)
}

/// The progress of a release of held deliveries.
#[utoipa::path(get, path = "/held-releases/{number}", tag = "plugins",
    params(("number" = i64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The release", body = ReleaseProgress),
        (status = 400, description = "Not a number"),
        (status = 404, description = "No such release"),
        Problem))]
pub(in crate::admin) async fn held_release(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(number): Path<i64>,
) -> Result<Json<ReleaseProgress>, Problem> {
    let found = admin.db.held_release(number).await?;
    let missing = || reader.missing(Problem::not_found(format!("no release of held deliveries {number}")));
    let found = found.ok_or_else(missing)?;
    reader.check(found.plugin.as_str())?;
    Ok(Json(found.into()))
}

fn rows(admin: &AdminState, switches: &Switches, seen: &[String]) -> Vec<PluginMatrix> {
    plugins::matrix(&(admin.plugins)(), &admin.config.borrow(), switches, seen)
}

fn parse(name: &str) -> Result<PluginName, Problem> {
    PluginName::new(name).map_err(|error| Problem::bad_request(error.to_string()))
}

/// Whether the plugin handles some of these types, as far as the host knows its handlers.
fn is_handled(admin: &AdminState, plugin: &PluginName, types: &TypePattern) -> bool {
    let seen = if types.is_exact() { vec![types.to_string()] } else { Vec::new() };
    let rows = rows(admin, &Switches::default(), &seen).into_iter().filter(|matrix| matrix.name == *plugin);
    let mut rows = rows.flat_map(|matrix| matrix.rows).filter(|row| row.handles);
    rows.any(|row| {
        let own = EventPattern::new(&row.types);
        own.covers(types.pattern()) || types.pattern().covers(&own)
    })
}

/// Refuses one more switch than there may be.
fn check_room(
    admin: &AdminState,
    switches: &Switches,
    plugin: &PluginName,
    types: &TypePattern,
) -> Result<(), Problem> {
    let max = admin.config.borrow().plugins.switches_max;
    let all = switches.all();
    let covers =
        all.iter().any(|other| other.plugin == *plugin && types.pattern().covers(other.types.pattern()));
    if covers || all.len() < max {
        return Ok(());
    }
    Err(Problem::conflict(format!(
        "there are {max} switches already (plugins.switches_max): one for a family of types, or for all of a plugin's, \
         replaces those that it covers"
    )))
}

fn check_version(expected: Option<i64>, version: i64) -> Result<(), Problem> {
    if expected.is_none_or(|expected| expected == version) {
        return Ok(());
    }
    Err(Problem::precondition_failed("the plugin's switches were changed meanwhile: read them again"))
}

fn tagged<T: serde::Serialize>(version: i64, body: T) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{version}\""));
    let mut response = Json(body).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
