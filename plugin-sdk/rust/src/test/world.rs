//! The state of this thread's fakes, which [`super::Host`] swaps with its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::Effect;
use crate::http::{Request, Response};

/// A bucket's name and a key in it.
pub(crate) type Key = (String, String);

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) store: BTreeMap<Key, Vec<u8>>,
    /// The content type and the attributes of the events.
    pub(crate) content_type: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    /// The idempotency key of the current delivery.
    pub(crate) delivery: String,
    /// The call's effects so far.
    pub(crate) effects: Vec<Effect>,
    /// The reason for which effects are refused, if they are.
    pub(crate) refusal: Option<String>,
    /// The servers' responses, by method and URL.
    pub(crate) answers: BTreeMap<(String, String), Response>,
    /// The fetched requests.
    pub(crate) fetched: Vec<Request>,
    /// The time at which the clock is stopped, if it is.
    pub(crate) now: Option<Duration>,
    /// The log lines.
    pub(crate) lines: Vec<String>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Reads or changes the thread's state.
pub(crate) fn with<T>(look: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(look)
}
