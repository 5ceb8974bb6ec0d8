//! The command line: one file per verb.
//!
//! Commands print on stdout; the host's log goes to stderr. Exit code 0, 1 (it failed) or 2 (wrong arguments).
//! Commands about a running host use its admin API and never open its database. `backup` and `restore` do, and need
//! no running host.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

mod alerts;
mod audit;
mod author;
mod background;
mod backup;
mod banner;
mod client;
mod config_check;
mod config_init;
mod delivery_list;
mod delivery_replay;
mod delivery_retry;
mod delivery_show;
mod dev;
mod doctor;
mod documents;
mod effect_show;
mod effects;
mod event_edit;
mod event_erase;
mod event_export;
mod event_list;
mod event_replay;
mod event_send;
mod event_show;
mod exported;
mod failure;
mod follow;
mod input;
mod inspect;
mod json_text;
mod listing;
mod log;
mod log_level;
mod out;
mod plugin_attempt;
mod plugin_build;
mod plugin_check;
mod plugin_list;
mod plugin_matrix;
mod plugin_new;
mod plugin_pause;
mod plugin_push;
mod plugin_revisions;
mod plugin_run;
mod plugin_show;
mod plugin_switch;
mod plugin_test;
mod poll;
mod private_file;
mod progress;
mod rebuild;
mod replaying;
mod replays;
mod restore;
mod samples;
mod selectors;
mod send;
mod serve;
mod sessions;
mod settings;
mod show;
mod sign;
mod signals;
mod similar;
mod source_confirmations;
mod sources;
mod stderr;
mod stores;
mod table;
mod tokens;
mod tour;
mod verifiers;
mod visible;
mod wit;

use background::BackgroundWriter;
use failure::Failure;
use inspect::COMPILE_COMMAND;
use settings::Settings;

const EXAMPLE: &str = "\
Examples:
  hookyard serve                          start: SQLite in ./hookyard-data, plugins from ./plugins
  hookyard event send appointment.created
  hookyard event list
  hookyard plugin list

Exit code: 0, 1 when it failed, 2 when the arguments are wrong.";

/// The version and, where the build knows it, the commit.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("HOOKYARD_BUILD"));

/// Receives webhook events, proves who sent them, stores each once, and runs sandboxed WebAssembly
/// plugins on it
#[derive(Debug, Parser)]
#[command(name = "hookyard", version = VERSION, about, after_help = EXAMPLE, arg_required_else_help = true)]
struct Arguments {
    /// The config [default: hookyard.toml if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The admin address of a host on another machine, for commands on a running host [default: `HOOKYARD_URL`, or
    /// the host of the config]; the token is then `HOOKYARD_TOKEN` or in --token-file
    #[arg(long, value_name = "URL", global = true)]
    url: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Serve),
    Dev(dev::Dev),
    /// Send, list, show, export and replay events
    #[command(subcommand, arg_required_else_help = true)]
    Event(Event),
    /// List, show and retry deliveries, replay or discard dead letters
    #[command(subcommand, arg_required_else_help = true)]
    Delivery(Delivery),
    /// List, show and stop replays
    #[command(subcommand, arg_required_else_help = true)]
    Replay(Replay),
    /// List and show effects, replay or discard dead ones
    #[command(subcommand, arg_required_else_help = true)]
    Effect(Effect),
    /// Read what plugins keep in their stores
    #[command(subcommand, arg_required_else_help = true)]
    Store(Store),
    /// Make, build, check and run plugins; list, pause, switch and push those of a running host, and go back
    #[command(subcommand, arg_required_else_help = true)]
    Plugin(Plugin),
    /// Make, list and revoke tokens for the admin API
    #[command(subcommand, arg_required_else_help = true)]
    Token(Token),
    /// List browsers that are logged in to the pages, and log them out
    #[command(subcommand, arg_required_else_help = true)]
    Session(Session),
    /// List sources, and test requests against them
    #[command(subcommand, arg_required_else_help = true)]
    Source(Source),
    /// List verifiers, which prove who sent a request, and check their files
    #[command(subcommand, arg_required_else_help = true)]
    Verifier(Verifier),
    /// List and test alerts
    #[command(subcommand, arg_required_else_help = true)]
    Alert(Alert),
    /// Show and change the level of the host's log
    #[command(subcommand, arg_required_else_help = true)]
    Log(Log),
    /// Read and check the log of what operators and the host decided
    #[command(subcommand, arg_required_else_help = true)]
    Audit(Audit),
    Doctor(doctor::Doctor),
    Backup(backup::Backup),
    Restore(restore::Restore),
    /// Check WIT packages of event types, generate typed handlers for them
    #[command(subcommand, arg_required_else_help = true)]
    Wit(wit::Wit),
    /// Write and check the config
    #[command(subcommand, arg_required_else_help = true)]
    Config(Config),
    Completions(documents::Completions),
    Man(documents::Man),
}

#[derive(Debug, Subcommand)]
enum Event {
    Send(event_send::Send),
    List(event_list::List),
    Show(event_show::Show),
    Export(event_export::Export),
    Replay(event_replay::Replay),
    Erase(event_erase::Erase),
}

