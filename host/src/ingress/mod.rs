//! The webhook endpoint: raw bytes, proof of who sent them, an event, an answer after the commit.
//!
//! Owns HTTP on the public side and the accept loop that the admin side shares. `verify`, `envelope`
//! and `pick` are pure. No wasmtime and no SQL here: acceptance is behind [`Accepts`].

mod answer;
mod body;
mod connection;
mod connections;
mod created;
mod endpoint;
mod envelope;
mod limits;
mod peer;
mod pick;
mod serve;
mod sources;
mod stream;
#[cfg(test)]
mod tests;
mod throttle;
mod trial;
mod verify;

pub use body::{BodyError, RequestBody};
pub use endpoint::{Accepts, Webhooks};
pub use limits::Limits;
pub use serve::{serve, serve_router};
pub use sources::Sources;
pub use trial::as_sent;
pub use verify::sign;
