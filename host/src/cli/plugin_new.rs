//! `hookyard plugin new`: the folder of a plugin that builds and passes its own test at once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use heck::ToShoutySnakeCase as _;

use super::author::language::Language;
use super::author::new;
use super::author::packages::{LoadedPackages, load};
use super::failure::Failure;
use super::settings::Settings;
use super::similar::find_similar;
use super::{out, samples};
use crate::wit::Package;

const EXAMPLE: &str = "\
Examples:
  hookyard plugin new confirmation-sms --lang typescript
  hookyard plugin new stats --lang rust --on appointment.validated appointment.completed
  hookyard plugin new audit --lang python --on '*'          any event, its payload as JSON
  hookyard plugin new free-slot --lang c --dir plugins/free-slot
  hookyard plugin new receipt --lang rust --wit acme.wit --on order.paid
  hookyard plugin new billing --lang rust --verifier        proves who sent a request

Events of Moncreneau have typed handlers: appointment.created, appointment.updated, appointment.validated,
appointment.completed, appointment.cancelled. So have the events of a WIT package given with --wit. Any other type, and
patterns such as `order.*`, get the generic handler.
Other languages need no SDK: `hookyard wit export` writes the contract, and `plugin build` runs a Makefile.";

/// Make the folder of a new plugin: it builds and passes its own test at once
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct New {
    /// The plugin's name: a-z, 0-9 and -
    name: String,
    /// What to write it in
    #[arg(long, value_enum, ignore_case = true, value_name = "LANGUAGE")]
    lang: Language,
    /// Event types that it handles [default: the first one of the packages, or appointment.created]
    #[arg(long, value_name = "TYPE", num_args = 1.., value_delimiter = ',')]
    on: Vec<String>,
    /// Make typed handlers for the events of this WIT package: a file, or a folder; may be repeated
    #[arg(long, value_name = "FILE|DIR")]
    wit: Vec<PathBuf>,
    /// Make a verifier for a sender that no scheme fits, with its vectors; in Rust or TypeScript
    #[arg(long, conflicts_with_all = ["on", "wit", "force"])]
    verifier: bool,
    /// Take event types that look misspelt
    #[arg(long)]
    force: bool,
    /// The folder to make; its name is the plugin's [default: NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl New {
    /// Makes the folder and prints the next steps.
    ///
    /// # Errors
    /// When the name or a type is not allowed, or the folder exists already.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let dir = self.dir.unwrap_or_else(|| PathBuf::from(&self.name));
        let packages =
            if self.wit.is_empty() { Vec::new() } else { read_packages(&settings, &self.wit).await? };
        if !self.force {
            let of_packages = packages.iter().flat_map(|(package, _)| &package.handlers);
            let typed = samples::SAMPLES.iter().map(|sample| sample.event_type);
            let typed: Vec<_> = typed.chain(of_packages.map(|handler| handler.event.as_str())).collect();
            self.on.iter().try_for_each(|event| check_spelling(event, &typed))?;
        }
        let mut events = self.on;
        if self.verifier {
            let (name, language) = (self.name, self.lang);
            let new = new::New { name, language, events, packages, is_verifier: true, dir };
            let files = new.make()?;
            return out::print(&describe_verifier(&new, &files));
        }
        if events.is_empty() {
            let handlers = packages.iter().flat_map(|(package, _)| &package.handlers);
            let first = handlers.map(|handler| handler.event.as_str()).next();
            events.push(first.unwrap_or(samples::SAMPLES[0].event_type).to_owned());
        }
        let new =
            new::New { name: self.name, language: self.lang, events, packages, is_verifier: false, dir };
        let files = new.make()?;
        out::print(&describe(&new, &files))
    }
}

/// The packages and where they are.
async fn read_packages(settings: &Settings, paths: &[PathBuf]) -> Result<Vec<(Package, PathBuf)>, Failure> {
    let LoadedPackages { read, all } = load(settings, paths).await?;
    let path = |package: &Package| read.path(package).map(Path::to_path_buf).unwrap_or_default();
    Ok(all.into_iter().map(|package| (package.clone(), path(&package))).collect())
}

/// Rejects an event type that looks like one with a typed handler, and is none: its generic handler would never
/// get an event.
fn check_spelling(event: &str, typed: &[&str]) -> Result<(), Failure> {
    if typed.contains(&event) || event.contains('*') {
        return Ok(());
    }
    let first = |event: &str| event.split('.').next().map(str::to_owned);
    let of_provider: Vec<&str> = typed.iter().copied().filter(|known| first(known) == first(event)).collect();
    let hint = match find_similar(event, typed.iter().copied()) {
        Some(similar) => format!("did you mean `{similar}`?"),
        None if !of_provider.is_empty() => format!("there are {}", of_provider.join(", ")),
        None => return Ok(()),
    };
    Err(Failure::Usage(format!(
        "`{event}` is not among the event types with typed handlers: {hint} (--force makes a generic handler for it)"
    )))
}

