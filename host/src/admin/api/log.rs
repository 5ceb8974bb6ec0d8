//! The level of the host's log.

use std::time::Duration;

use axum::Json;
use axum::extract::State;

use super::extract::JsonBody;
use super::{LogLevelRequest, LogLevelView};
use crate::admin::auth::{Allowed, need};
use crate::admin::log_level::is_log_filter;
use crate::admin::{AdminState, Problem};

/// The level of the host's log.
#[utoipa::path(get, path = "/log/level", tag = "log", responses(
    (status = 200, description = "The filter in force, and the configured one", body = LogLevelView),
    Problem))]
pub(super) async fn show_level(
    _reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
) -> Json<LogLevelView> {
    Json(view(&admin))
}

/// Changes the level of the host's log, at once. Without a filter the configured one holds again, as it does after a
/// restart.
#[utoipa::path(put, path = "/log/level", tag = "log", request_body = LogLevelRequest, responses(
    (status = 200, description = "The filter in force now", body = LogLevelView),
    (status = 422, description = "A time without a filter"),
    Problem))]
pub(super) async fn set_level(
    operator: Allowed<need::Operate>,
    State(admin): State<AdminState>,
    JsonBody(request): JsonBody<LogLevelRequest>,
) -> Result<Json<LogLevelView>, Problem> {
    let LogLevelRequest { filter, for_ms } = request;
    if let Some(filter) = filter.as_deref().filter(|filter| !is_log_filter(filter)) {
        return Err(Problem::bad_request(format!(
            "filter: `{filter}` is no filter: write a level (off, error, warn, info, debug, trace), or levels for parts of \
             the program such as `info,hookyard::db=debug`"
        )));
    }
    if filter.is_none() && for_ms.is_some() {
        return Err(Problem::unprocessable("for_ms: without a filter there is nothing to end"));
    }
    let before = admin.log_level.changed().map(|changed| changed.filter);
    let before = before.unwrap_or_else(|| admin.log_level.configured().to_owned());
    let after = serde_json::json!({ "filter": filter, "for_ms": for_ms });
    let decision = operator.decision()?;
    let record =
        decision.record("log.level", "log").before(serde_json::json!({ "filter": before })).after(after);
    // Recorded first: a change without an entry must not be.
    admin.db.record(vec![record]).await?;
    admin.log_level.set(filter, for_ms.map(Duration::from_millis)).map_err(Problem::conflict)?;
    let now = view(&admin);
    tracing::info!(until = now.until, "an operator set the level of the log: {}", now.filter);
    Ok(Json(now))
}

fn view(admin: &AdminState) -> LogLevelView {
    let configured = admin.log_level.configured().to_owned();
    match admin.log_level.changed() {
        Some(changed) => LogLevelView { filter: changed.filter, configured, until: changed.until },
        None => LogLevelView { filter: configured.clone(), configured, until: None },
    }
}