#[derive(Debug, Subcommand)]
enum Delivery {
    List(delivery_list::List),
    Show(delivery_show::Show),
    Replay(delivery_replay::Replay),
    Retry(delivery_retry::Retry),
    Discard(delivery_replay::Discard),
}

#[derive(Debug, Subcommand)]
enum Replay {
    List(replays::List),
    Show(replays::Show),
    Stop(replays::Stop),
}

#[derive(Debug, Subcommand)]
enum Effect {
    List(effects::List),
    Show(effect_show::Show),
    Replay(effects::Replay),
    Discard(effects::Discard),
}

#[derive(Debug, Subcommand)]
enum Store {
    List(stores::List),
    Get(stores::Get),
}

#[derive(Debug, Subcommand)]
enum Plugin {
    New(plugin_new::New),
    Build(plugin_build::Build),
    Check(plugin_check::Check),
    Test(plugin_test::Test),
    Run(plugin_run::Run),
    Attempt(plugin_attempt::Attempt),
    List(plugin_list::List),
    Show(plugin_show::Show),
    Pause(plugin_pause::Pause),
    Resume(plugin_pause::Resume),
    Retry(plugin_pause::Retry),
    Enable(plugin_switch::Enable),
    Disable(plugin_switch::Disable),
    Matrix(plugin_matrix::Matrix),
    Push(plugin_push::Push),
    History(plugin_revisions::History),
    Diff(plugin_revisions::Diff),
    Rollback(plugin_revisions::Rollback),
    Pin(plugin_revisions::Pin),
    Unpin(plugin_revisions::Unpin),
    Approve(plugin_revisions::Approve),
    Reject(plugin_revisions::Reject),
}

#[derive(Debug, Subcommand)]
enum Token {
    Create(tokens::Create),
    List(tokens::List),
    Revoke(tokens::Revoke),
}

#[derive(Debug, Subcommand)]
enum Session {
    List(sessions::List),
    Revoke(sessions::Revoke),
}

#[derive(Debug, Subcommand)]
enum Source {
    List(sources::List),
    Test(sources::Test),
    Confirmations(source_confirmations::Confirmations),
    Approve(source_confirmations::Approve),
    Reject(source_confirmations::Reject),
}

#[derive(Debug, Subcommand)]
enum Verifier {
    List(verifiers::List),
    Check(verifiers::Check),
}

#[derive(Debug, Subcommand)]
enum Alert {
    List(alerts::List),
    Test(alerts::Test),
}

#[derive(Debug, Subcommand)]
enum Log {
    Level(log_level::Level),
}

#[derive(Debug, Subcommand)]
enum Audit {
    List(audit::List),
    Export(audit::Export),
    Verify(audit::Verify),
}

#[derive(Debug, Subcommand)]
enum Config {
    Init(config_init::Init),
    Check(config_check::Check),
}

/// Writes what is queued for the log and standard output at the end of the program, also after a panic.
struct FlushAtEnd;

