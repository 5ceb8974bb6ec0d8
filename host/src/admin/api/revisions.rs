//! Revisions of plugins: push, history, differences, ways back, pins and approvals.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::extract::{IfMatch, JsonBody, Path, Query};
use super::formats::NameText;
use super::{
    ApprovalRequest, RevisionDifference, RevisionHistory, RevisionInstruction, RevisionResult, UnpinRequest,
};
use crate::admin::auth::need::{self, Need};
use crate::admin::auth::{Allowed, AllowedFor};
use crate::admin::{AdminState, Problem};
use crate::event::PluginName;
use crate::plugins::{Instructed, InstructionError, Instructor, Plugins};

/// A push.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct PushQuery {
    /// Only load the revision, and answer with the difference.
    #[serde(default)]
    pub(in crate::admin) dry_run: bool,
}

/// Two revisions.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct DifferenceQuery {
    /// First digits of the earlier one. Default: the one in force, or the one before if `to` is in force.
    #[param(max_length = 64, pattern = "^[0-9a-f]+$")]
    pub(in crate::admin) from: Option<String>,
    /// First digits of the later one. Default: the one that waits, or else the one in force.
    #[param(max_length = 64, pattern = "^[0-9a-f]+$")]
    pub(in crate::admin) to: Option<String>,
}

type Answer = Result<([(header::HeaderName, HeaderValue); 1], Json<RevisionResult>), Problem>;

/// Pushes a revision: the body is the plugin's file. The answer comes when the revision is loaded and is in force, or
/// waits, or is refused; events accepted after the answer get the revision in force. A plugin needs no file in the
/// plugins directory.
#[utoipa::path(post, path = "/plugins/{name}/revisions", tag = "revisions",
    params(("name" = inline(NameText), Path, description = "The plugin"), PushQuery, IfMatch),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 200, description = "It is in force, or waits", body = RevisionResult,
            headers(("ETag" = String, description = "The version of the history"))),
        (status = 400, description = "Not the name of a plugin, or a wrong parameter"),
        (status = 412, description = "`If-Match` is not the version of the history"),
        (status = 413, description = "Larger than `plugins.file_max_bytes`"),
        (status = 422, description = "The host refuses the revision; the one in force stays"),
        Problem))]
pub(in crate::admin) async fn push(
    deployer: AllowedFor<need::Deploy>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    Query(query): Query<PushQuery>,
    IfMatch(version): IfMatch,
    body: Body,
) -> Answer {
    let deployer = deployer.plugin(&name)?;
    let (plugins, plugin) = (plugins(&admin)?, named(&name)?);
    let most = plugins.file_max_bytes();
    let bytes = to_bytes(body, usize::try_from(most).unwrap_or(usize::MAX)).await;
    let bytes = bytes.map_err(|error| explain_body(&error, most))?;
    let instructor = instructor(deployer, version)?;
    answer(name, plugins.push(&plugin, bytes, instructor, query.dry_run).await)
}

/// The history of a plugin's revisions: who named which one, when and how, and which one is in force.
#[utoipa::path(get, path = "/plugins/{name}/revisions", tag = "revisions",
    params(("name" = inline(NameText), Path, description = "The plugin")),
    responses(
        (status = 200, description = "The last instructions, the newest first", body = RevisionHistory,
            headers(("ETag" = String, description = "The version of the history"))),
        (status = 404, description = "No such plugin"),
        Problem))]
pub(in crate::admin) async fn history(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
) -> Result<([(header::HeaderName, HeaderValue); 1], Json<RevisionHistory>), Problem> {
    reader.check(&name)?;
    let history = plugins(&admin)?.history(&known(&name)?).await.map_err(|error| problem(&name, &error))?;
    let history = RevisionHistory::from(history);
    Ok(([tag(history.version)], Json(history)))
}

/// The difference between two revisions of a plugin whose files are kept.
#[utoipa::path(get, path = "/plugins/{name}/revisions/diff", tag = "revisions",
    params(("name" = inline(NameText), Path, description = "The plugin"), DifferenceQuery),
    responses(
        (status = 200, description = "What the later one gained and lost", body = RevisionDifference),
        (status = 400, description = "A wrong parameter"),
        (status = 404, description = "No such plugin, or no such revision"),
        Problem))]
