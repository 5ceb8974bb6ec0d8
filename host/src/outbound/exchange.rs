//! One request and its answer, with every redirect checked like the request itself.

use std::time::Instant;

use http::header::LOCATION;
use reqwest::Response;
use url::Url;

use super::clients::Clients;
use super::destination::Destination;
use super::failure::{Failure, Kind};
use super::grants::Grants;
use super::request::Outgoing;

/// An answer's head, and who answered.
pub(super) struct Answered {
    pub(super) response: Response,
    pub(super) by: Destination,
    /// Whether that is somebody else than was asked.
    pub(super) redirected: bool,
}

/// Sends, and follows redirects. What the deadline leaves is for the answer's body.
pub(super) async fn exchange(
    clients: &Clients,
    grants: &Grants,
    mut request: Outgoing,
    deadline: Instant,
) -> Result<Answered, Failure> {
    let most = clients.limits.redirects_max;
    let mut followed = 0;
    let mut by = Destination::of(&request.url, grants)?;
    loop {
        let response = send(clients, &by, &request, deadline).await?;
        let Some(to) = next(&response, &request.url).filter(|_| most > 0) else {
            return Ok(Answered { response, by, redirected: followed > 0 });
        };
        if followed == most {
            let detail = format!("{} redirects once more after {most} (http.redirects_max)", by.origin);
            return Err(Failure::new(Kind::Redirects, detail));
        }
        followed += 1;
        let from = by.origin;
        let further =
            |failure: Failure| Failure { detail: format!("{from} redirects: {failure}"), ..failure };
        request.redirected(response.status().as_u16(), to).map_err(further)?;
        by = Destination::of(&request.url, grants).map_err(further)?;
    }
}

async fn send(
    clients: &Clients,
    to: &Destination,
    request: &Outgoing,
    deadline: Instant,
) -> Result<Response, Failure> {
    let client = clients.of(to)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let builder = client
        .request(request.method.clone(), request.url.clone())
        .headers(request.headers.clone())
        .timeout(left)
        .body(request.body.clone());
    builder.send().await.map_err(|error| clients.explain(&error, to))
}

/// Where an answer redirects to; `None` = it is the answer.
fn next(response: &Response, from: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()
}
