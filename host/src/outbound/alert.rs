//! Notifications of alerts, to a receiver that the operator alone chose.

use std::time::{Duration, Instant};

use url::Url;

use super::clients::Clients;
use super::destination::Destination;
use super::exchange::{FinalResponse, send};
use super::failure::{FailureKind, OutboundFailure};
use super::request::OutgoingRequest;
use super::{EffectContext, EffectResult};
use crate::effect::HttpRequest;

/// Makes one attempt at a request. It needs no grant, may reach internal addresses, and follows no redirect.
pub(super) async fn request(
    clients: &Clients,
    context: &EffectContext<'_>,
    request: &HttpRequest,
) -> Result<EffectResult, OutboundFailure> {
    let deadline = Instant::now() + Duration::from_millis(clients.limits.timeout_ms);
    let url = Url::parse(&request.url)
        .map_err(|error| OutboundFailure::new(FailureKind::Malformed, format!("the URL: {error}")))?;
    let by = Destination::of_operator(&url)?;
    let made = OutgoingRequest::of_effect(request, context.key)?;
    let response = send(clients, &by, &made, deadline).await?;
    let answered = FinalResponse { response, by, redirected: false, location: None };
    let most = clients.limits.answer_max_bytes;
    Ok(EffectResult::read_response(context, &request.method, answered, most, deadline).await)
}
