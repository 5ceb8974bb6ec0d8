//! The API's own description. `host/openapi.json` is the golden copy; a test holds them together.

use axum::Json;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};

use super::permitted::operations;
use crate::admin::{Problem, health};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "hookyard admin API",
        description = "What an operator sees of a running host. Errors are RFC 9457 problems.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        version = "1"
    ),
    components(schemas(Problem)),
    security(("token" = []))
)]
struct Frame;

/// `GET /api/v1/openapi.json`
pub(super) async fn openapi() -> Json<OpenApi> {
    Json(describe())
}

/// The description of all endpoints for programs.
fn describe() -> OpenApi {
    let mut document = Frame::openapi()
        .nest(super::PREFIX, super::endpoints().into_openapi())
        .merge_from(health::endpoints().into_openapi());
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of `hookyard token create`, or the first one, from the data directory"))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(token));
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete);
    }
    document
}

/// Adds the parts common to all endpoints: a unique id, and the content of errors.
fn complete(operation: &mut Operation) {
    if let (Some(tags), Some(id)) = (&operation.tags, &mut operation.operation_id)
        && let Some(tag) = tags.first()
    {
        *id = format!("{tag}_{id}");
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            response.content = [Problem::content()].into();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A change of the API is a change of this file, seen in review. To take it:
    /// `HOOKYARD_BLESS=1 cargo test openapi`.
    #[test]
    fn the_golden_file_equals_the_description() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let now = describe().to_pretty_json().unwrap() + "\n";
        if std::env::var_os("HOOKYARD_BLESS").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap_or_default();
        assert!(golden == now, "host/openapi.json is stale: HOOKYARD_BLESS=1 cargo test openapi");
    }

    #[test]
    fn every_operation_has_a_method_that_is_completed_and_an_id_of_its_own() {
        let document = describe();
        let (mut ids, mut operations) = (BTreeSet::new(), 0);
        for item in document.paths.paths.values() {
            let all = serde_json::to_value(item).unwrap();
            operations += all.as_object().unwrap().len();
            ids.extend(all.as_object().unwrap().values().map(|one| one["operationId"].to_string()));
        }
        assert_eq!(ids.len(), operations, "{ids:?}");
        assert!(ids.contains("\"events_list\"") && ids.contains("\"replays_stop\""), "{ids:?}");
    }
}
