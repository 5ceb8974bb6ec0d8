//! The webhook endpoint: verifies the signature over the raw bytes, reads the event, and answers after the commit.
//!
//! Owns HTTP on the public side and the accept loop, which the admin side uses too. `verify`, `envelope` and `created`
//! are pure. It knows no wasm and no SQL: events are accepted through [`EventAcceptor`], and verifiers that are plugins
//! are called through [`RequestVerifiers`].

mod acceptor;
mod age;
mod answer;
mod body;
mod confirmations;
mod connection;
mod connections;
mod created;
mod endpoint;
mod envelope;
mod form;
mod gzip;
mod handshake;
mod items;
mod limits;
mod media;
mod peer;
mod probe;
mod reply;
mod serve;
mod sources;
mod spans;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod throttle;
mod trial;
mod verify;

pub use acceptor::EventAcceptor;
pub use body::peer_address;
pub use endpoint::Webhooks;
pub use limits::Limits;
pub use probe::{Probe, ProbeRequest, ProbeStep};
pub use serve::{serve, serve_current};
pub use sources::Sources;
pub use trial::{TrialRequest, read_as_sent};
pub use verify::{NoVerifiers, RequestVerifiers, SignedRequest, UnsignedRequest, VerifierFuture, sign};
