//! The API's own description. `host/openapi.json` is the golden copy; a test holds them together.

use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{deliveries, effects, events, health, plugins, problem, replays, view};
use crate::{db, effect, replay};

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
    components(schemas(
        view::EventList, db::EventSummary, db::EventView, db::DeliveryView, db::DeliverySummary,
        db::AttemptView, db::ConflictView, db::EventState, plugins::PluginList, plugins::Plugin, view::DeliveryList, view::DeliveryDetail, view::Discarded,
        view::ReplayList, view::EffectList, view::Dealt, effect::Selection, replay::Request, replay::Progress, health::Health, problem::Problem
    )),
    modifiers(&Bearer),
    security(("token" = []))
)]
struct Api;

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
