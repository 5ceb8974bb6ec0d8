//! hookyard receives webhook events, verifies their senders, stores each one once, and runs
//! sandboxed WebAssembly plugins on it.
//!
//! The way of an event, room by room:
//!
//! 1. [`ingress`] takes the raw bytes of `POST /webhooks/{source}`, verifies the signature and reads
//!    the envelope: an [`event::Event`] can only come from a verified request.
//! 2. [`plugins::Snapshot::route`] names the plugins that handle it, and [`db`] commits the event, its
//!    idempotency key and one [`delivery::Delivery`] for each of them in one transaction. Then the
//!    sender gets its 202.
//! 3. [`dispatch`] gets the deliveries straight from that commit and runs each on the revision that
//!    is current when it starts.
//! 4. [`runtime`] makes a fresh instance, decodes the payload into the guest's own types, calls the
//!    handler and reports the outcome; [`db`] commits it.
//!
//! Beside it, [`plugins`] follows the plugins directory and swaps revisions, [`admin`] answers
//! operators, and [`cli`] holds one file for each command. [`config`] is the only reader of files
//! and environment. The parts are wired here, in [`Host::start`], and nowhere else.

pub mod admin;
pub mod alerts;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod completion;
pub mod config;
pub mod confirmation;
pub mod db;
pub mod delivery;
pub mod dispatch;
pub mod effect;
pub mod erasure;
pub mod event;
pub mod failpoint;
mod host;
pub mod ingress;
pub mod keyvalue;
pub mod outbound;
pub mod personal;
mod pick;
pub mod plugins;
pub mod replay;
pub mod revision;
pub mod runtime;
pub mod secrets;
pub mod switch;
pub mod telemetry;
pub mod token;
pub mod trace;
pub mod verifier;
pub mod verifiers;

pub use host::{Host, StartError};
pub mod wit;