pub(in crate::admin) async fn diff(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    Query(query): Query<DifferenceQuery>,
) -> Result<Json<RevisionDifference>, Problem> {
    reader.check(&name)?;
    let compared = plugins(&admin)?.compare(&known(&name)?, query.from.as_deref(), query.to.as_deref()).await;
    let compared = compared.map_err(|error| problem(&name, &error))?;
    let mut difference = RevisionDifference::from(compared.difference);
    (difference.from, difference.size_before) =
        compared.from.map(|(of, size)| (of.to_string(), size)).unzip();
    (difference.to, difference.size_after) = (Some(compared.to.0.to_string()), Some(compared.to.1));
    Ok(Json(difference))
}

/// Goes back to a revision that was in force: by its digest, or to the one before. It needs no approval.
#[utoipa::path(post, path = "/plugins/{name}/rollback", tag = "revisions",
    params(("name" = inline(NameText), Path, description = "The plugin"), IfMatch), request_body = RevisionInstruction,
    responses(
        (status = 200, description = "It is in force, or waits for the end of the pin", body = RevisionResult,
            headers(("ETag" = String, description = "The version of the history"))),
        (status = 400, description = "Not a request"),
        (status = 404, description = "No such plugin, or no such revision"),
        (status = 412, description = "`If-Match` is not the version of the history"),
        (status = 422, description = "The host refuses the revision"),
        Problem))]
pub(in crate::admin) async fn rollback(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    JsonBody(request): JsonBody<RevisionInstruction>,
) -> Answer {
    let operator = operator.plugin(&name)?;
    let (plugins, plugin) = (plugins(&admin)?, known(&name)?);
    let instructor = instructor(operator, version)?;
    answer(name, plugins.roll_back(&plugin, request.digest.as_deref(), instructor).await)
}

/// Pins the revision in force, or goes back to another and pins it: until the pin is lifted, what comes waits.
#[utoipa::path(post, path = "/plugins/{name}/pin", tag = "revisions",
    params(("name" = inline(NameText), Path, description = "The plugin"), IfMatch), request_body = RevisionInstruction,
    responses(
        (status = 200, description = "It is pinned", body = RevisionResult,
            headers(("ETag" = String, description = "The version of the history"))),
        (status = 400, description = "Not a request"),
        (status = 404, description = "No such plugin, or no such revision"),
        (status = 409, description = "No revision is in force"),
        (status = 412, description = "`If-Match` is not the version of the history"),
        (status = 422, description = "The host refuses the revision"),
        Problem))]
pub(in crate::admin) async fn pin(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    JsonBody(request): JsonBody<RevisionInstruction>,
) -> Answer {
    let operator = operator.plugin(&name)?;
    let (plugins, plugin) = (plugins(&admin)?, known(&name)?);
    let instructor = instructor(operator, version)?;
    answer(name, plugins.pin(&plugin, request.digest.as_deref(), instructor).await)
}

/// Lifts a pin: the revision that waits takes force, unless it has to be approved.
#[utoipa::path(post, path = "/plugins/{name}/unpin", tag = "revisions",
    params(("name" = inline(NameText), Path, description = "The plugin"), IfMatch), request_body = UnpinRequest,
    responses(
        (status = 200, description = "It is not pinned", body = RevisionResult,
            headers(("ETag" = String, description = "The version of the history"))),
        (status = 400, description = "Not a request"),
        (status = 404, description = "No such plugin"),
        (status = 412, description = "`If-Match` is not the version of the history"),
        (status = 422, description = "The host refuses the revision that waited"),
        Problem))]
pub(in crate::admin) async fn unpin(
    operator: AllowedFor<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    JsonBody(_): JsonBody<UnpinRequest>,
) -> Answer {
    let operator = operator.plugin(&name)?;
    let (plugins, plugin) = (plugins(&admin)?, known(&name)?);
    let instructor = instructor(operator, version)?;
    answer(name, plugins.unpin(&plugin, instructor).await)
}

/// Approves the revision that waits for it.
#[utoipa::path(post, path = "/plugins/{name}/approve", tag = "revisions",
    params(("name" = inline(NameText), Path, description = "The plugin"), IfMatch), request_body = ApprovalRequest,
    responses(
        (status = 200, description = "It is in force, or waits for the end of the pin", body = RevisionResult,
            headers(("ETag" = String, description = "The version of the history"))),
        (status = 400, description = "Not a request"),
        (status = 404, description = "No such plugin"),
        (status = 409, description = "This revision does not wait for approval"),
        (status = 412, description = "`If-Match` is not the version of the history"),
        (status = 422, description = "The host refuses the revision"),
        Problem))]
