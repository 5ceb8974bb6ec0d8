//! Confirmations that providers ask for, such as those of subscriptions to a topic of Amazon SNS.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::extract::{Path, Query};
use super::formats::NameText;
use super::{ConfirmationList, ConfirmationView};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};
use crate::confirmation::{ConfirmationDecision, ConfirmationState};

/// Confirmations to list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ConfirmationQuery {
    /// Only of this source.
    pub(in crate::admin) source: Option<String>,
}

/// The confirmations that providers asked for, the newest first. Each waits for an operator: the host opens no URL of a
/// request by itself.
#[utoipa::path(get, path = "/confirmations", tag = "confirmations", params(ConfirmationQuery), responses(
    (status = 200, description = "The newest ones", body = ConfirmationList),
    (status = 400, description = "A wrong parameter"),
    Problem))]
pub(in crate::admin) async fn list(
    reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
    Query(query): Query<ConfirmationQuery>,
) -> Result<Json<ConfirmationList>, Problem> {
    let may_decide = reader.may_operate();
    let found = admin.db.confirmations(query.source.as_deref()).await?;
    let items = found.into_iter().map(|stored| ConfirmationView::new(stored, may_decide)).collect();
    Ok(Json(ConfirmationList { items, next_cursor: None }))
}

/// Approves a confirmation: the host opens its URL, and answers with what came of it. If the provider did not confirm,
/// it still waits, `failure` says why, and it can be approved again.
#[utoipa::path(post, path = "/sources/{name}/confirmations/{id}/approve", tag = "confirmations",
    params(("name" = inline(NameText), Path, description = "The source"),
        ("id" = i64, Path, description = "The number of the confirmation")),
    responses(
        (status = 200, description = "The URL was opened: `state` says whether it is confirmed", body = ConfirmationView),
        (status = 400, description = "Not a number"),
        (status = 404, description = "The source has no such confirmation"),
        (status = 409, description = "It does not wait"),
        Problem))]
pub(in crate::admin) async fn approve(
    operator: Allowed<need::Operate>,
    State(admin): State<AdminState>,
    Path((name, id)): Path<(String, i64)>,
) -> Result<Json<ConfirmationView>, Problem> {
    let by = operator.decision()?;
    let decided = (admin.approve_confirmation)(name.clone(), id, by).await?;
    answer(&name, id, decided)
}

/// Rejects a confirmation: its URL is not opened, and the provider sends nothing.
#[utoipa::path(post, path = "/sources/{name}/confirmations/{id}/reject", tag = "confirmations",
    params(("name" = inline(NameText), Path, description = "The source"),
        ("id" = i64, Path, description = "The number of the confirmation")),
    responses(
        (status = 200, description = "It is rejected", body = ConfirmationView),
        (status = 400, description = "Not a number"),
        (status = 404, description = "The source has no such confirmation"),
        (status = 409, description = "It does not wait"),
        Problem))]
pub(in crate::admin) async fn reject(
    operator: Allowed<need::Operate>,
    State(admin): State<AdminState>,
    Path((name, id)): Path<(String, i64)>,
) -> Result<Json<ConfirmationView>, Problem> {
    let decided = admin.db.reject_confirmation(&name, id, operator.decision()?).await?;
    answer(&name, id, decided)
}

fn answer(name: &str, id: i64, decided: ConfirmationDecision) -> Result<Json<ConfirmationView>, Problem> {
    match decided {
        ConfirmationDecision::Decided(stored) => Ok(Json(ConfirmationView::new(*stored, true))),
        ConfirmationDecision::Unknown => Err(Problem::not_found(format!(
            "source {name} has no confirmation {id}; `hookyard source confirmations {name}` lists them"
        ))),
        ConfirmationDecision::NotWaiting(ConfirmationState::Expired) => Err(Problem::conflict(format!(
            "confirmation {id} of source {name} expired: let the provider send another one"
        ))),
        ConfirmationDecision::NotWaiting(state) => {
            let detail = format!("confirmation {id} of source {name} is {} already", state.as_str());
            Err(Problem::conflict(detail))
        }
    }
}
