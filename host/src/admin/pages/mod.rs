//! The pages: HTML for operators, made by the host, beside the API (`admin/api/`) and over the same reads.
//!
//! A page is a file here with its endpoints, a template in `templates/` and its words in `words/`. Its endpoints call
//! those of the API, so a page shows and does nothing that a program could not, with the same permissions, masks and
//! audit entries. What all pages share is around them: `guard.rs` (log-ins, forms, headers, errors), `shell.rs` (what
//! surrounds a page's content), `ui.rs` (times, states, numbers), `assets.rs` (the stylesheet and the scripts).
//!
//! Pages work without JavaScript: links, and forms that redirect. Scripts add the keyboard, times in the reader's zone,
//! and the news of other browsers and senders. No page has a script or a style in it, or asks another machine.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use super::{AdminState, index};

mod alert_facts;
mod alerts;
mod assets;
mod audit;
mod comparison;
mod cookies;
mod dead_effects;
mod dead_letter_filters;
mod dead_letter_plans;
mod dead_letter_sentences;
mod dead_letters;
mod difference;
mod errors;
mod event;
mod event_actions;
mod events;
mod findings;
mod forms;
mod guard;
mod json;
mod language;
mod last_hour;
mod listing;
mod live;
mod login;
mod origin;
mod overview;
mod plugin;
mod plugin_actions;
mod plugin_facts;
mod plugin_push;
mod plugin_store;
mod plugin_switches;
mod plugins;
mod preferences;
mod replay;
mod replay_failures;
mod replays;
mod settings;
mod shell;
mod source_confirmations;
mod source_setup;
mod source_test;
mod sources;
mod sparkline;
mod states;
mod timeline;
mod tokens;
mod ui;
mod visit;
mod words;

/// The pages, and what they are made of.
pub(super) fn router(state: &AdminState) -> Router<AdminState> {
    let pages = Router::new()
        .route("/", get(overview::show))
        .route("/events", get(events::show))
        .route("/events/{source}/{id}", get(event::show))
        .route("/events/{source}/{id}/download", get(event::download))
        .route("/events/{source}/{id}/run", post(event_actions::run))
        .route("/events/{source}/{id}/edit", post(event_actions::run_edited))
        .route("/events/{source}/{id}/deliveries/{delivery}/replay", post(event_actions::replay))
        .route("/events/{source}/{id}/deliveries/{delivery}/discard", post(event_actions::discard))
        .route("/dead-letters", get(dead_letters::show))
        .route("/dead-letters/list", get(dead_letters::list))
        .route("/dead-letters/plan", post(dead_letter_plans::plan))
        .route("/dead-letters/plan/{id}", get(dead_letter_plans::show).post(dead_letter_plans::begin))
        .route("/plugins", get(plugins::show).post(plugin_switches::change))
        .route("/plugins/{name}", get(plugin::show))
        .route("/plugins/{name}/push", post(plugin_push::push))
        .route("/plugins/{name}/store", get(plugin_store::show))
        .route("/plugins/{name}/pause", post(plugin_actions::pause))
        .route("/plugins/{name}/resume", post(plugin_actions::resume))
        .route("/plugins/{name}/retry", post(plugin_actions::retry))
        .route("/plugins/{name}/rollback", post(plugin_actions::roll_back))
        .route("/plugins/{name}/pin", post(plugin_actions::pin))
        .route("/plugins/{name}/unpin", post(plugin_actions::unpin))
        .route("/plugins/{name}/approve", post(plugin_actions::approve))
        .route("/plugins/{name}/reject", post(plugin_actions::reject))
        .route("/sources", get(sources::list))
        .route("/sources/{name}", get(sources::show))
        .route("/sources/{name}/test", post(source_test::test))
        .route("/sources/{name}/confirmations/{id}/approve", post(source_confirmations::approve))
        .route("/sources/{name}/confirmations/{id}/reject", post(source_confirmations::reject))
        .route("/replays", get(replays::list))
        .route("/replays/{id}", get(replay::show))
        .route("/replays/{id}/stop", post(replay::stop))
        .route("/audit", get(audit::list))
        .route("/audit/check", get(audit::check))
        .route("/audit/export", get(audit::export))
        .route("/audit/{number}", get(audit::show))
        .route("/settings", get(settings::show))
        .route("/settings/tokens", get(tokens::show).post(tokens::create))
        .route("/settings/tokens/{name}/revoke", get(tokens::ask_to_revoke).post(tokens::revoke))
        .route("/settings/alerts", get(alerts::show))
        .route("/settings/alerts/{name}/test", post(alerts::test))
        .route("/settings/sessions/{id}/end", post(settings::end_session))
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/preferences", post(preferences::set))
        .route("/live", get(live::follow))
        .route_layer(middleware::from_fn_with_state(state.clone(), guard::require))
        // The guard reads bodies, with limits of its own.
        .layer(DefaultBodyLimit::disable());
    let assets = Router::new().route("/assets/{name}", get(assets::show));
    pages.merge(assets).layer(CompressionLayer::new()).layer(middleware::from_fn(index_for_programs))
}

/// Answers programs that ask for `/` with the list of addresses.
async fn index_for_programs(request: Request, next: Next) -> Response {
    if request.uri().path() == "/" && !accepts_html(request.headers()) {
        return index::index().await.into_response();
    }
    next.run(request).await
}

/// The answer for a path at which nothing is: a page for browsers, a problem for programs.
pub(super) async fn not_found(State(admin): State<AdminState>, request: Request) -> Response {
    let (parts, _body) = request.into_parts();
    let problem = super::not_found(parts.uri.clone()).await;
    if accepts_html(&parts.headers) {
        guard::show_error(admin, parts, problem).await
    } else {
        problem.into_response()
    }
}

/// Whether a request is a browser's for a page.
fn accepts_html(headers: &axum::http::HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.to_ascii_lowercase().contains("text/html"))
}
