//! What tests start, send and wait for.

mod event;
mod guest;
mod host;
mod wait;

pub(crate) use event::{Event, SECRET, TYPES, sign};
pub(crate) use guest::{distinct, example, guest, wat};
pub(crate) use host::{Answer, Bed, Host, Ran};
pub(crate) use wait::{LIMIT, until};
