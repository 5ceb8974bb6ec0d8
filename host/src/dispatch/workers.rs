//! Threads on which guests run, apart from those that serve senders, operators and the database.
//!
//! A guest that computes without end gives its thread back at every tick only. On threads of their own
//! such guests wait for each other, and the system's scheduler keeps the host's threads running.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Runtime};

/// The threads: as many as the machine has cores.
pub(super) struct Workers(Option<Runtime>);

impl Workers {
    pub(super) fn start() -> io::Result<Self> {
        Ok(Self(Some(Builder::new_multi_thread().thread_name("guests").enable_all().build()?)))
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(work);
        }
    }
}

impl Drop for Workers {
    /// Without waiting: what still runs then was given its time by [`super::Dispatch::stop`].
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
