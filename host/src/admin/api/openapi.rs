//! The API's own description. `host/openapi.json` is the golden copy; a test holds them together.

use axum::response::{IntoResponse, Response};
use utoipa::openapi::RefOr;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{deliveries, effects, events, plugins, replays};
use crate::admin::{Problem, health};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hookyard admin API",
        description = "What an operator sees of a running host. Errors are RFC 9457 problems.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        version = "1"
    ),
    paths(
        events::list, events::show, deliveries::list, deliveries::show, deliveries::discard, effects::list,
        effects::replay, effects::discard, replays::begin,
        replays::list, replays::show, replays::stop, plugins::list, plugins::pause, plugins::resume, plugins::retry,
        health::healthz, health::readyz
    ),
    components(schemas(Problem)),
    modifiers(&Bearer, &ProblemContent),
    security(("token" = []))
)]
struct Api;

/// Names the token that the API wants.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The admin token, from the data directory"))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Gives every answer that is an error the content of one: endpoints only say which there are, and why.
struct ProblemContent;

impl Modify for ProblemContent {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            let operations =
                [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                for (status, response) in &mut operation.responses.responses {
                    if let RefOr::T(response) = response
                        && status.starts_with(['4', '5'])
                    {
                        response.content = [Problem::content()].into();
                    }
                }
            }
        }
    }
}

/// `GET /api/v1/openapi.json`
pub(super) async fn openapi() -> Response {
    axum::Json(Api::openapi()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of the API is a change of this file, seen in review. To take it:
    /// `HOOKYARD_BLESS=1 cargo test -p hookyard openapi`.
    #[test]
    fn the_golden_file_is_what_the_host_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let now = Api::openapi().to_pretty_json().unwrap() + "\n";
        if std::env::var_os("HOOKYARD_BLESS").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap_or_default();
        assert!(golden == now, "host/openapi.json is stale: HOOKYARD_BLESS=1 cargo test openapi");
    }
}