pub(in crate::admin) async fn approve(
    caller: AllowedFor<need::Admin>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    JsonBody(request): JsonBody<ApprovalRequest>,
) -> Answer {
    decide(caller, &admin, name, true, (version, request)).await
}

/// Rejects the revision that waits; the one in force stays.
#[utoipa::path(post, path = "/plugins/{name}/reject", tag = "revisions",
    params(("name" = inline(NameText), Path, description = "The plugin"), IfMatch), request_body = ApprovalRequest,
    responses(
        (status = 200, description = "It is rejected", body = RevisionResult,
            headers(("ETag" = String, description = "The version of the history"))),
        (status = 400, description = "Not a request"),
        (status = 404, description = "No such plugin"),
        (status = 409, description = "This revision does not wait"),
        (status = 412, description = "`If-Match` is not the version of the history"),
        Problem))]
pub(in crate::admin) async fn reject(
    caller: AllowedFor<need::Admin>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    IfMatch(version): IfMatch,
    JsonBody(request): JsonBody<ApprovalRequest>,
) -> Answer {
    decide(caller, &admin, name, false, (version, request)).await
}

async fn decide(
    caller: AllowedFor<need::Admin>,
    admin: &AdminState,
    name: String,
    approved: bool,
    (version, request): (Option<i64>, ApprovalRequest),
) -> Answer {
    let caller = caller.plugin(&name)?;
    let (plugins, plugin) = (plugins(admin)?, known(&name)?);
    let instructor = instructor(caller, version)?;
    answer(name, plugins.decide(&plugin, &request.digest, approved, instructor).await)
}

pub(in crate::admin) fn plugins(admin: &AdminState) -> Result<&Plugins, Problem> {
    admin.revisions.as_ref().ok_or_else(|| Problem::unavailable("this host keeps no revisions"))
}

/// The name of a plugin that need not exist.
fn named(name: &str) -> Result<PluginName, Problem> {
    PluginName::new(name).map_err(|error| Problem::bad_request(error.to_string()))
}

/// The name of a plugin; what cannot be a name is no plugin.
fn known(name: &str) -> Result<PluginName, Problem> {
    PluginName::new(name).map_err(|_| unknown(name))
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!(
        "no plugin `{name}` has revisions here; `hookyard plugin list` shows those there are"
    ))
}

fn instructor<P: Need>(allowed: Allowed<P>, version: Option<i64>) -> Result<Instructor, Problem> {
    let version = version.map(i64::unsigned_abs);
    Ok(Instructor { decision: allowed.decision()?, version })
}

fn tag(version: u64) -> (header::HeaderName, HeaderValue) {
    let tag = HeaderValue::from_str(&format!("\"{version}\""));
    (header::ETAG, tag.unwrap_or_else(|_| HeaderValue::from_static("\"0\"")))
}

fn answer(name: String, instructed: Result<Instructed, InstructionError>) -> Answer {
    let instructed = instructed.map_err(|error| problem(&name, &error))?;
    let result = RevisionResult::new(name, instructed);
    Ok(([tag(result.version)], Json(result)))
}

pub(in crate::admin) fn problem(name: &str, error: &InstructionError) -> Problem {
    let detail = format!("plugin {name}: {error}");
    match error {
        InstructionError::UnknownPlugin => unknown(name),
        // The reason begins with the plugin's name.
        InstructionError::Refused(reason) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason.clone()),
        InstructionError::Choice(_) => Problem::conflict(detail),
        InstructionError::NoRevision(_) => Problem::not_found(detail),
        InstructionError::Changed(_) => Problem::new(StatusCode::PRECONDITION_FAILED, detail),
        InstructionError::Revoked(reason) => Problem::new(StatusCode::UNAUTHORIZED, reason.clone()),
        InstructionError::Busy(_) | InstructionError::Unavailable(_) => Problem::unavailable(detail),
    }
}

fn explain_body(error: &axum::Error, most: u64) -> Problem {
    let mut source = Some(error as &(dyn std::error::Error + 'static));
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            let detail = format!("the file has more than plugins.file_max_bytes ({most})");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
        }
        source = error.source();
    }
    Problem::bad_request(format!("the file did not arrive whole: {error}"))
}
