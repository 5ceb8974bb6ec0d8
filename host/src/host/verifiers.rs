//! Verifiers, as ingress calls them.

use crate::event::VerifierName;
use crate::ingress::{RequestVerifiers, VerifierFuture};
use crate::verifier::VerifierCall;
use crate::verifiers::Verifiers;

impl RequestVerifiers for Verifiers {
    fn verify<'a>(&'a self, name: &'a VerifierName, call: VerifierCall) -> VerifierFuture<'a> {
        Box::pin(self.verify(name, call))
    }
}
