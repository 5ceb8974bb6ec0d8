//! Failures after a write and an effect, neither of which may remain.

use std::hint::black_box;
use std::time::Duration;

use hookyard_plugin::{Failure, Result, outbox};

use crate::actions::bucket;

fn begin() -> Result {
    bucket()?.set("never", "x")?;
    outbox::emit("conformance.never", "{}")?;
    Ok(())
}

pub fn retry(reason: &str, after_ms: Option<u64>) -> Result {
    begin()?;
    Err(Failure::Retry { reason: reason.into(), after: after_ms.map(Duration::from_millis) })
}

pub fn reject(reason: &str) -> Result {
    begin()?;
    Err(Failure::reject(reason))
}

pub fn trap(reason: &str) -> Result {
    begin()?;
    panic!("{reason}");
}

// Not inlined: the host names the function that failed.

#[inline(never)]
pub fn loop_for_ever() -> Result {
    begin()?;
    while black_box(true) {}
    Ok(())
}

#[inline(never)]
pub fn allocate_for_ever() -> Result {
    begin()?;
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(vec![1; 1 << 20]);
        black_box(&all);
    }
}
