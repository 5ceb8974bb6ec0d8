//! `/metrics`: the process-wide recorder, and the meaning of each metric.
//!
//! Rooms record with the `metrics` macros under the names below. Everybody who reaches the admin address may read the
//! page, as scrapers expect; it has numbers and names, never payloads.

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::MissedTickBehavior;

use super::{AdminState, RecentHour};
use crate::db::{Db, Size, Stock};
use crate::event::now_ms;
use crate::plugins::{PluginState, PluginView};
use crate::telemetry::Telemetry;

/// Interval at which samples of histograms are added to their buckets between scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// From 50 µs to 10 s: a wasm call takes some 50 µs, a commit some ms.
const SECONDS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// The format of the page.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Installs the recorder; every later call gives the same one.
///
/// # Errors
/// When some other recorder was installed in this process.
pub fn install() -> Result<PrometheusHandle, String> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    HANDLE.get_or_init(|| build().map_err(|error| format!("metrics: {error}"))).clone()
}

fn build() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    // A recorder installed this way does no upkeep; see `upkeep`.
    let handle = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    describe();
    metrics::gauge!("hookyard_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Adds samples to their buckets, takes those of the last hour, and never returns. Without it, a host that is never
/// scraped keeps every sample.
pub async fn upkeep(handle: PrometheusHandle, hour: RecentHour, db: Db) {
    let sampling = async {
        let mut tick = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            tick.tick().await;
            hour.sample(&db).await;
        }
    };
    // Beside it: a database that does not answer must not keep the samples of histograms.
    let upkeep = async {
        let mut tick = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            tick.tick().await;
            handle.run_upkeep();
        }
    };
    tokio::join!(sampling, upkeep);
}

fn describe() {
    describe_gauge!("hookyard_build_info", "Always 1; the label is the running version");
    describe_gauge!(
        "hookyard_memory_bounds",
        "Always 1; the label is the bounds check of guests' memories: guard-pages or checks"
    );
    describe_counter!("hookyard_requests_total", "Webhook requests answered, by source and status");
    describe_counter!(
        "hookyard_unauthorized_total",
        "Webhook requests answered 401, by source and reason: missing, repeated or malformed (what is needed to \
         verify it), mismatch, too-old, too-new, no-url, refused (by a verifier)"
    );
    describe_counter!(
        "hookyard_verifier_failures_total",
        "Requests answered 503 because their source's verifier did not answer, by source and kind"
    );
    describe_counter!(
        "hookyard_confirmations_total",
        "Confirmations that providers asked for, by source and result: stored, renewed, repeated, full"
    );
    describe_counter!("hookyard_attempts_total", "Attempts, by plugin and outcome");
    describe_counter!(
        "hookyard_reruns_total",
        "Reruns of calls because another call changed an entry that they had read, by plugin"
    );
    describe_counter!("hookyard_effect_attempts_total", "Attempts at effects, by plugin, kind and outcome");
    describe_histogram!("hookyard_attempt_seconds", Unit::Seconds, "Time of one attempt, by plugin");
    describe_histogram!("hookyard_commit_seconds", Unit::Seconds, "Time of one group commit");
    describe_stages();
    describe_histogram!(
        "hookyard_accept_to_done_seconds",
        Unit::Seconds,
        "Time from the receipt of an event until its delivery is done, by plugin"
    );
    describe_gauge!(
        "hookyard_alert_problems",
        "Problems that an alert has found and that are not over, by alert"
    );
    describe_gauge!(
        "hookyard_alert_failing",
        "1 for an alert whose notification could not be handed over so far, else 0"
    );
    describe_counter!(
        "hookyard_alert_notifications_total",
        "Attempts at notifications, by alert and outcome: delivered, failed, dropped"
    );
    describe_gauge!("hookyard_backlog", "Deliveries that are neither done nor dead");
    describe_counter!(
        "hookyard_log_lines_dropped_total",
        "Lines dropped because standard error or standard output was not read"
    );
    metrics::counter!("hookyard_log_lines_dropped_total").increment(0);
    describe_counter!("hookyard_pruned_events_total", "Pruned events, by reason: age or size");
    describe_counter!("hookyard_pruned_keys_total", "Pruned idempotency keys");
    describe_gauge!(
        "hookyard_database_bytes",
        Unit::Bytes,
        "Size of the database on disk, by part: used, free, log"
    );
    describe_gauge!("hookyard_search_index_lag_events", "Event numbers that the search index is behind");
    describe_gauge!(
        "hookyard_search_index_lag_seconds",
        Unit::Seconds,
        "Time since the search index had all events; 0 while it has"
    );
    describe_gauge!("hookyard_switches_off", "Switches that are off: their plugins' new deliveries are held");
    describe_gauge!("hookyard_dead_letters", "Unresolved dead letters: deliveries and effects");
    describe_gauge!(
        "hookyard_oldest_dead_letter_seconds",
        Unit::Seconds,
        "Age of the oldest event with an unresolved dead letter; 0 when there is none"
    );
    describe_counter!("hookyard_swaps_total", "Revisions that went live, by plugin");
    describe_counter!("hookyard_refusals_total", "Plugin files that were refused, by plugin");
    describe_gauge!("hookyard_plugins", "Plugins, by state");
    describe_gauge!("hookyard_plugin_paused", "1 for a plugin that its breaker pauses, else 0");
    describe_histogram!(
        "hookyard_plugin_load_seconds",
        Unit::Seconds,
        "Time to load a plugin revision, by source of its machine code"
    );
}

