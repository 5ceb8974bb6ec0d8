//! SIGTERM, SIGINT and SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// Asked to stop: by `kill`, a supervisor, Ctrl-C, or a terminal that was closed.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a host that runs is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To stop, by the signal of this name.
    Stop(&'static str),
    /// To read its configuration again.
    Reload,
}

impl Stop {
    /// Begins to listen, so that no signal from here on just kills the process.
    ///
    /// # Errors
    /// When the system does not let it.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| Failure::Failed(format!("signals: {e}")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal that ends a command, and gives its name.
    pub(super) async fn asked(&mut self) -> &'static str {
        match self.next().await {
            Asked::Stop(name) => name,
            Asked::Reload => "SIGHUP",
        }
    }

    /// Waits for a signal that ends a host, and gives its name.
    pub(super) async fn terminated(&mut self) -> &'static str {
        loop {
            if let Asked::Stop(name) = self.next().await {
                return name;
            }
        }
    }

    /// Waits for the next signal, to a host that reads its configuration again on SIGHUP.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}
