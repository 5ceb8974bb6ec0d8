//! `hookyard plugin new`: the folder of a plugin that builds and passes its own test at once.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::author::language::Language;
use super::author::new;
use super::failure::Failure;
use super::{out, samples};

const EXAMPLE: &str = "\
Examples:
  hookyard plugin new confirmation-sms --lang typescript
  hookyard plugin new stats --lang rust --on appointment.validated appointment.completed
  hookyard plugin new audit --lang python --on '*'          any event, its payload as JSON
  hookyard plugin new free-slot --lang c --dir plugins/free-slot

Events of Moncreneau have typed handlers: appointment.created, appointment.updated,
appointment.validated, appointment.completed, appointment.cancelled. Any other type, and patterns such
as `order.*`, get the generic handler.";

/// Make the folder of a new plugin: it builds and passes its own test at once
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct New {
    /// The plugin's name: a-z, 0-9 and -
    name: String,
    /// What to write it in
    #[arg(long, value_enum, ignore_case = true, value_name = "LANGUAGE")]
    lang: Language,
    /// Event types that it handles
    #[arg(long, value_name = "TYPE", num_args = 1.., value_delimiter = ',', default_value = samples::SAMPLES[0].event_type)]
    on: Vec<String>,
    /// The folder to make; its name is the plugin's [default: NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl New {
    /// Makes the folder and says how to go on.
    ///
    /// # Errors
    /// When the name or a type cannot be, or the folder is there already.
    pub(super) fn run(self) -> Result<(), Failure> {
        let typed = samples::SAMPLES.map(|sample| sample.event_type);
        let dir = self.dir.unwrap_or_else(|| PathBuf::from(&self.name));
        let new = new::New { name: self.name, language: self.lang, events: self.on, dir };
        let files = new.make(&typed)?;
        out::print(&describe(&new, &files))
    }
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
    let sample = samples::find(event).map_or("FILE", |sample| sample.event_type);
    let send = if sample == "FILE" { "event send --file FILE" } else { &format!("event send {sample}") };
    let _ = write!(
        text,
        "\n  {dir}/sdk/             the SDK, with its README\n\n\
         Build it, and see what it does with an event, without a server:\n\n  \
         {program} plugin build {dir}\n  \
         {program} plugin run {dir} --event {sample}\n\n\
         Its own tests: {}, in {dir}\n\n\
         Or serve it, built anew whenever you save, and send it an event from another terminal:\n\n  \
         {program} dev {dir}\n  \
         {program} {send}",
        language.test_command()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_the_next_steps() {
        let new = |events: &[&str]| new::New {
            name: "desk".into(),
            language: Language::C,
            events: events.iter().map(|&event| event.to_owned()).collect(),
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
            "make test, in plugins/desk",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(describe(&new(&["order.*"]), &[]).ends_with(" event send --file FILE"));
    }
}
