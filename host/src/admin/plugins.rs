//! Plugins as operators see them, and pausing one.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;

use super::Side;
use super::problem::Problem;
use crate::db::Hold;
use crate::event::PluginName;
use crate::plugins::PluginView;

/// All plugins. There are as many as files in a directory, so there are no pages.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct PluginList {
    /// By name.
    items: Vec<Plugin>,
    /// Always null: the list is whole.
    next_cursor: Option<String>,
}

/// A plugin, and whether its deliveries run.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Plugin {
    #[serde(flatten)]
    plugin: PluginView,
    /// Since when an operator has it paused, ms since the Unix epoch; null when it is not.
    paused_at: Option<u64>,
    /// Until when its breaker pauses it, ms since the Unix epoch: from then on its deliveries are tried one at
    /// a time until one is done. Null where all run.
    breaker_until: Option<u64>,
}

/// Plugins: what they handle, which revision runs, and why a file was refused.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "plugins", responses(
    (status = 200, description = "All plugins, by name", body = PluginList),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn list(State(side): State<Side>) -> Result<Json<PluginList>, Problem> {
    let mut plugins = (side.parts.plugins)();
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    let paused = side.parts.db.paused().await?;
    let paused_at = |plugin: &PluginView| {
        paused.iter().find(|(name, _)| name.as_str() == plugin.name).map(|(_, since)| *since)
    };
    let broken = side.parts.db.broken();
    let breaker_until = |plugin: &PluginView| broken.get(plugin.name.as_str()).copied();
    let shown =
        |plugin| Plugin { paused_at: paused_at(&plugin), breaker_until: breaker_until(&plugin), plugin };
    let items = plugins.into_iter().map(shown).collect();
    Ok(Json(PluginList { items, next_cursor: None }))
}

/// Pauses a plugin: attempts under way end, everything else of it waits in the database, and events are
/// accepted for it as before. Holds until it is resumed, after a restart too.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/pause", tag = "plugins",
    params(("name" = String, Path, description = "The plugin")),
    responses(
        (status = 200, description = "It is paused", body = Plugin),
        (status = 401, description = "No token, or a wrong one", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn pause(
    State(side): State<Side>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Plugin>, Problem> {
    let (name, plugin) = named(&side, path)?;
    side.parts.db.hold(&name, Hold::Paused).await?;
    shown(&side, &name, plugin).await
}

/// Lets a paused plugin go on.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/resume", tag = "plugins",
    params(("name" = String, Path, description = "The plugin")),
    responses(
        (status = 200, description = "It is not paused", body = Plugin),
        (status = 401, description = "No token, or a wrong one", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn resume(
    State(side): State<Side>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Plugin>, Problem> {
    let (name, plugin) = named(&side, path)?;
    side.parts.db.end_hold(&name, Hold::Paused).await?;
    shown(&side, &name, plugin).await
}

/// Loads a plugin's file again that was refused, even if the compiler died of it. The answer does not wait for
/// the result, which the list of plugins shows.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/retry", tag = "plugins",
    params(("name" = String, Path, description = "The plugin")),
    responses(
        (status = 200, description = "It is being loaded", body = Plugin),
        (status = 401, description = "No token, or a wrong one", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn retry(
    State(side): State<Side>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Plugin>, Problem> {
    let (name, plugin) = named(&side, path)?;
    (side.parts.retry_plugin)(&name);
    shown(&side, &name, plugin).await
}

fn named(
    side: &Side,
    path: Result<Path<String>, PathRejection>,
) -> Result<(PluginName, PluginView), Problem> {
    let Path(name) = path.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let plugin = side.plugin(&name)?;
    let name = PluginName::new(&name).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok((name, plugin))
}

async fn shown(side: &Side, name: &PluginName, plugin: PluginView) -> Result<Json<Plugin>, Problem> {
    let paused = side.parts.db.paused().await?;
    let paused_at = paused.into_iter().find(|(paused, _)| paused == name).map(|(_, since)| since);
    let breaker_until = side.parts.db.broken().get(name).copied();
    Ok(Json(Plugin { plugin, paused_at, breaker_until }))
}
