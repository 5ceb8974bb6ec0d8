//! Requests to the operators' API that change something.

use std::fs;

use reqwest::StatusCode;
use serde_json::Value;

use super::RunningHost;

impl RunningHost<'_> {
    /// Sends a POST request to the operators' API with the token and these headers.
    pub(crate) async fn api_post(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let mut request = self.authorized_post(path).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request).await.unwrap()
    }

    /// Sends bytes to the operators' API with the token.
    pub(crate) async fn api_post_bytes(&self, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
        answer(self.authorized_post(path).body(body)).await.unwrap()
    }

    /// Like [`RunningHost::api_post_bytes`], without borrowing the host. `None` if the host ends.
    pub(crate) fn start_push(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> impl Future<Output = Option<StatusCode>> + use<> {
        let request = self.authorized_post(path).body(body);
        async move { Some(answer(request).await.ok()?.0) }
    }

    fn authorized_post(&self, path: &str) -> reqwest::RequestBuilder {
        let token = fs::read_to_string(self.dir.path("hookyard-data/admin-token")).unwrap();
        self.http.post(format!("{}{path}", self.admin)).bearer_auth(token.trim())
    }
}

async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<(StatusCode, Value)> {
    let response = request.send().await?;
    let code = response.status();
    Ok((code, serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null)))
}
