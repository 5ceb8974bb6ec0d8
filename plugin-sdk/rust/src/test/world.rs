//! What the fakes of this thread know: one world, which [`super::Host`] exchanges for its own.

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
    /// The idempotency key of the delivery that is handled.
    pub(crate) delivery: String,
    /// What the call has asked for so far.
    pub(crate) effects: Vec<Effect>,
    /// Why effects are refused, if they are.
    pub(crate) refusal: Option<String>,
    /// What servers answer, by method and URL.
    pub(crate) answers: BTreeMap<(String, String), Response>,
    /// What was fetched.
    pub(crate) fetched: Vec<Request>,
    /// The time, where it stands still.
    pub(crate) now: Option<Duration>,
    /// What was logged.
    pub(crate) lines: Vec<String>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Looks at the thread's world, or changes it.
pub(crate) fn with<T>(look: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(look)
}
