//! What hostile guests, senders, partners and files can do to a host: nothing but to themselves.
//!
//! Four tables say so, one row for each case with its stated outcome: `guests/`, `senders.rs`, `partners.rs`,
//! `files.rs`. One host process takes all rows of a table, one after the other. After each row the next event
//! of a well-behaved plugin has to be done within twice its usual time ([`bystander`]), and after all rows the
//! process is the same one, ready, and no larger than before.
//!
//! To add a row, add 3 to 8 lines to a table; a row's name is also a plugin's name, so it is in kebab case:
//! - A guest: `Guest::core("grows-for-ever", "(loop …) i32.const 0", trapped(&["memory_max_bytes"]))`, the body
//!   of a handler in WebAssembly's text format, which may call whatever the host offers by name
//!   (`support/core_guest.rs`). Or `Guest::new(NAME, BYTES, OUTCOME)` with `CoreGuest`, `Handwritten`, `wat` or
//!   `guest("actor")`. `.settings("memory_max_bytes = 65536\n")` adds lines to its section of the configuration,
//!   `.payload(json)` is what its event holds, `.event_type(…)` where it is not `hostile`.
//! - A sender: `Sender::new("half-a-head", vec![Step::Send(…)], Answer::Closed)`.
//! - A partner: `Partner::new("garbage", Answers::Bytes(…), dead(&["…"]))`.
//! - A file: `File::new("a-directory", |path| …, refused(&["…"]))`.
//!
//! `attempts.rs` and `refusals.rs` look more closely at single cases of guests and files.

#![allow(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod attempts;
mod bystander;
mod files;
mod guests;
mod partners;
mod refusals;
mod senders;
