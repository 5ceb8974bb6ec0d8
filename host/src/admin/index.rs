//! The page at `/`, which lists the addresses. It contains no secrets.

use axum::http::header;
use axum::response::{Html, IntoResponse};

const PAGE: &str = concat!(
    r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>hookyard</title>
<style>
body { font: 16px/1.6 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
code { font-family: ui-monospace, monospace }
dt { font-weight: 600; margin-top: 1rem } dd { margin: 0 }
</style>
<h1>hookyard "#,
    env!("CARGO_PKG_VERSION"),
    r#"</h1>
<p>Receives webhook events, proves who sent them, stores each one once, and runs sandboxed
WebAssembly plugins on it. This is the operators' side.</p>
<dl>
<dt><a href="/healthz">/healthz</a></dt><dd>The process is up.</dd>
<dt><a href="/readyz">/readyz</a></dt><dd>The database answers and the plugins were loaded.</dd>
<dt><a href="/metrics">/metrics</a></dt><dd>Numbers for Prometheus.</dd>
<dt><code>/api/v1/events</code></dt><dd>Events, newest first.</dd>
<dt><code>/api/v1/plugins</code></dt><dd>Plugins, what they handle and which revision runs.</dd>
<dt><code>/api/v1/tokens</code></dt><dd>Tokens of this API, without their secrets.</dd>
<dt><code>/api/v1/audit</code></dt><dd>What operators and the host decided.</dd>
<dt><code>/api/v1/openapi.json</code></dt><dd>The description of this API.</dd>
</dl>
<p>Everything under <code>/api/v1</code> wants <code>Authorization: Bearer TOKEN</code>. The first token is
in the data directory, where commands on this machine find it: <code>hookyard event list</code>. It makes others, with
<code>hookyard token create NAME --role ROLE</code>.</p>
</html>
"#
);

/// `GET /`
pub(super) async fn index() -> impl IntoResponse {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE))
}
