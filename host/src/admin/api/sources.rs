//! The configured sources, and tests of requests against them.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::extract::{JsonBody, Path};
use super::{SourceList, SourceTestRequest, SourceTestResult, SourceView};
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};

/// The sources, with their schemes and without their secrets.
#[utoipa::path(get, path = "/sources", tag = "sources", responses(
    (status = 200, description = "The sources by name", body = SourceList),
    Problem))]
pub(super) async fn list(_reader: Allowed<need::Read>, State(admin): State<AdminState>) -> Json<SourceList> {
    let config = admin.config.borrow();
    let items = config.sources.iter().map(|(name, source)| SourceView::new(name.as_str(), source));
    Json(SourceList { items: items.collect(), next_cursor: None })
}

/// Tests a request against a source, as if it came now or at another time. Nothing is stored and nothing runs. The reason
/// names the step at which it is rejected, and never says what would have matched.
#[utoipa::path(post, path = "/sources/{name}/test", tag = "sources",
    params(("name" = String, Path, description = "Its name")),
    request_body = SourceTestRequest, responses(
    (status = 200, description = "What would become of it", body = SourceTestResult),
    (status = 404, description = "No such source"),
    Problem))]
pub(in crate::admin) async fn test(
    _operator: Allowed<need::Operate>,
    State(admin): State<AdminState>,
    Path(name): Path<String>,
    JsonBody(request): JsonBody<SourceTestRequest>,
) -> Result<Json<SourceTestResult>, Problem> {
    let unknown = || Problem::not_found(format!("no source `{name}`; `hookyard source list` shows all"));
    let Ok(body) = STANDARD.decode(&request.body_base64) else {
        let is_known = admin.config.borrow().sources.contains_key(name.as_str());
        return if is_known { Ok(Json(SourceTestResult::without_body())) } else { Err(unknown()) };
    };
    (admin.test_source)(&name, request, body).await.map(Json).ok_or_else(unknown)
}
