//! What somebody does with a plugin and its revisions on its page.

use axum::extract::State;
use axum::response::Redirect;
use serde::Deserialize;

use super::forms::FormBody;
use super::plugins::plugin_path;
use crate::admin::api::extract::{IfMatch, JsonBody, Path};
use crate::admin::api::{ApprovalRequest, RevisionInstruction, UnpinRequest, plugins, revisions};
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// A form about a plugin.
#[derive(Deserialize)]
pub(super) struct PluginForm {
    #[serde(default)]
    note: String,
    /// The version of the revisions' history that the reader saw.
    version: Option<i64>,
    /// The revision that the form is about.
    #[serde(default)]
    digest: String,
}

impl PluginForm {
    fn seen(&self) -> IfMatch {
        IfMatch(self.version)
    }

    fn instruction(&self) -> JsonBody<RevisionInstruction> {
        let digest = Some(self.digest.clone()).filter(|digest| !digest.is_empty());
        JsonBody(RevisionInstruction { digest })
    }

    fn approval(&self) -> JsonBody<ApprovalRequest> {
        JsonBody(ApprovalRequest { digest: self.digest.clone() })
    }
}

type Answer = Result<Redirect, Problem>;

/// The way back to the plugin's page.
fn back(name: &str) -> Redirect {
    Redirect::to(&plugin_path(name))
}

/// `POST /plugins/{name}/pause`
pub(super) async fn pause(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<PluginForm>,
) -> Answer {
    let _done = plugins::pause(operator.with_note(&form.note)?, admin, Path(name.clone())).await?;
    Ok(back(&name))
}

/// `POST /plugins/{name}/resume`
pub(super) async fn resume(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<PluginForm>,
) -> Answer {
    let _done = plugins::resume(operator.with_note(&form.note)?, admin, Path(name.clone())).await?;
    Ok(back(&name))
}

/// `POST /plugins/{name}/retry`
pub(super) async fn retry(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<PluginForm>,
) -> Answer {
    let _done = plugins::retry(operator.with_note(&form.note)?, admin, Path(name.clone())).await?;
    Ok(back(&name))
}

/// `POST /plugins/{name}/rollback`
pub(super) async fn roll_back(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<PluginForm>,
) -> Answer {
    let operator = operator.with_note(&form.note)?;
    let _done =
        revisions::rollback(operator, admin, Path(name.clone()), form.seen(), form.instruction()).await?;
    Ok(back(&name))
}

/// `POST /plugins/{name}/pin`
pub(super) async fn pin(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<PluginForm>,
) -> Answer {
    let operator = operator.with_note(&form.note)?;
    let _done = revisions::pin(operator, admin, Path(name.clone()), form.seen(), form.instruction()).await?;
    Ok(back(&name))
}

/// `POST /plugins/{name}/unpin`
pub(super) async fn unpin(
    operator: AllowedFor<need::Operate>,
    admin: State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<PluginForm>,
) -> Answer {
    let operator = operator.with_note(&form.note)?;
    let nothing = JsonBody(UnpinRequest {});
    let _done = revisions::unpin(operator, admin, Path(name.clone()), form.seen(), nothing).await?;
    Ok(back(&name))
}

/// `POST /plugins/{name}/approve`
pub(super) async fn approve(
    caller: AllowedFor<need::Admin>,
    admin: State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<PluginForm>,
) -> Answer {
    let caller = caller.with_note(&form.note)?;
    let _done = revisions::approve(caller, admin, Path(name.clone()), form.seen(), form.approval()).await?;
    Ok(back(&name))
}

/// `POST /plugins/{name}/reject`
pub(super) async fn reject(
    caller: AllowedFor<need::Admin>,
    admin: State<AdminState>,
    Path(name): Path<String>,
    FormBody(form): FormBody<PluginForm>,
) -> Answer {
    let caller = caller.with_note(&form.note)?;
    let _done = revisions::reject(caller, admin, Path(name.clone()), form.seen(), form.approval()).await?;
    Ok(back(&name))
}
