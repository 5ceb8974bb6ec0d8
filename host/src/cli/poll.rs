//! Asks a host again and again until a signal, also while the host is restarted.

use std::time::Duration;

use super::failure::{Failure, warn};
use super::signals::Signals;

/// Questions to a host that may be away for a while.
pub(super) struct Poll {
    signals: Signals,
    interval: Duration,
    is_lost: bool,
}

/// The result of a question.
pub(super) enum Look<T> {
    Found(T),
    /// The host did not answer.
    Lost,
    /// A signal ends the command.
    Stopped,
}

impl Poll {
    /// Questions with this interval between them.
    ///
    /// # Errors
    /// When the system has no signals.
    pub(super) fn every(interval: Duration) -> Result<Self, Failure> {
        Ok(Self { signals: Signals::listen()?, interval, is_lost: false })
    }

    /// Waits for the interval, and then for `look`. Warns once when the host does not answer, and when it does again.
    ///
    /// # Errors
    /// [`Failure::Usage`]: what the arguments say does not become right by waiting.
    pub(super) async fn look<T>(
        &mut self,
        look: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Look<T>, Failure> {
        let question = async {
            tokio::time::sleep(self.interval).await;
            look.await
        };
        let found = tokio::select! {
            found = question => found,
            _ = self.signals.wait_for_stop() => return Ok(Look::Stopped),
        };
        match found {
            Ok(found) => {
                if std::mem::take(&mut self.is_lost) {
                    warn("the host answers again");
                }
                Ok(Look::Found(found))
            }
            Err(usage @ Failure::Usage(_)) => Err(usage),
            Err(failure) => {
                if !std::mem::replace(&mut self.is_lost, true) {
                    warn(&format!("{failure}; it is asked again until it answers"));
                }
                Ok(Look::Lost)
            }
        }
    }
}
