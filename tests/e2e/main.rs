//! The real binary over real HTTP: each test starts a host of its own on the loopback, in a directory
//! of its own, and looks at it as senders, operators and files do.
//!
//! Nothing here waits for a time: every wait is for a condition, with a limit after which the test
//! fails and shows the host's log.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod api;
mod author;
mod backup;
mod bounds;
mod breaker;
mod cache;
mod cli;
mod compile;
mod config;
mod conformance;
mod contract;
mod crash;
mod data_dir;
mod dead_effects;
mod dev;
mod dispatch;
mod documents;
mod effects;
mod engine;
mod faults;
mod fuzz;
mod host_memory;
mod hostile;
mod ingress;
mod isolation;
mod keeping;
mod lengths;
mod log;
mod machine;
mod order;
mod outbound;
mod partners;
mod pause;
mod replay;
mod reuse;
mod rooms;
mod senders;
mod stop;
mod store;
mod support;
mod swap;
mod usecases;
mod watch;
