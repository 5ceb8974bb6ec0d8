//! `hookyard plugin enable` and `disable`: a plugin's switches.

use std::time::Duration;

use super::client::Client;
use super::failure::Failure;
use super::out;
use super::progress::Progress;
use super::settings::{ChangeConnection, Settings};
use crate::admin::api::{HeldChoice, ReleaseProgress, SwitchOutcome, SwitchRequest};
use crate::switch::ReleaseState;

/// Interval between requests for the progress.
const POLL: Duration = Duration::from_millis(50);

const ENABLE: &str = "\
Examples:
  hookyard plugin enable confirmation-sms
  hookyard plugin enable confirmation-sms --type appointment.created
  hookyard plugin enable confirmation-sms --type 'appointment.*' --held discard --dry-run

It is in force for the next event. Deliveries that were held run, each in the order of its key and before new
events of that key, or are discarded: dead letters that are resolved, and that `delivery replay ID` runs again.";

const DISABLE: &str = "\
Examples:
  hookyard plugin disable confirmation-sms
  hookyard plugin disable confirmation-sms --type appointment.created --note 'partner is down'
  hookyard plugin disable confirmation-sms --type 'appointment.*'

It is in force for the next event: new deliveries are held until `plugin enable`. Open deliveries still run, also
their retries; `plugin pause` holds all of a plugin's. The config still says what the plugin may handle.";

/// Switch a plugin on, for all types of events or for some
#[derive(Debug, clap::Args)]
#[command(after_help = ENABLE)]
pub(super) struct Enable {
    #[command(flatten)]
    switch: SwitchArguments,
    /// What becomes of held deliveries: they run, or are discarded
    #[arg(long, value_name = "ACTION", value_enum, default_value_t = Held::Run)]
    held: Held,
}

/// Switch a plugin off, for all types of events or for some: new deliveries are held
#[derive(Debug, clap::Args)]
#[command(after_help = DISABLE)]
pub(super) struct Disable {
    #[command(flatten)]
    switch: SwitchArguments,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Held {
    Run,
    Discard,
}

#[derive(Debug, clap::Args)]
struct SwitchArguments {
    /// The plugin; it may be absent
    #[arg(value_name = "PLUGIN")]
    name: String,
    /// Only events of this type, or of a family of types: appointment.*
    #[arg(long = "type", value_name = "TYPE", default_value = "*")]
    types: String,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl Disable {
    /// Turns the switch off.
    ///
    /// # Errors
    /// When an argument is wrong, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.switch.connection)?;
        let outcome = self.switch.put(&client, false, HeldChoice::Run, None).await?;
        if self.switch.json {
            out::print_json(&outcome)
        } else {
            out::print(&describe_off(&outcome, self.switch.dry_run))
        }
    }
}

impl Enable {
    /// Says what it will do, turns the switch on, and waits until held deliveries are released.
    ///
    /// # Errors
    /// When an argument is wrong, another operator changed the switches meanwhile, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let Self { switch, held } = self;
        let client = settings.client_to_change(&switch.connection)?;
        let held = match held {
            Held::Run => HeldChoice::Run,
            Held::Discard => HeldChoice::Discard,
        };
        let is_dry = switch.dry_run;
        let planned = SwitchArguments { dry_run: true, ..switch };
        let plan = planned.put(&client, true, held, None).await?;
        if !planned.json {
            out::print(&describe_plan(&plan, held))?;
        }
        if is_dry {
            return if planned.json {
                out::print_json(&plan)
            } else {
                out::print("nothing was changed: this was a dry run")
            };
        }
        let switch = SwitchArguments { dry_run: false, ..planned };
        let mut outcome = switch.put(&client, true, held, Some(plan.version)).await?;
        if let Some(release) = outcome.release {
            outcome.release = Some(follow(&client, release).await?);
        }
        if switch.json { out::print_json(&outcome) } else { out::print(&describe_on(&outcome)) }
    }
}

impl SwitchArguments {
    async fn put(
        &self,
        client: &Client,
        on: bool,
        held: HeldChoice,
        version: Option<i64>,
    ) -> Result<SwitchOutcome, Failure> {
        let request = SwitchRequest { types: self.types.clone(), on, held, dry_run: self.dry_run };
        client.put(&["plugins", &self.name, "switches"], &request, version).await
    }
}

/// Waits until a release has ended; prints its progress on stderr if that takes long.
async fn follow(client: &Client, mut release: ReleaseProgress) -> Result<ReleaseProgress, Failure> {
    let number = release.number.to_string();
    let mut shown = Progress::new("held deliveries");
    while release.state == ReleaseState::Running {
        tokio::time::sleep(POLL).await;
        release = client.get(&["held-releases", &number], &()).await?;
        shown.update(release.released, release.found);
    }
    Ok(release)
}

fn types(outcome: &SwitchOutcome) -> String {
    if outcome.types == "*" { "all types of events".into() } else { outcome.types.clone() }
}

fn held_deliveries(number: u64) -> String {
    out::format_count(number, "held delivery", "held deliveries")
}

/// Says that a plugin is absent, or has no handler.
fn remark(outcome: &SwitchOutcome) -> String {
    let SwitchOutcome { plugin, is_here, is_handled, .. } = outcome;
    match (is_here, is_handled) {
        (false, _) => format!("\nnote: no plugin {plugin} is here; the switch applies when it is"),
        (true, false) => format!("\nnote: {plugin} has no handler for {}", types(outcome)),
        (true, true) => String::new(),
    }
}

fn describe_off(outcome: &SwitchOutcome, is_dry: bool) -> String {
    let SwitchOutcome { plugin, open, held, changed, .. } = outcome;
    let types = types(outcome);
    let off = match (changed, is_dry) {
        (_, true) => {
            format!("{plugin} would be switched off for {types}; nothing was changed: this was a dry run")
        }
        (true, _) => format!("{plugin} is switched off for {types}: new deliveries are held"),
        (false, _) => format!("{plugin} was switched off for {types} before"),
    };
    let open = match open {
        0 => String::new(),
        open => format!(
            "\n{} of before still run; `hookyard plugin pause {plugin}` holds them too",
            out::format_count(*open, "open delivery", "open deliveries")
        ),
    };
    let held = if *held == 0 { String::new() } else { format!("\n{} wait", held_deliveries(*held)) };
    format!("{off}{open}{held}{}", remark(outcome))
}

fn describe_plan(plan: &SwitchOutcome, held: HeldChoice) -> String {
    let number = plan.held;
    let will = match (number, held) {
        (0, _) => "no delivery is held".into(),
        (_, HeldChoice::Run) => {
            format!("{} will run, each in the order of its key", held_deliveries(number))
        }
        (_, HeldChoice::Discard) => format!("{} will be discarded, as dead letters", held_deliveries(number)),
    };
    format!("{} for {}: {will}{}", plan.plugin, types(plan), remark(plan))
}

fn describe_on(outcome: &SwitchOutcome) -> String {
    let on = format!("{} is switched on for {}", outcome.plugin, types(outcome));
    let Some(release) = &outcome.release else { return on };
    let did = match (release.released, release.action) {
        (0, _) => return on,
        (number, HeldChoice::Run) => format!("released {}", held_deliveries(number)),
        (number, HeldChoice::Discard) => format!("discarded {}", held_deliveries(number)),
    };
    let stopped =
        if release.state == ReleaseState::Stopped { "; a later instruction stopped the release" } else { "" };
    format!("{on}; {did}{stopped}")
}
