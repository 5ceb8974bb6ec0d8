//! Plugins as operators see them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Side;
use super::problem::Problem;
use crate::plugins::PluginView;

/// All plugins. There are as many as files in a directory, so there are no pages.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct PluginList {
    /// By name.
    items: Vec<PluginView>,
    /// Always null: the list is whole.
    next_cursor: Option<String>,
}

/// Plugins: what they handle, which revision runs, why a file was refused, and which are paused.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "plugins", responses(
    (status = 200, description = "All plugins, by name", body = PluginList),
    (status = 401, description = "No token, or a wrong one", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn list(State(side): State<Side>) -> Json<PluginList> {
    let (mut items, broken) = ((side.parts.plugins)(), side.parts.db.broken());
    for plugin in &mut items {
        plugin.breaker_until = broken.get(plugin.name.as_str()).copied();
    }
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Json(PluginList { items, next_cursor: None })
}
