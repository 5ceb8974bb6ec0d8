//! End-to-end tests of the real binary over real HTTP. Each test starts its own host on the loopback, in its
//! own directory, and observes it as senders, operators and files do.
//!
//! No test waits for a fixed time. Every wait is for a condition, with a limit after which the test fails and
//! prints the host's log.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod alerts;
mod api;
mod author;
mod backup;
mod bounds;
mod breaker;
mod cache;
mod cli;
mod compile;
mod config;
mod confirmations;
mod conformance;
mod contract;
mod crash;
mod data_dir;
mod dead_effects;
mod deploy;
mod dev;
mod dispatch;
mod documents;
mod edits;
mod effects;
mod engine;
mod erase;
mod faults;
mod fuzz;
mod host_memory;
mod hostile;
mod ingress;
mod isolation;
mod lengths;
mod log;
mod machine;
mod metadata;
mod order;
mod other_languages;
mod outbound;
mod pages;
mod parity;
mod partners;
mod pause;
mod providers;
mod replay;
mod retention;
mod retry;
mod reuse;
mod revisions;
mod rooms;
mod search;
mod senders;
mod stop;
mod store;
mod support;
mod swap;
mod switches;
mod telemetry;
mod usecases;
mod verifiers;
mod watch;
mod wit;