impl Drop for FlushAtEnd {
    fn drop(&mut self) {
        out::background_writer().into_iter().chain(stderr::writer()).for_each(BackgroundWriter::flush);
    }
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let _flush = FlushAtEnd;
    // The child of the compiler: it reads no config and has no threads but the compiler's.
    let mut words = std::env::args().skip(1);
    if let (Some(COMPILE_COMMAND), Some(setup), None) = (words.next().as_deref(), words.next(), words.next())
    {
        return inspect::compile(&setup);
    }
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if arguments.url.is_some() && !is_on_running_host(&matches) {
        return Failure::Usage(
            "--url is for commands on a running host: this one works on this machine".into(),
        )
        .report();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(|error| Failure::Failed(format!("threads: {error}"))).and_then(|runtime| {
        let done = runtime.block_on(run(arguments));
        // Work that cannot be interrupted, such as a compilation, ends with the process.
        runtime.shutdown_background();
        done
    });
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Whether the command asks a running host: it takes that host's token.
fn is_on_running_host(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, matches)) => is_on_running_host(matches),
        None => matches.try_contains_id("token_file").is_ok(),
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { config, url, verb } = arguments;
    let of_running = |config| Settings::for_client(config, url.clone());
    // Only a command that starts a host makes the host's missing secrets and data directory.
    let of_host = |config| Settings::load(config, false);
    match verb {
        Verb::Serve(verb) => verb.run(Settings::load(config, true)?).await,
        Verb::Dev(verb) => verb.run(Settings::load(config, true)?).await,
        Verb::Event(Event::Send(verb)) => verb.run(of_host(config)?).await,
        Verb::Event(Event::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Event(Event::Show(verb)) => verb.run(of_running(config)?).await,
        Verb::Event(Event::Export(verb)) => verb.run(of_running(config)?).await,
        Verb::Event(Event::Erase(verb)) => verb.run(of_running(config)?).await,
        Verb::Event(Event::Replay(verb)) => verb.run(of_running(config)?).await,
        Verb::Delivery(Delivery::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Delivery(Delivery::Show(verb)) => verb.run(of_running(config)?).await,
        Verb::Delivery(Delivery::Replay(verb)) => verb.run(of_running(config)?).await,
        Verb::Delivery(Delivery::Retry(verb)) => verb.run(of_running(config)?).await,
        Verb::Delivery(Delivery::Discard(verb)) => verb.run(of_running(config)?).await,
        Verb::Replay(Replay::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Replay(Replay::Show(verb)) => verb.run(of_running(config)?).await,
        Verb::Replay(Replay::Stop(verb)) => verb.run(of_running(config)?).await,
        Verb::Effect(Effect::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Effect(Effect::Show(verb)) => verb.run(of_running(config)?).await,
        Verb::Effect(Effect::Replay(verb)) => verb.run(of_running(config)?).await,
        Verb::Effect(Effect::Discard(verb)) => verb.run(of_running(config)?).await,
        Verb::Store(Store::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Store(Store::Get(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::New(verb)) => verb.run(Settings::for_authors(config)?).await,
        Verb::Plugin(Plugin::Test(verb)) => verb.run().await,
        Verb::Plugin(Plugin::Build(verb)) => verb.run(Settings::for_authors(config)?).await,
        Verb::Plugin(Plugin::Check(verb)) => verb.run(Settings::for_authors(config)?).await,
        Verb::Plugin(Plugin::Run(verb)) => verb.run(Settings::for_author_of_host(config, url.clone())?).await,
        Verb::Plugin(Plugin::Attempt(verb)) => verb.run().await,
        Verb::Plugin(Plugin::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Show(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Pause(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Resume(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Retry(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Enable(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Disable(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Matrix(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Push(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::History(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Diff(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Rollback(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Pin(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Unpin(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Approve(verb)) => verb.run(of_running(config)?).await,
        Verb::Plugin(Plugin::Reject(verb)) => verb.run(of_running(config)?).await,
        Verb::Token(Token::Create(verb)) => verb.run(of_running(config)?).await,
        Verb::Token(Token::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Token(Token::Revoke(verb)) => verb.run(of_running(config)?).await,
        Verb::Source(Source::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Source(Source::Test(verb)) => verb.run(of_running(config)?).await,
        Verb::Source(Source::Confirmations(verb)) => verb.run(of_running(config)?).await,
        Verb::Source(Source::Approve(verb)) => verb.run(of_running(config)?).await,
        Verb::Source(Source::Reject(verb)) => verb.run(of_running(config)?).await,
        Verb::Verifier(Verifier::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Verifier(Verifier::Check(verb)) => verb.run(Settings::for_authors(config)?).await,
        Verb::Session(Session::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Session(Session::Revoke(verb)) => verb.run(of_running(config)?).await,
        Verb::Alert(Alert::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Alert(Alert::Test(verb)) => verb.run(of_running(config)?).await,
        Verb::Log(Log::Level(verb)) => verb.run(of_running(config)?).await,
        Verb::Audit(Audit::List(verb)) => verb.run(of_running(config)?).await,
        Verb::Audit(Audit::Export(verb)) => verb.run(of_running(config)?).await,
        Verb::Audit(Audit::Verify(verb)) => verb.run(of_running(config)?).await,
        Verb::Wit(verb) => verb.run(Settings::for_authors(config)?).await,
        Verb::Doctor(verb) => verb.run(of_running(config)?).await,
        Verb::Backup(verb) => verb.run(of_host(config)?).await,
        Verb::Restore(verb) => verb.run(of_host(config)?).await,
        Verb::Config(Config::Init(verb)) => verb.run(config),
        Verb::Config(Config::Check(verb)) => verb.run(&of_host(config)?).await,
        Verb::Completions(verb) => verb.run(),
        Verb::Man(verb) => verb.run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_verb_has_an_example() {
        fn look(command: &mut clap::Command) {
            let help = command.render_long_help().to_string();
            let groups = command.has_subcommands() && command.get_name() != "hookyard";
            assert!(groups || help.contains("Example"), "{help}");
            for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
                look(verb);
            }
        }
        look(&mut Arguments::command());
    }

    #[test]
    fn a_command_that_takes_a_token_takes_the_address_of_its_host() {
        for (arguments, expected) in [
            (&["hookyard", "plugin", "push", "desk", "desk.wasm"][..], true),
            (&["hookyard", "plugin", "matrix"], true),
            (&["hookyard", "audit", "verify"], true),
            (&["hookyard", "serve"], false),
            (&["hookyard", "plugin", "build"], false),
            (&["hookyard", "config", "check"], false),
        ] {
            let matches = Arguments::command().try_get_matches_from(arguments).unwrap();
            assert_eq!(is_on_running_host(&matches), expected, "{arguments:?}");
        }
    }

    #[test]
    fn wrong_usage_is_exit_code_2() {
        for wrong in [
            &["hookyard", "event", "send"][..],
            &["hookyard", "event", "send", "x", "--count", "0"],
            &["hookyard", "dev", "--once"],
            &["hookyard", "event", "list", "--limit", "501"],
        ] {
            let error = Arguments::try_parse_from(wrong).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong:?}");
        }
    }
}
