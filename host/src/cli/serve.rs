//! `hookyard serve`: runs the host until a signal stops it.

use tracing::{info, warn};

use super::failure::Failure;
use super::log::Log;
use super::settings::Settings;
use super::signals::{SignalRequest, Signals};
use super::{banner, log, out};
use crate::Host;

const EXAMPLE: &str = "\
Examples:
  hookyard serve                          SQLite in ./hookyard-data, plugins from ./plugins
  hookyard serve --config hookyard.toml
  HOOKYARD_LOG=debug hookyard serve       see more of what it does";

/// Receive webhook events and run plugins on them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Serve {}

impl Serve {
    /// Runs until SIGTERM or SIGINT; SIGHUP has the config read again.
    ///
    /// # Errors
    /// When the host does not start.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let Some((host, mut signals, _)) = start(&settings).await? else { return Ok(()) };
        loop {
            match signals.next().await {
                SignalRequest::Stop(signal) => return end(host, signals, signal).await,
                SignalRequest::Reload => host.reload(),
            }
        }
    }
}

/// Starts the host and prints its addresses. `None` when a signal stopped it before it had started.
pub(super) async fn start(settings: &Settings) -> Result<Option<(Host, Signals, Log)>, Failure> {
    let log = log::start(&settings.config().log, settings.log_level())?;
    out::print_in_background(settings.config().log.buffer_max_bytes)?;
    let mut signals = Signals::listen()?;
    banner::print_new_secrets(settings.new_secrets())?;
    let started = tokio::select! {
        started = Host::start_with(settings.loaded().clone(), Vec::new(), log.level()) => started,
        // The file is read once more when the host has started.
        signal = signals.wait_for_termination() => {
            info!(why = signal, "stopped before the host had started");
            return Ok(None);
        }
    };
    let host = started.map_err(Failure::failed)?;
    banner::print(settings, &host)?;
    Ok(Some((host, signals, log)))
}

/// Stops the host: no new events, calls in flight end. A second signal does not wait for them.
pub(super) async fn end(host: Host, mut signals: Signals, why: &str) -> Result<(), Failure> {
    info!(why, "stopping: no new events, calls in flight end");
    tokio::select! {
        () = host.shutdown() => {
            info!("stopped");
            Ok(())
        }
        signal = signals.wait_for_termination() => {
            warn!(signal, "stopping now; what was running runs again at the next start");
            Err(Failure::Shown)
        }
    }
}
