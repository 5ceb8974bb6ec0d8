//! Trial runs of a plugin: what they accept, and who answers.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};

use super::Body;
use super::failure::{FailureKind, OutboundFailure};
use super::request::OutgoingRequest;
use crate::effect::Effect;

/// What is different in a trial run of a plugin. By default nothing.
#[derive(Clone, Default)]
pub struct TrialRules {
    /// Whether checks accept effects that lack a grant or a setting of the host. Sending them still fails.
    pub grants_all: bool,
    /// Decides about effects, and answers handlers' own requests instead of the network.
    pub partner: Option<Arc<dyn Partner>>,
}

impl TrialRules {
    /// The result of a check of an effect.
    pub(super) fn finish_check(
        &self,
        effect: impl FnOnce() -> Effect,
        checked: Result<(), OutboundFailure>,
    ) -> Result<(), String> {
        match checked {
            Err(failure) if !(self.grants_all && is_missing(&failure)) => return Err(failure.detail),
            _ => {}
        }
        match self.partner.as_ref().and_then(|partner| partner.refuse(effect())) {
            Some(reason) => Err(reason),
            None => Ok(()),
        }
    }

    /// The result of a check of a handler's own request, which a partner answers whether it is granted or not.
    pub(super) fn finish_request_check(
        &self,
        checked: Result<(), OutboundFailure>,
    ) -> Result<(), OutboundFailure> {
        match checked {
            Err(failure) if self.partner.is_some() && self.grants_all && is_missing(&failure) => Ok(()),
            checked => checked,
        }
    }
}

/// Whether what is missing is a grant or a setting of the host.
fn is_missing(failure: &OutboundFailure) -> bool {
    matches!(failure.kind, FailureKind::NotGranted | FailureKind::Host)
}

/// Stands in for the operator's grants and for the network.
pub trait Partner: Send + Sync {
    /// The reason to refuse an effect, if it is refused.
    fn refuse(&self, effect: Effect) -> Option<String>;

    /// Answers a request.
    ///
    /// # Errors
    /// The failure that its sender sees.
    fn respond(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, OutboundFailure>;
}

/// A partner's response.
pub(super) fn respond(
    partner: &dyn Partner,
    made: OutgoingRequest,
) -> Result<http::Response<Body>, OutboundFailure> {
    let mut request = http::Request::new(made.body);
    *request.method_mut() = made.method;
    *request.headers_mut() = made.headers;
    let uri = made.url.as_str().parse();
    *request.uri_mut() =
        uri.map_err(|error| OutboundFailure::new(FailureKind::Malformed, format!("the URL: {error}")))?;
    let response = partner.respond(request)?;
    Ok(response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()))
}
