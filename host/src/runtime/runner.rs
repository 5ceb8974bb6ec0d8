//! What dispatch calls: a revision, or native code in its place (benchmarks measure the floor so,
//! tests decide outcomes so).

use std::future::Future;
use std::pin::Pin;

use super::attempt::{Call, Tried};
use super::load::Revision;

/// Tries deliveries.
pub trait Runner: Send + Sync + 'static {
    /// Tries one once; never fails, whatever happens is in the attempt.
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = Tried> + Send + 'a>>;

    /// How many of the runtime's places (`runtime.instances_max`) an attempt takes.
    fn places(&self) -> usize {
        1
    }
}

impl Runner for Revision {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = Tried> + Send + 'a>> {
        Box::pin(self.attempt(call))
    }

    fn places(&self) -> usize {
        self.places as usize
    }
}
