//! SIGTERM, SIGINT and SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;

/// The signals of `kill`, a supervisor, Ctrl-C, and a terminal that was closed.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// The action that a signal requests from a running host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignalRequest {
    /// To stop, by the signal of this name.
    Stop(&'static str),
    /// To read its configuration again.
    Reload,
}

impl Signals {
    /// Starts listening: from then on these signals do not kill the process.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| Failure::Failed(format!("signals: {e}")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal that ends a command, and returns its name.
    pub(super) async fn wait_for_stop(&mut self) -> &'static str {
        match self.next().await {
            SignalRequest::Stop(name) => name,
            SignalRequest::Reload => "SIGHUP",
        }
    }

    /// Waits for a signal that ends a host, and returns its name.
    pub(super) async fn wait_for_termination(&mut self) -> &'static str {
        loop {
            if let SignalRequest::Stop(name) = self.next().await {
                return name;
            }
        }
    }

    /// Waits for the next signal, to a host that reads its configuration again on SIGHUP.
    pub(super) async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.terminate.recv() => SignalRequest::Stop("SIGTERM"),
            _ = self.interrupt.recv() => SignalRequest::Stop("SIGINT"),
            _ = self.hangup.recv() => SignalRequest::Reload,
        }
    }
}
