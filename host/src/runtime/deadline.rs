//! The deadline of a call, and how host functions that take many steps keep it.

use std::time::{Duration, Instant};

/// Steps between two checks of the clock.
const STEPS: u32 = 64;
/// The time that a host function may compute before other calls get their turn on its thread.
const TURN: Duration = Duration::from_millis(5);

/// The time at which a call has to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    call_timeout: Duration,
}

/// A call was still running at its deadline, after so long.
#[derive(Debug, thiserror::Error)]
#[error("still running after call_timeout_ms ({} ms)", .0.as_millis())]
pub(super) struct DeadlineExceeded(Duration);

impl Deadline {
    /// The deadline of a call that begins now.
    pub(super) fn after(call_timeout: Duration) -> Self {
        Self { at: Instant::now() + call_timeout, call_timeout }
    }

    /// The time that is left for the call.
    pub(super) fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Checks that the call has time left.
    ///
    /// # Errors
    /// [`DeadlineExceeded`] when its time is over.
    pub(super) fn check(&self) -> Result<(), DeadlineExceeded> {
        self.check_at(Instant::now())
    }

    fn check_at(&self, now: Instant) -> Result<(), DeadlineExceeded> {
        if now >= self.at { Err(self.exceeded()) } else { Ok(()) }
    }

    /// The time that the call has in all, in milliseconds.
    pub(super) fn call_timeout_ms(&self) -> u128 {
        self.call_timeout.as_millis()
    }

    /// The error of a call that did not keep this deadline.
    pub(super) fn exceeded(&self) -> DeadlineExceeded {
        DeadlineExceeded(self.call_timeout)
    }
}

/// Ends a host function at its call's deadline, and lets other calls run in between.
#[derive(Debug)]
pub(super) struct Checkpoint {
    deadline: Deadline,
    steps: u32,
    turn_began: Option<Instant>,
}

impl Checkpoint {
    pub(super) fn new(deadline: Deadline) -> Self {
        Self { deadline, steps: 0, turn_began: None }
    }

    /// Counts one step.
    ///
    /// # Errors
    /// [`DeadlineExceeded`] when the call's time is over.
    pub(super) async fn step(&mut self) -> Result<(), DeadlineExceeded> {
        self.steps = self.steps.wrapping_add(1);
        if !self.steps.is_multiple_of(STEPS) {
            return Ok(());
        }
        let now = Instant::now();
        self.deadline.check_at(now)?;
        if now.duration_since(*self.turn_began.get_or_insert(now)) >= TURN {
            tokio::task::yield_now().await;
            self.turn_began = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_ends_at_the_deadline() {
        let timeout = Duration::from_millis(20);
        let mut checkpoint = Checkpoint::new(Deadline::after(timeout));
        let started = Instant::now();
        let ended = async {
            loop {
                checkpoint.step().await?;
                std::thread::sleep(Duration::from_micros(10));
            }
        };
        let ended: Result<(), DeadlineExceeded> = ended.await;
        assert!(ended.is_err() && started.elapsed() >= timeout, "{:?}", started.elapsed());
    }
}
