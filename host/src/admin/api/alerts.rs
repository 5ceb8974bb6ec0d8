//! Alerts: the list, and a test notification.

use axum::Json;
use axum::extract::State;

use super::extract::Path;
use super::formats::NameText;
use super::{Alert, AlertList, AlertTestResult};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::alerts::{AlertView, TestError};

/// The configured alerts, with the problems that they have found.
#[utoipa::path(get, path = "/alerts", tag = "alerts", responses(
    (status = 200, description = "All alerts, in the order of the configuration", body = AlertList),
    Problem))]
pub(in crate::admin) async fn list(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
) -> Result<Json<AlertList>, Problem> {
    let items = find_all(&reader, &admin).into_iter().map(Alert::from).collect();
    Ok(Json(AlertList { items, next_cursor: None }))
}

/// The configured alerts, with what they found as facts.
pub(in crate::admin) fn find_all(_reader: &Allowed<need::Read>, admin: &AdminState) -> Vec<AlertView> {
    (admin.alerts.list)()
}

/// Sends a test notification, with one attempt, and answers with its result.
#[utoipa::path(post, path = "/alerts/{name}/test", tag = "alerts",
    params(("name" = inline(NameText), Path, description = "The alert")),
    responses(
        (status = 200, description = "The attempt was made: `delivered` says whether the receiver has it",
            body = AlertTestResult),
        (status = 404, description = "No such alert"),
        (status = 409, description = "Another test is under way"),
        Problem))]
pub(in crate::admin) async fn test(
    operator: Allowed<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
) -> Result<Json<AlertTestResult>, Problem> {
    let by = operator.decision()?;
    let result = (admin.alerts.test)(name.clone()).await.map_err(|error| match error {
        TestError::Unknown(..) => Problem::not_found(error.to_string()),
        TestError::Busy => Problem::conflict(error.to_string()),
    })?;
    let outcome = if result.delivered { "delivered" } else { "failed" };
    admin.db.record(vec![by.record("alert.test", name).result(outcome)]).await?;
    Ok(Json(AlertTestResult { id: result.id, delivered: result.delivered, detail: result.detail }))
}
