//! Deadlines inside host functions that take many steps.

use std::time::{Duration, Instant};

use super::trap::Deadline;

/// Steps between two looks at the clock.
const STEPS: u32 = 64;
/// How long a host function may compute before other calls get their turn on its thread.
const TURN: Duration = Duration::from_millis(5);

/// Ends a host function at its call's deadline, and lets other calls run in between.
#[derive(Debug)]
pub(super) struct Checkpoint {
    deadline: Instant,
    call_timeout: Duration,
    steps: u32,
    turn_began: Option<Instant>,
}

impl Checkpoint {
    pub(super) fn new(deadline: Instant, call_timeout: Duration) -> Self {
        Self { deadline, call_timeout, steps: 0, turn_began: None }
    }

    /// Counts one step.
    ///
    /// # Errors
    /// [`Deadline`] when the call's time is over.
    pub(super) async fn step(&mut self) -> Result<(), Deadline> {
        self.steps = self.steps.wrapping_add(1);
        if !self.steps.is_multiple_of(STEPS) {
            return Ok(());
        }
        let now = Instant::now();
        if now >= self.deadline {
            return Err(Deadline(self.call_timeout));
        }
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
        let mut checkpoint = Checkpoint::new(Instant::now() + timeout, timeout);
        let started = Instant::now();
        let ended = async {
            loop {
                checkpoint.step().await?;
                std::thread::sleep(Duration::from_micros(10));
            }
        };
        let ended: Result<(), Deadline> = ended.await;
        assert!(ended.is_err() && started.elapsed() >= timeout, "{:?}", started.elapsed());
    }
}
