//! Hosts, guests, partners, events and waits for the tests.

mod caldav;
mod clock;
mod command;
mod contract_world;
mod core_guest;
mod core_verifier;
mod event;
mod guest;
mod handwritten;
mod host;
mod load;
mod lock;
mod log;
mod memory;
mod namespace;
mod partner;
mod port;
mod smtp;
mod store;
mod switch;
mod wait;

pub(crate) use caldav::{CalDav, test_python};
pub(crate) use clock::fake_clock;
pub(crate) use command::CommandOutput;
pub(crate) use contract_world::{CoreFunction, World};
pub(crate) use core_guest::CoreGuest;
pub(crate) use core_verifier::{CoreVerifier, VECTORS};
pub(crate) use event::{Event, SECRET, TYPES, sign};
pub(crate) use guest::{
    distinct_copy, example, example_verifier, guest, is_other_language_built, other_language, wat,
};
pub(crate) use handwritten::Handwritten;
pub(crate) use host::{HostDir, RunningHost, Sender, WebhookResponse};
pub(crate) use load::{Load, SentEvent};
pub(crate) use lock::{DatabaseLock, PreparedLock};
pub(crate) use log::plugin_lines;
pub(crate) use namespace::namespaces;
pub(crate) use partner::{Partner, ReceivedRequest, Reply};
pub(crate) use port::free_address;
pub(crate) use smtp::Smtp;
pub(crate) use switch::put_switch;
pub(crate) use wait::{CLOCKS_DIFFER_MS, LIMIT, wait_until, wait_until_within};
