//! Sends one request and follows redirects. Each redirect needs a grant, like the request itself.

use std::time::Instant;

use http::header::LOCATION;
use reqwest::Response;
use url::Url;

use super::clients::Clients;
use super::destination::Destination;
use super::failure::{FailureKind, OutboundFailure};
use super::grants::Grants;
use super::request::OutgoingRequest;
use crate::secrets::Mask;

/// The last response, and its destination.
pub(super) struct FinalResponse {
    pub(super) response: Response,
    pub(super) by: Destination,
    /// Whether a redirect led there.
    pub(super) redirected: bool,
    /// The target of a redirect that was not followed.
    pub(super) location: Option<Url>,
}

/// Sends a request, and follows redirects that keep method and body. The rest of the deadline is for the body.
pub(super) async fn exchange(
    clients: &Clients,
    grants: &Grants,
    mask: &Mask,
    mut request: OutgoingRequest,
    deadline: Instant,
) -> Result<FinalResponse, OutboundFailure> {
    let most = clients.limits.redirects_max;
    let mut followed = 0;
    let mut by = Destination::of(&request.url, grants)?;
    loop {
        let response = send(clients, &by, &request, deadline).await?;
        let location = location(&response, &request.url);
        let to = match location {
            Some(to) if most > 0 && request.keeps_request_after(response.status().as_u16()) => to,
            location => return Ok(FinalResponse { response, by, redirected: followed > 0, location }),
        };
        if followed == most {
            let detail = format!("{} redirects once more after {most} (http.redirects_max)", by.origin);
            return Err(OutboundFailure::new(FailureKind::Redirects, detail));
        }
        followed += 1;
        let from = by.origin;
        let further = |failure: OutboundFailure| OutboundFailure {
            detail: format!("{from} redirects: {failure}"),
            ..failure
        };
        request.redirect(to, grants, mask).map_err(further)?;
        by = Destination::of(&request.url, grants).map_err(further)?;
    }
}

pub(super) async fn send(
    clients: &Clients,
    to: &Destination,
    request: &OutgoingRequest,
    deadline: Instant,
) -> Result<Response, OutboundFailure> {
    let client = clients.of(to)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let builder = client
        .request(request.method.clone(), request.url.clone())
        .headers(request.headers.clone())
        .timeout(left)
        .body(request.body.clone());
    builder.send().await.map_err(|error| clients.explain(&error, to))
}

/// The target of a redirect.
fn location(response: &Response, from: &Url) -> Option<Url> {
    if !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()
}
