//! `/healthz` and `/readyz`: whether the process is up, and whether it can accept and run events.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AdminState, Problem};

/// A short answer for load balancers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    /// `ok` or `ready`.
    status: &'static str,
    /// The host's version.
    version: &'static str,
}

impl Health {
    fn new(status: &'static str) -> Json<Self> {
        Json(Self { status, version: env!("CARGO_PKG_VERSION") })
    }
}

/// The endpoints and their descriptions.
pub(super) fn endpoints() -> OpenApiRouter<AdminState> {
    OpenApiRouter::default().routes(routes!(healthz)).routes(routes!(readyz))
}

/// The process is up.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "The process is up", body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    Health::new("ok")
}

/// The database works, the plugins were loaded once, and deliveries are dispatched.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "Events are accepted and run", body = Health),
    (status = 503, description = "Not yet, or no longer")))]
pub(super) async fn readyz(State(admin): State<AdminState>) -> Result<Json<Health>, Problem> {
    let fault = || admin.db.fault().or_else(|| (admin.fault)());
    if let Some(reason) = admin.readiness.reason().or_else(fault) {
        return Err(Problem::unavailable(reason));
    }
    admin.cache.ping.get(admin.db.ping()).await?;
    Ok(Health::new("ready"))
}
