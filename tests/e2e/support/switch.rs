//! Sets switches over the operators' API.

use std::fs;

use reqwest::StatusCode;
use serde_json::Value;

use super::RunningHost;

/// Sets a switch of a plugin, with this `If-Match`, if any. `None` if the host ends, or does not answer with JSON.
pub(crate) async fn put_switch(
    host: &RunningHost<'_>,
    plugin: &str,
    body: &Value,
    if_match: Option<&str>,
) -> Option<(StatusCode, Value)> {
    let token = fs::read_to_string(host.dir().path("hookyard-data/admin-token")).ok()?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().ok()?;
    let request = client.put(format!("{}/api/v1/plugins/{plugin}/switches", host.admin()));
    let request = request.bearer_auth(token.trim()).header("If-Match", if_match.unwrap_or("*"));
    let response = request.json(body).send().await.ok()?;
    Some((response.status(), response.json().await.ok()?))
}
