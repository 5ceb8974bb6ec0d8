//! The verifiers, and the sources that have them.

use axum::Json;
use axum::extract::State;

use super::VerifierList;
use crate::admin::auth::{Allowed, need};
use crate::admin::{AdminState, Problem};

/// The verifiers: which file of each runs, why a file was refused, and which sources have it.
#[utoipa::path(get, path = "/verifiers", tag = "verifiers", responses(
    (status = 200, description = "The verifiers by name", body = VerifierList),
    Problem))]
pub(super) async fn list(
    _reader: Allowed<need::Read>,
    State(admin): State<AdminState>,
) -> Json<VerifierList> {
    Json(VerifierList::new((admin.verifiers)(), &admin.config.borrow()))
}
