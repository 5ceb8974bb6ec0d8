//! Host names into addresses: those that a plugin may connect to, and no others.
//!
//! The client connects to the addresses that were checked here and asks nobody again, so a name that leads
//! elsewhere a moment later gains nothing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;
use super::destination::Destination;
use super::failure::{Failure, Kind};

/// Most addresses named in a message.
const NAMED_MAX: usize = 4;

/// Addresses, once they are known.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Finds the addresses of host names.
pub trait Names: Send + Sync + 'static {
    /// The addresses of a host, with any port.
    fn find(&self, host: &str) -> Found;
}

/// The machine's own way.
pub(super) struct System;

impl Names for System {
    fn find(&self, host: &str) -> Found {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

/// The addresses of one destination.
pub(super) struct Guarded {
    pub(super) names: Arc<dyn Names>,
    pub(super) destination: Destination,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.names.find(name.as_str());
        let destination = self.destination.clone();
        Box::pin(async move {
            let addresses = match found.await {
                Ok(addresses) => allowed(&destination, &addresses)?,
                Err(error) => {
                    let detail = format!("{} has no address: {error}", destination.origin);
                    return Err(Failure::new(Kind::Unresolved, detail).into());
                }
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Those that may be connected to.
fn allowed(destination: &Destination, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, Failure> {
    let may = |address: &&SocketAddr| {
        let address = address.ip().to_canonical();
        address::inside(address).is_none() || destination.granted.contains(&address)
    };
    let allowed: Vec<SocketAddr> = found.iter().filter(may).copied().collect();
    if !allowed.is_empty() {
        return Ok(allowed);
    }
    let Destination { origin, section, .. } = destination;
    if found.is_empty() {
        return Err(Failure::new(Kind::Unresolved, format!("{origin} has no address")));
    }
    let mut named = Vec::new();
    for address in found.iter().map(|address| address.ip().to_canonical()) {
        let place = address::inside(address).unwrap_or_default();
        let text = format!("{} ({place})", origin.at(address));
        if !named.contains(&text) {
            named.push(text);
        }
    }
    named.truncate(NAMED_MAX);
    let detail = format!(
        "{origin} leads to an address inside, which needs a grant of its own: add {} to `http` in {section}",
        named.join(" or ")
    );
    Err(Failure::new(Kind::Inside, detail))
}
