//! What is wrong with the host.

use axum::Json;
use axum::extract::State;

use super::Diagnosis;
use crate::admin::auth::{AllowedFor, need};
use crate::admin::{AdminState, Problem, doctor};

/// Checks the host: database, disk space, clock, cache, plugins, sources, alerts and configuration. Each finding says what
/// to do.
#[utoipa::path(get, path = "/doctor", tag = "doctor", responses(
    (status = 200, description = "The checks ran: `severity` says how each ended", body = Diagnosis),
    Problem))]
pub(in crate::admin) async fn show(
    reader: AllowedFor<need::Read>,
    State(admin): State<AdminState>,
) -> Result<Json<Diagnosis>, Problem> {
    Ok(Json(doctor::diagnose(&admin, &reader).await))
}
