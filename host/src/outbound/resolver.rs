//! Resolves host names to the addresses that a plugin may connect to.
//!
//! The client connects to the addresses that were checked here, without a second lookup. So a name that resolves to
//! another address a moment later (DNS rebinding) reaches nothing new.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;
use super::destination::Destination;
use super::failure::{FailureKind, OutboundFailure};

/// The most addresses in a message.
const NAMED_MAX: usize = 4;

/// A lookup of addresses.
pub type ResolvedAddresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves host names.
pub trait Resolver: Send + Sync + 'static {
    /// Resolves a host name to addresses with any port.
    fn resolve(&self, host: &str) -> ResolvedAddresses;
}

/// The system's resolver.
pub(super) struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> ResolvedAddresses {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

/// Resolves the name of one destination to the addresses that its plugin may connect to.
pub(super) struct GuardedResolver {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) destination: Destination,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.resolver.resolve(name.as_str());
        let destination = self.destination.clone();
        Box::pin(async move {
            let addresses = match found.await {
                Ok(addresses) => allowed(&destination, &addresses)?,
                Err(error) => {
                    let detail = format!("{} has no address: {error}", destination.origin);
                    return Err(OutboundFailure::new(FailureKind::Unresolved, detail).into());
                }
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses that the plugin may connect to.
fn allowed(destination: &Destination, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, OutboundFailure> {
    let may = |address: &&SocketAddr| {
        let address = address.ip().to_canonical();
        destination.of_operator
            || address::non_public_kind(address).is_none()
            || destination.granted.contains(&address)
    };
    let allowed: Vec<SocketAddr> = found.iter().filter(may).copied().collect();
    if !allowed.is_empty() {
        return Ok(allowed);
    }
    let Destination { origin, section, .. } = destination;
    if found.is_empty() {
        return Err(OutboundFailure::new(FailureKind::Unresolved, format!("{origin} has no address")));
    }
    let mut named = Vec::new();
    for address in found.iter().map(|address| address.ip().to_canonical()) {
        let place = address::non_public_kind(address).unwrap_or_default();
        let text = format!("{} ({place})", origin.at(address));
        if !named.contains(&text) {
            named.push(text);
        }
    }
    named.truncate(NAMED_MAX);
    let detail = format!(
        "{origin} resolves to an internal address, which needs its own grant: add {} to `http` in {section}",
        named.join(" or ")
    );
    Err(OutboundFailure::new(FailureKind::InternalAddress, detail))
}
