//! Asks a running host's admin API.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::admin::Problem;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for an answer that takes long to compute.
const SLOW_TIMEOUT: Duration = Duration::from_mins(30);

/// A running host, from outside.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: Bearer,
    /// The reason for a change, for the audit log.
    note: Option<String>,
}

/// The token and its origin, for messages.
#[derive(Clone)]
pub(super) struct Bearer {
    /// The token.
    pub(super) token: String,
    /// `HOOKYARD_TOKEN`, or the file it was read from.
    pub(super) origin: String,
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "(token from {})", self.origin)
    }
}

impl Client {
    /// A client of the host at `base`, `http://ADDRESS`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(base: &str, token: Bearer) -> Result<Self, Failure> {
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { http: http(&base)?, base, token, note: None })
    }

    /// This client, with a reason for its changes.
    #[must_use]
    pub(super) fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }

    /// The base of its URLs.
    #[must_use]
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Reads the resource at `segments`, each quoted for a URL.
    ///
    /// # Errors
    /// When the host does not answer, refuses the token, or reports an error.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &(impl Serialize + ?Sized),
    ) -> Result<T, Failure> {
        self.send(self.http.get(url(&self.base, segments)?).query(query)).await
    }

    /// Reads a resource that takes long to compute.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) async fn get_slowly<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &(impl Serialize + ?Sized),
    ) -> Result<T, Failure> {
        self.send(self.http.get(url(&self.base, segments)?).query(query).timeout(SLOW_TIMEOUT)).await
    }

    /// Asks for something to be done at `segments`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Failure> {
        self.send(self.http.post(url(&self.base, segments)?).json(body)).await
    }

    /// Removes the resource at `segments`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) async fn delete(&self, segments: &[&str]) -> Result<(), Failure> {
        self.answer(self.http.delete(url(&self.base, segments)?)).await.map(drop)
    }

    /// Sets the resource at `segments`, if it still has this version.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &(impl Serialize + ?Sized),
        version: Option<i64>,
    ) -> Result<T, Failure> {
        let mut request = self.http.put(url(&self.base, segments)?).json(body);
        if let Some(version) = version {
            request = request.header(reqwest::header::IF_MATCH, format!("\"{version}\""));
        }
        self.send(request).await
    }

    /// As [`Client::post`], for what may take longer than other requests.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) async fn post_within<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &(impl Serialize + ?Sized),
        timeout: Duration,
    ) -> Result<T, Failure> {
        self.send(self.http.post(url(&self.base, segments)?).timeout(timeout).json(body)).await
    }

    /// Sends a plugin's file to `segments`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) async fn post_bytes<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &(impl Serialize + ?Sized),
        bytes: Vec<u8>,
        timeout: Duration,
    ) -> Result<T, Failure> {
        let request = self.http.post(url(&self.base, segments)?).query(query).timeout(timeout);
        self.send(request.header(CONTENT_TYPE, "application/wasm").body(bytes)).await
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Failure> {
        serde_json::from_slice(&self.answer(request).await?).map_err(|error| {
            let base = &self.base;
            Failure::Failed(format!("{base} does not answer like a hookyard host: {error}"))
        })
    }

    async fn answer(&self, mut request: reqwest::RequestBuilder) -> Result<Bytes, Failure> {
        if let Some(note) = &self.note {
            request = request.header("x-hookyard-note", note.as_bytes());
        }
        let response = request.bearer_auth(&self.token.token).send().await;
        let response = response.map_err(|error| self.explain_unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.explain_unreachable(&error))?;
        if status.is_success() { Ok(body) } else { Err(self.explain_refusal(status, &body)) }
    }

    /// Whether the host is ready, and no plugin is still being loaded.
    pub(super) async fn has_loaded_plugins(&self) -> bool {
        let Ok(response) = self.http.get(format!("{}/readyz", self.base)).send().await else { return false };
        let is_ready = response.status().is_success();
        let health = response.json::<serde_json::Value>().await;
        is_ready && health.is_ok_and(|health| health.get("loading").is_none())
    }

    fn explain_unreachable(&self, error: &reqwest::Error) -> Failure {
        let base = &self.base;
        if error.is_connect() {
            return Failure::Failed(format!(
                "nothing answers at {base}: is `hookyard serve` running there? \
                 (`admin.listen` of `--config FILE` says where to look)"
            ));
        }
        Failure::Failed(format!("the admin API at {base}: {}", innermost(error)))
    }

    fn explain_refusal(&self, status: StatusCode, body: &[u8]) -> Failure {
        let base = &self.base;
        if status == StatusCode::UNAUTHORIZED {
            let origin = &self.token.origin;
            let why = serde_json::from_slice::<Problem>(body).map(|problem| problem.detail);
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            return Failure::Failed(format!(
                "the admin API at {base} refuses the token from {origin}{why}\n\
                 give a valid one with --token-file FILE or HOOKYARD_TOKEN"
            ));
        }
        match serde_json::from_slice::<Problem>(body) {
            // The host found an argument that is wrong: a state, a cursor, a selection.
            Ok(problem) if status == StatusCode::BAD_REQUEST => Failure::Usage(problem.detail),
            Ok(problem) => Failure::Failed(problem.detail),
            Err(_) => Failure::Failed(format!("{base} answers {status}: is it a hookyard host?")),
        }
    }
}

/// An HTTP client for `base`. For plain HTTP it needs no certificates, so it works on a machine
/// without any.
///
/// # Errors
/// When TLS cannot be set up.
pub(super) fn http(base: &str) -> Result<reqwest::Client, Failure> {
    let mut builder =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
    if base.starts_with("http://") {
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| Failure::Failed(format!("TLS: {}", innermost(&error))))
}

fn url(base: &str, segments: &[&str]) -> Result<reqwest::Url, Failure> {
    let wrong = || Failure::Failed(format!("`{base}` is no address of a host"));
    let mut url = reqwest::Url::parse(base).map_err(|_| wrong())?;
    url.path_segments_mut().map_err(|()| wrong())?.clear().extend(["api", "v1"]).extend(segments);
    Ok(url)
}

/// Returns the innermost text of an error: reqwest's own text only says that a request failed.
#[must_use]
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        let token = Bearer { token: "t0p".into(), origin: "data/admin-token".into() };
        Client::new("http://127.0.0.1:1/", token).unwrap()
    }

    #[test]
    fn an_id_stays_one_segment_of_the_path() {
        let url = url("http://127.0.0.1:1", &["events", "moncreneau", "../x?y"]).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:1/api/v1/events/moncreneau/..%2Fx%3Fy");
    }

    #[test]
    fn a_wrong_token_is_named_by_its_origin_and_never_shown() {
        let failure = client().explain_refusal(StatusCode::UNAUTHORIZED, b"").to_string();
        assert!(failure.contains("data/admin-token") && !failure.contains("t0p"), "{failure}");
        assert!(!format!("{:?}", client()).contains("t0p"));
    }

    #[test]
    fn a_problem_is_shown_by_its_detail() {
        let body = serde_json::to_vec(&Problem::not_found("no event `x`")).unwrap();
        let failure = client().explain_refusal(StatusCode::NOT_FOUND, &body).to_string();
        assert_eq!(failure, "no event `x`");
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_is_named() {
        let answer = client().get::<serde_json::Value>(&["events"], &()).await;
        let failure = answer.unwrap_err().to_string();
        assert!(failure.contains("nothing answers at http://127.0.0.1:1"), "{failure}");
    }
}
