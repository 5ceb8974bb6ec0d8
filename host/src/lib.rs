//! hookyard: receives webhook events, proves who sent them, stores each one once, and runs
//! sandboxed WebAssembly plugins on it.
pub mod admin;
pub mod cli;
pub mod config;
pub mod db;
pub mod delivery;
pub mod dispatch;
pub mod event;
pub mod ingress;
pub mod plugins;
pub mod runtime;