fn describe(new: &new::New, files: &[String]) -> String {
    let (dir, language) = (new.dir.display(), new.language);
    let mut text =
        format!("{dir}: a plugin in {} that handles {}\n", language.title(), new.events.join(", "));
    for file in files {
        let _ = write!(text, "\n  {dir}/{file}");
    }
    let program = std::env::args().next().unwrap_or_else(|| "hookyard".into());
    let event = new.events.first().map(String::as_str).unwrap_or_default();
    let has_sample = samples::find(event).is_ok() || package_of(new, event).is_some();
    let sample = if has_sample { event } else { "FILE" };
    let send = match package_of(new, event) {
        Some(_) => format!("event send {event} --wit {dir}/wit"),
        None if has_sample => format!("event send {event}"),
        None => "event send --file FILE".to_owned(),
    };
    let _ = write!(
        text,
        "\n  {dir}/sdk/             the SDK, with its README\n\n\
         Build it, and see what it does with an event, without a server:\n\n  \
         {program} plugin build {dir}\n  \
         {program} plugin run {dir} --event {sample}\n\n\
         Its own tests ({}):\n\n  \
         {program} plugin test {dir}\n",
        language.test_command()
    );
    for (package, _) in &new.packages {
        let _ = write!(
            text,
            "\nA host gives it these events from a source with this package. Before it starts, write in hookyard.toml:\n\n  \
             [sources.{}]\n  scheme = \"hmac\"\n  secrets = [\"env:{}_SECRET\"]\n  package = \"{}\"\n  \
             payload = \"/data\"\n",
            package.namespace,
            package.namespace.to_shouty_snake_case(),
            package.config_name()
        );
    }
    let _ = write!(
        text,
        "\nServe it, built anew whenever you save, and send it an event from another terminal:\n\n  \
         {program} dev {dir}\n  \
         {program} {send}"
    );
    text
}

fn describe_verifier(new: &new::New, files: &[String]) -> String {
    let (dir, name, language) = (new.dir.display(), &new.name, new.language);
    let mut text = format!("{dir}: a verifier in {}\n", language.title());
    for file in files {
        let _ = write!(text, "\n  {dir}/{file}");
    }
    let program = std::env::args().next().unwrap_or_else(|| "hookyard".into());
    let _ = write!(
        text,
        "\n  {dir}/sdk/             the SDK, with its README\n\n\
         Build it, and check it with its vectors, without a server:\n\n  \
         {program} plugin build {dir}\n  \
         {program} verifier check {dir}\n\n\
         Its own tests ({}):\n\n  \
         {program} plugin test {dir}\n\n\
         Put it where a host looks, with its vectors:\n\n  \
         {program} plugin build {dir} --out verifiers\n\n\
         A source has it by its name, in hookyard.toml:\n\n  \
         [sources.{name}]\n  verifier = \"{name}\"\n  secrets = [\"env:{}_SECRET\"]",
        language.test_command(),
        name.to_shouty_snake_case()
    );
    text
}

fn package_of<'a>(new: &'a new::New, event: &str) -> Option<&'a Package> {
    new.packages.iter().map(|(package, _)| package).find(|package| package.handler(event).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_event_type_is_rejected_with_the_right_one() {
        let typed = ["appointment.created", "appointment.updated"];
        for (event, hint) in [
            ("appointment.creatd", "did you mean `appointment.created`? (--force"),
            ("apointment.updated", "did you mean `appointment.updated`?"),
            ("appointment.moved", "there are appointment.created, appointment.updated (--force"),
        ] {
            let failure = check_spelling(event, &typed).unwrap_err();
            assert!(matches!(&failure, Failure::Usage(why) if why.contains(hint)), "{failure}");
        }
        for event in ["appointment.created", "appointment.*", "*", "order.paid"] {
            check_spelling(event, &typed).unwrap();
        }
    }

    #[test]
    fn describes_the_next_steps() {
        let new = |events: &[&str]| new::New {
            name: "desk".into(),
            language: Language::C,
            events: events.iter().map(|&event| event.to_owned()).collect(),
            packages: Vec::new(),
            is_verifier: false,
            dir: "plugins/desk".into(),
        };
        let text = describe(&new(&["appointment.updated"]), &["plugin.c".into()]);
        for part in [
            "plugins/desk: a plugin in C that handles appointment.updated",
            "  plugins/desk/plugin.c\n",
            " plugin build plugins/desk\n",
            " plugin run plugins/desk --event appointment.updated\n",
            " dev plugins/desk\n",
            " event send appointment.updated",
            "Its own tests (make test):\n\n",
            " plugin test plugins/desk\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(describe(&new(&["order.*"]), &[]).ends_with(" event send --file FILE"));
    }
}
