//! `hookyard serve`: runs the host until it is asked to stop.

use tracing::{info, warn};

use super::failure::Failure;
use super::log::Log;
use super::settings::Settings;
use super::signals::Stop;
use super::{banner, log};
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
    /// Runs until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the host does not start.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let (host, mut stop, _) = start(&settings).await?;
        let signal = stop.asked().await;
        end(host, stop, signal).await
    }
}

/// Starts the host and says where it is.
pub(super) async fn start(settings: &Settings) -> Result<(Host, Stop, Log), Failure> {
    let log = log::start(&settings.config().log, settings.log_level())?;
    let stop = Stop::listen()?;
    banner::print_made(settings.made())?;
    let host = Host::start(settings.loaded().clone()).await.map_err(Failure::failed)?;
    banner::print(settings, &host)?;
    Ok((host, stop, log))
}

/// Stops the host: no new events, calls in flight end. A second signal does not wait for them.
pub(super) async fn end(host: Host, mut stop: Stop, why: &str) -> Result<(), Failure> {
    info!(why, "stopping: no new events, calls in flight end");
    tokio::select! {
        () = host.shutdown() => {
            info!("stopped");
            Ok(())
        }
        signal = stop.asked() => {
            warn!(signal, "stopping now; what was running runs again at the next start");
            Err(Failure::Shown)
        }
    }
}
