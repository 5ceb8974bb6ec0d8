//! `hookyard dev`: serve, rebuild plugins when their sources change, play the sample events.

use std::path::PathBuf;

use super::failure::Failure;
use super::log::Log;
use super::rebuild::Rebuild;
use super::settings::Settings;
use super::{out, serve, tour};
use crate::Host;

const EXAMPLE: &str = "\
Examples:
  hookyard dev --watch plugins --build 'make plugins'
  hookyard dev --play-samples             show what each plugin does with the sample events
  hookyard dev --play-samples --once      the same, then stop: exit code 0 if all went well";

/// Serve, and rebuild plugins when their sources change
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Dev {
    /// Directories of plugin sources [default: `dev.watch` of the config]
    #[arg(long, value_name = "DIR", num_args = 1..)]
    watch: Vec<PathBuf>,
    /// Shell command that builds the plugins, run in the config's directory [default: `dev.build`]
    #[arg(long, value_name = "CMD")]
    build: Option<String>,
    /// Send the sample events, signed, and show what the plugins did
    #[arg(long)]
    play_samples: bool,
    /// Stop after the samples; exit code 0 if every plugin did its part
    #[arg(long, requires = "play_samples")]
    once: bool,
}

impl Dev {
    /// Runs until SIGTERM or SIGINT, or with `--once` until the samples were played.
    ///
    /// # Errors
    /// When the host does not start, or with `--once` when a sample was not handled.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let rebuild = self.rebuild(&settings)?;
        let (host, mut stop, log) = serve::start(&settings).await?;
        if !self.once {
            out::line(&format!("  rebuild    {}", told(rebuild.as_ref())))?;
        }
        let played = async { if self.play_samples { play(&settings, &host, &log).await } else { Ok(()) } };
        let played = tokio::select! {
            played = played => played,
            signal = stop.asked() => return serve::end(host, stop, signal).await,
        };
        if self.once {
            let ended = serve::end(host, stop, "--once").await;
            return played.and(ended);
        }
        if let Err(failure) = played {
            let _ = failure.report();
        }
        if self.play_samples {
            let watched = rebuild.as_ref().map(|rebuild| rebuild.watch.as_slice());
            tour::invite(&settings, &host, watched.unwrap_or_default())?;
        }
        let rebuilding = rebuild.map(|rebuild| tokio::spawn(rebuild.run()));
        let signal = stop.asked().await;
        if let Some(task) = rebuilding {
            task.abort();
        }
        serve::end(host, stop, signal).await
    }

    fn rebuild(&self, settings: &Settings) -> Result<Option<Rebuild>, Failure> {
        let dev = &settings.config().dev;
        let watch = if self.watch.is_empty() { &dev.watch } else { &self.watch };
        let build = self.build.as_ref().or(dev.build.as_ref());
        match (watch.is_empty(), build) {
            (true, None) => Ok(None),
            (false, Some(build)) => Ok(Some(Rebuild::new(watch.clone(), build.clone(), settings.dir()))),
            (false, None) => Err(Failure::Usage(
                "there is something to watch but nothing to build: \
                 give --build CMD or `dev.build` in the config"
                    .into(),
            )),
            (true, Some(_)) => Err(Failure::Usage(
                "there is a build but nothing to watch: give --watch DIR or `dev.watch` in the config".into(),
            )),
        }
    }
}

fn told(rebuild: Option<&Rebuild>) -> String {
    rebuild.map_or_else(
        || "nothing: give --watch DIR and --build CMD, or `[dev]` in the config".into(),
        ToString::to_string,
    )
}

/// Plays the samples. What plugins log is shown with each of them, so the log does not repeat it.
async fn play(settings: &Settings, host: &Host, log: &Log) -> Result<(), Failure> {
    log.repeat_plugins(false)?;
    let played = tour::play(settings, host).await;
    log.repeat_plugins(true)?;
    played
}