/// The steps of an event's way that have a histogram each, beside `hookyard_commit_seconds`.
fn describe_stages() {
    describe_histogram!(
        "hookyard_verify_seconds",
        Unit::Seconds,
        "Time to verify a request and to read its event, by source"
    );
    describe_histogram!(
        "hookyard_wait_seconds",
        Unit::Seconds,
        "Time that a delivery waits for an attempt, since its commit or since it was due, by plugin"
    );
    describe_histogram!(
        "hookyard_instantiate_seconds",
        Unit::Seconds,
        "Time to get an instance for an attempt, by plugin"
    );
    describe_histogram!("hookyard_call_seconds", Unit::Seconds, "Time of one call of a handler, by plugin");
    describe_histogram!(
        "hookyard_finish_seconds",
        Unit::Seconds,
        "Time from the end of an attempt until it is committed"
    );
    describe_histogram!(
        "hookyard_effect_seconds",
        Unit::Seconds,
        "Time of one attempt at an effect, by plugin and kind"
    );
    describe_counter!(
        "hookyard_telemetry_spans_total",
        "Spans for the OpenTelemetry collector, by outcome: exported, dropped"
    );
    describe_counter!(
        "hookyard_telemetry_requests_total",
        "Requests to the OpenTelemetry collector, by signal and outcome: delivered, failed"
    );
}

/// Hands all metrics to the exporter at each interval, if the collector gets them.
pub async fn export(admin: AdminState, telemetry: Telemetry) {
    let Some(interval) = telemetry.metrics_interval() else { return };
    let mut tick = tokio::time::interval(interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        telemetry.record_metrics(render(&admin).await);
    }
}

/// `GET /metrics`
pub(super) async fn scrape(State(admin): State<AdminState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], render(&admin).await)
}

/// The page of all metrics, with gauges as they are now.
async fn render(admin: &AdminState) -> String {
    set_plugin_gauges(&(admin.plugins)());
    metrics::gauge!("hookyard_backlog").set(as_f64(admin.db.backlog()));
    let index = admin.db.index_status();
    metrics::gauge!("hookyard_search_index_lag_events").set(as_f64(index.lag_events));
    metrics::gauge!("hookyard_search_index_lag_seconds").set(as_f64(index.lag_ms) / 1000.0);
    match admin.cache.stock.get(admin.db.stock()).await {
        Ok(stock) => set_stock_gauges(&stock),
        Err(error) => tracing::debug!("the database could not be counted for /metrics: {error}"),
    }
    admin.metrics.render()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

fn set_stock_gauges(stock: &Stock) {
    let Size { used_bytes, free_bytes, log_bytes } = stock.size;
    for (part, bytes) in [("used", used_bytes), ("free", free_bytes), ("log", log_bytes)] {
        metrics::gauge!("hookyard_database_bytes", "part" => part).set(as_f64(bytes));
    }
    for (what, dead) in [("delivery", stock.dead_deliveries), ("effect", stock.dead_effects)] {
        metrics::gauge!("hookyard_dead_letters", "what" => what).set(as_f64(dead));
    }
    metrics::gauge!("hookyard_switches_off").set(as_f64(stock.switches_off));
    let age_ms = stock.oldest_dead_at.map_or(0, |at| now_ms().saturating_sub(at));
    metrics::gauge!("hookyard_oldest_dead_letter_seconds").set(as_f64(age_ms) / 1000.0);
}

fn set_plugin_gauges(plugins: &[PluginView]) {
    for (state, label) in [(PluginState::Running, "running"), (PluginState::Refused, "refused")] {
        let number = plugins.iter().filter(|plugin| plugin.state == state).count();
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        metrics::gauge!("hookyard_plugins", "state" => label).set(f64::from(number));
    }
}
