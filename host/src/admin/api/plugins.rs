//! Plugins: the list, one of them, pausing and resuming one, and loading a refused one again.

use axum::Json;
use axum::extract::State;

use super::extract::Path;
use super::formats::NameText;
use super::{Plugin, PluginDetail, PluginList, PluginSwitch, RecentUse};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};
use crate::audit::Decision;
use crate::event::PluginName;
use crate::plugins::PluginView;
use crate::switch::Switches;

/// Plugins: what they handle, which revision runs, and why a file was refused.
#[utoipa::path(get, path = "/plugins", tag = "plugins", responses(
    (status = 200, description = "All plugins, by name", body = PluginList),
    Problem))]
pub(in crate::admin) async fn list(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
) -> Result<Json<PluginList>, Problem> {
    let paused = admin.db.paused().await?.into_iter().map(|(name, at)| (name.to_string(), at));
    let items = describe_all(&reader, &admin, &paused.collect::<Vec<_>>()).await?;
    Ok(Json(PluginList { items, next_cursor: None }))
}

/// All plugins that the reader sees, by name. `paused` has those that are paused, and since when.
pub(in crate::admin) async fn describe_all(
    reader: &AllowedFor<need::Read>,
    admin: &AdminState,
    paused: &[(String, u64)],
) -> Result<Vec<Plugin>, Problem> {
    let mut plugins = (admin.plugins)();
    plugins.retain(|plugin| reader.sees(&plugin.name));
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    let paused_at = |name: &str| paused.iter().find(|(paused, _)| paused == name).map(|(_, at)| *at);
    let broken = admin.db.broken();
    let switches = admin.db.switches().await?;
    let show = |plugin: PluginView| {
        let paused_at = paused_at(&plugin.name);
        let breaker_until = broken.get(plugin.name.as_str()).copied();
        let own = PluginName::new(&plugin.name).map(|name| switches_of(&switches, &name));
        Plugin::new(plugin, paused_at, breaker_until, own.unwrap_or_default())
    };
    Ok(plugins.into_iter().map(show).collect())
}

/// One plugin: with its limits, how near its latest attempts came to them, and what the configuration grants it.
#[utoipa::path(get, path = "/plugins/{name}", tag = "plugins",
    params(("name" = inline(NameText), Path, description = "The plugin")),
    responses(
        (status = 200, description = "The plugin", body = PluginDetail),
        (status = 404, description = "No such plugin"),
        Problem))]
pub(in crate::admin) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
) -> Result<Json<PluginDetail>, Problem> {
    reader.check(&name)?;
    let view = admin.find_plugin(&name, |plugin| reader.sees(plugin))?;
    let name = PluginName::new(&name).map_err(|error| Problem::bad_request(error.to_string()))?;
    let recent = RecentUse::of(&admin.db.recent_attempts(&name).await?);
    let config = admin.config.borrow().plugin(name.as_str()).into_owned();
    let plugin = found(&admin, &name, view).await?;
    Ok(Json(PluginDetail { plugin, limits: (&config).into(), recent, grants: (&config).into() }))
}

/// Pauses a plugin until it is resumed, also after a restart: attempts in flight end, its other deliveries wait, and
/// events for it are accepted as before.
#[utoipa::path(post, path = "/plugins/{name}/pause", tag = "plugins",
    params(("name" = inline(NameText), Path, description = "The plugin")),
    responses(
        (status = 200, description = "It is paused", body = Plugin),
        (status = 404, description = "No such plugin"),
        Problem))]
pub(in crate::admin) async fn pause(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
) -> Result<Json<Plugin>, Problem> {
    let (by, name, plugin) = find(operator, &admin, &name)?;
    admin.db.pause(&name, by).await?;
    found(&admin, &name, plugin).await.map(Json)
}

/// Resumes a paused plugin.
#[utoipa::path(post, path = "/plugins/{name}/resume", tag = "plugins",
    params(("name" = inline(NameText), Path, description = "The plugin")),
    responses(
        (status = 200, description = "It is not paused", body = Plugin),
        (status = 404, description = "No such plugin"),
        Problem))]
pub(in crate::admin) async fn resume(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
) -> Result<Json<Plugin>, Problem> {
    let (by, name, plugin) = find(operator, &admin, &name)?;
    admin.db.resume(&name, by).await?;
    found(&admin, &name, plugin).await.map(Json)
}

/// Loads a refused plugin file again, even if it crashed the compiler. The answer does not wait for the result, which
/// the list of plugins shows.
#[utoipa::path(post, path = "/plugins/{name}/retry", tag = "plugins",
    params(("name" = inline(NameText), Path, description = "The plugin")),
    responses(
        (status = 200, description = "It is being loaded", body = Plugin),
        (status = 404, description = "No such plugin"),
        Problem))]
pub(in crate::admin) async fn retry(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
) -> Result<Json<Plugin>, Problem> {
    let (by, name, plugin) = find(operator, &admin, &name)?;
    admin.db.record(vec![by.record("plugin.retry", name.as_str()).result("begun")]).await?;
    (admin.retry_plugin)(&name);
    found(&admin, &name, plugin).await.map(Json)
}

fn find(
    operator: AllowedFor<need::Operate>,
    admin: &AdminState,
    name: &str,
) -> Result<(Decision, PluginName, PluginView), Problem> {
    let operator = operator.plugin(name)?;
    let plugin = admin.find_plugin(name, |plugin| operator.sees(plugin))?;
    let name = PluginName::new(name).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok((operator.decision()?, name, plugin))
}

async fn found(admin: &AdminState, name: &PluginName, plugin: PluginView) -> Result<Plugin, Problem> {
    let paused = admin.db.paused().await?;
    let paused_at = paused.into_iter().find(|(paused, _)| paused == name).map(|(_, since)| since);
    let breaker_until = admin.db.broken().get(name).copied();
    let switches = switches_of(&admin.db.switches().await?, name);
    Ok(Plugin::new(plugin, paused_at, breaker_until, switches))
}

fn switches_of(switches: &Switches, plugin: &PluginName) -> Vec<PluginSwitch> {
    switches.of(plugin).into_iter().cloned().map(Into::into).collect()
}
