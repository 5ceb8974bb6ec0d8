//! Asks a running host's admin API.

use std::time::{Duration, Instant};

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

/// How long a request is repeated after its connection broke. Most hosts start within a second or two.
const REPEAT_TIMEOUT: Duration = Duration::from_secs(20);
/// The time between two of these requests.
const REPEAT_INTERVAL: Duration = Duration::from_millis(250);

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
        self.act(self.http.post(url(&self.base, segments)?).json(body)).await
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
        self.act(self.http.post(url(&self.base, segments)?).timeout(timeout).json(body)).await
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
        self.act(request.header(CONTENT_TYPE, "application/wasm").body(bytes)).await
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Failure> {
        self.read(&self.answer(request).await?)
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|error| {
            let base = &self.base;
            Failure::Failed(format!("{base} does not answer like a hookyard host: {error}"))
        })
    }

    async fn answer(&self, mut request: reqwest::RequestBuilder) -> Result<Bytes, Failure> {
        if let Some(note) = &self.note {
            request = request.header("x-hookyard-note", note.as_bytes());
        }
        let answer = receive(request.bearer_auth(&self.token.token)).await;
        self.explain(answer)
    }

    /// Sends a request that does something, with an idempotency key of its own. If the connection breaks before the
    /// answer arrives, which happens when the host is restarted, the request is repeated with the same key, until a
    /// host answers: nothing is done twice.
    async fn act<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Failure> {
        let mut request = request.bearer_auth(&self.token.token);
        if let Some(note) = &self.note {
            request = request.header("x-hookyard-note", note.as_bytes());
        }
        let keyless = request.try_clone();
        let request = request.header("idempotency-key", format!("{:032x}", rand::random::<u128>()));
        let again = request.try_clone();
        let mut answer = receive(request).await;
        // A token that has used its keys up can still do everything: only not repeat it by itself.
        if let (Ok((StatusCode::TOO_MANY_REQUESTS, body)), Some(keyless)) = (&answer, keyless)
            && kind_of(body).as_deref() == Some("/problems/too-many-idempotency-keys")
        {
            return self.read(&self.explain(receive(keyless).await)?);
        }
        if let (Err(error), Some(again)) = (&answer, again)
            && !error.is_connect()
            && !error.is_timeout()
        {
            answer = repeat(again).await;
        }
        self.read(&self.explain(answer)?)
    }

    fn explain(&self, answer: reqwest::Result<(StatusCode, Bytes)>) -> Result<Bytes, Failure> {
        let (status, body) = answer.map_err(|error| self.explain_unreachable(&error))?;
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

async fn receive(request: reqwest::RequestBuilder) -> reqwest::Result<(StatusCode, Bytes)> {
    let response = request.send().await?;
    let status = response.status();
    Ok((status, response.bytes().await?))
}

/// The type of a problem.
fn kind_of(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Problem>(body).map(|problem| problem.kind).ok()
}

/// Repeats a request with an idempotency key until a host answers it. While a host starts, it does not listen or
/// answers 503, and while the first request goes on, the answer is 409.
async fn repeat(request: reqwest::RequestBuilder) -> reqwest::Result<(StatusCode, Bytes)> {
    let end = Instant::now() + REPEAT_TIMEOUT;
    loop {
        tokio::time::sleep(REPEAT_INTERVAL).await;
        // A body that can be cloned once can be cloned again.
        let Some(again) = request.try_clone() else { return receive(request).await };
        let answer = receive(again).await;
        let is_over = match &answer {
            Ok((StatusCode::SERVICE_UNAVAILABLE, _)) => false,
            Ok((StatusCode::CONFLICT, body)) => {
                kind_of(body).is_some_and(|kind| kind != "/problems/in-progress")
            }
            Ok(_) => true,
            Err(error) => error.is_timeout(),
        };
        if is_over || Instant::now() >= end {
            return answer;
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
    async fn a_request_whose_connection_broke_is_repeated_with_its_key_until_the_host_answers() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let token = Bearer { token: "t0p".into(), origin: "data/admin-token".into() };
        let base = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(&base, token).unwrap();
        let busy = r#"{"type":"/problems/in-progress","title":"","status":409,"detail":""}"#;
        let host = tokio::spawn(async move {
            let mut keys = Vec::new();
            for (status, body) in [("", ""), ("503 x", ""), ("409 x", busy), ("200 x", "7")] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"{\"a\":1}") {
                    stream.read_buf(&mut request).await.unwrap();
                }
                let text = String::from_utf8(request).unwrap();
                let key = text.lines().find(|line| line.starts_with("idempotency-key: ")).unwrap();
                keys.push(key.to_owned());
                if !status.is_empty() {
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
            keys
        });
        let answer: i64 = client.post(&["replays"], &serde_json::json!({ "a": 1 })).await.unwrap();
        let keys = host.await.unwrap();
        assert_eq!((answer, keys.len()), (7, 4));
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_is_named() {
        let answer = client().get::<serde_json::Value>(&["events"], &()).await;
        let failure = answer.unwrap_err().to_string();
        assert!(failure.contains("nothing answers at http://127.0.0.1:1"), "{failure}");
    }
}
