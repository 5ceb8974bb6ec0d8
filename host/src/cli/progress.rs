//! Progress of long work on stderr: a bar on a terminal, and a line now and then elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time before the bar appears, so that short work shows none.
const BAR_DELAY: Duration = Duration::from_millis(500);
/// Time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(2);
const TEMPLATE: &str = "{msg}  [{wide_bar}] {pos} of {len}  {elapsed}, {eta} left";

/// Work that a host does, and goes on with if the command is interrupted.
#[derive(Debug)]
pub(super) struct Progress {
    what: String,
    begun: Instant,
    line_due: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins to show the progress of `what`.
    #[must_use]
    pub(super) fn new(what: impl Into<String>) -> Self {
        let begun = Instant::now();
        Self { what: what.into(), begun, line_due: begun + LINE_INTERVAL, bar: None }
    }

    /// Shows that `done` of `total` is done.
    pub(super) fn update(&mut self, done: u64, total: u64) {
        if self.begun.elapsed() < BAR_DELAY {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| start_bar(self.what.clone()));
        if bar.is_hidden() {
            let now = Instant::now();
            if now >= self.line_due {
                self.line_due = now + LINE_INTERVAL;
                eprintln!("{}: {done} of {total} (it continues if this is interrupted)", self.what);
            }
            return;
        }
        bar.set_length(total);
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn start_bar(what: String) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_message(what);
    // Without a valid template the default one is shown.
    match ProgressStyle::with_template(TEMPLATE) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
