//! What tests start, send and wait for.

mod caldav;
mod clock;
mod contract_world;
mod core_guest;
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
mod smtp;
mod store;
mod wait;

pub(crate) use caldav::{CalDav, test_python};
pub(crate) use clock::fake_clock;
pub(crate) use contract_world::{CoreFunction, World};
pub(crate) use core_guest::CoreGuest;
pub(crate) use event::{Event, SECRET, TYPES, sign};
pub(crate) use guest::{distinct, example, guest, wat};
pub(crate) use handwritten::Handwritten;
pub(crate) use host::{Answer, Bed, Host, Ran, Sender};
pub(crate) use load::{Load, Sent};
pub(crate) use lock::Lock;
pub(crate) use log::plugin_lines;
pub(crate) use namespace::namespaces;
pub(crate) use partner::{Asked, Partner, Reply};
pub(crate) use smtp::Smtp;
pub(crate) use wait::{LIMIT, until, until_within};
