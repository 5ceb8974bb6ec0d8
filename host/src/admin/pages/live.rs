//! The changes for a page that is open: those of `/api/v1/changes`, for a browser that is logged in.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::admin::api::changes::{self, ChangesQuery};
use crate::admin::api::extract::Query;
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem};

/// `GET /live`
pub(super) async fn follow(
    reader: AllowedFor<need::Read>,
    admin: State<AdminState>,
    query: Query<ChangesQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    changes::follow(reader, admin, query, headers).await
}
