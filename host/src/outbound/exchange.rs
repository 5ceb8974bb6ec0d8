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
use crate::secrets::Mask;

/// An answer's head, and who answered.
pub(super) struct Answered {
    pub(super) response: Response,
    pub(super) by: Destination,
    /// Whether that is somebody else than was asked.
    pub(super) redirected: bool,
    /// Where the answer redirects to, if it does: nobody went there.
    pub(super) location: Option<Url>,
}

/// Sends, and follows redirects that ask for the same request. What the deadline leaves is for the answer's body.
pub(super) async fn exchange(
    clients: &Clients,
    grants: &Grants,
    mask: &Mask,
    mut request: Outgoing,
    deadline: Instant,
) -> Result<Answered, Failure> {
    let most = clients.limits.redirects_max;
    let mut followed = 0;
    let mut by = Destination::of(&request.url, grants)?;
    loop {
        let response = send(clients, &by, &request, deadline).await?;
        let location = location(&response, &request.url);
        let to = match location {
            Some(to) if most > 0 && request.is_repeated_after(response.status().as_u16()) => to,
            location => return Ok(Answered { response, by, redirected: followed > 0, location }),
        };
        if followed == most {
            let detail = format!("{} redirects once more after {most} (http.redirects_max)", by.origin);
            return Err(Failure::new(Kind::Redirects, detail));
        }
        followed += 1;
        let from = by.origin;
        let further =
            |failure: Failure| Failure { detail: format!("{from} redirects: {failure}"), ..failure };
        request.redirect(to, grants, mask).map_err(further)?;
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

/// Where an answer redirects to.
fn location(response: &Response, from: &Url) -> Option<Url> {
    if !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()
}
