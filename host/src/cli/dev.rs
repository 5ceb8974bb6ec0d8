//! `hookyard dev`: serve, rebuild plugins when their sources change, play the sample events.

use std::path::PathBuf;

use tokio::task::JoinSet;

use super::author::build::ahead::NextBuild;
use super::author::folder::Folder;
use super::failure::Failure;
use super::log::Log;
use super::rebuild::Rebuild;
use super::settings::Settings;
use super::{out, serve, tour};
use crate::Host;

const EXAMPLE: &str = "\
Examples:
  hookyard dev my-plugin                  serve it, built anew whenever one of its files is saved
  hookyard dev --watch plugins --build 'make plugins'
  hookyard dev --play-samples             show what each plugin does with the sample events
  hookyard dev --play-samples --once      the same, then stop: exit code 0 if all went well";

/// Serve, and rebuild plugins when their sources change
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Dev {
    /// Folders of plugins: each is built into the plugins directory, now and when it changes
    #[arg(value_name = "PLUGIN", conflicts_with_all = ["watch", "build"])]
    plugins: Vec<PathBuf>,
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
    pub(super) async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        settings.approve_all();
        let rebuilds = self.list_rebuilds(&settings)?;
        for rebuild in &rebuilds {
            match rebuild.build_first().await {
                // Its folder is watched, and built again after a change.
                Err(failure) if !self.once => drop(failure.report()),
                built => built?,
            }
        }
        let Some((host, mut signals, log)) = serve::start(&settings).await? else { return Ok(()) };
        if !self.once {
            out::print(&format!("  rebuild    {}", describe(&rebuilds)))?;
        }
        let played = async { if self.play_samples { play(&settings, &host, &log).await } else { Ok(()) } };
        let played = tokio::select! {
            played = played => played,
            signal = signals.wait_for_stop() => return serve::end(host, signals, signal).await,
        };
        if self.once {
            let ended = serve::end(host, signals, "--once").await;
            return played.and(ended);
        }
        if let Err(failure) = played {
            let _ = failure.report();
        }
        if self.play_samples {
            let watched: Vec<_> = rebuilds.iter().flat_map(|rebuild| rebuild.watch.clone()).collect();
            tour::print_next_steps(&settings, &host, &watched)?;
        }
        // Dropped at the end, they end.
        let next_build = NextBuild::default();
        let _rebuilding: JoinSet<()> =
            rebuilds.into_iter().map(|rebuild| rebuild.run(next_build.clone())).collect();
        let signal = signals.wait_for_stop().await;
        serve::end(host, signals, signal).await
    }

    fn list_rebuilds(&self, settings: &Settings) -> Result<Vec<Rebuild>, Failure> {
        if !self.plugins.is_empty() {
            let plugins = &settings.config().plugins.dir;
            let of = |dir: &PathBuf| Ok(Rebuild::for_plugin(Folder::at(dir)?, plugins.clone()));
            return self.plugins.iter().map(of).collect();
        }
        let dev = &settings.config().dev;
        let watch = if self.watch.is_empty() { &dev.watch } else { &self.watch };
        let build = self.build.as_ref().or(dev.build.as_ref());
        match (watch.is_empty(), build) {
            (true, None) => Ok(Vec::new()),
            (false, Some(build)) => {
                Ok(vec![Rebuild::with_command(watch.clone(), build.clone(), settings.dir())])
            }
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

fn describe(rebuilds: &[Rebuild]) -> String {
    if rebuilds.is_empty() {
        return "nothing: name the folder of a plugin, or give --watch DIR and --build CMD, \
                or `[dev]` in the config"
            .into();
    }
    rebuilds.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n             ")
}

/// Plays the samples. The plugins' lines are shown with each sample, so the log does not repeat
/// them.
async fn play(settings: &Settings, host: &Host, log: &Log) -> Result<(), Failure> {
    log.repeat_plugins(false)?;
    let played = tour::play(settings, host).await;
    log.repeat_plugins(true)?;
    played
}
