//! `dev --play-samples`: sends the sample events as the provider would, and shows each plugin's
//! deliveries and the results of its effects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ignore::DirEntry;

use super::author::sources::walk_sources;
use super::client::Client;
use super::failure::Failure;
use super::samples::{SAMPLES, Sample, fresh_id, object_of};
use super::send::{Answer, Sender, base_url, webhook_url};
use super::settings::Settings;
use super::{event_send, out, show};
use crate::Host;
use crate::admin::api::{DeliveryView, EffectView, EventView, Plugin, PluginList};
use crate::delivery::State;
use crate::effect::EMITTED_PREFIX;
use crate::event::now_ms;

/// Time for the plugins to be loaded: a first start compiles them.
const LOADED_TIMEOUT: Duration = Duration::from_mins(10);
/// Time for an event's deliveries and their effects to be done.
const EVENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between requests for the state.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Plays the samples and shows their results.
///
/// # Errors
/// When a sample was not accepted, a delivery of it or an effect is not done, or a running plugin did
/// nothing.
pub(super) async fn play(settings: &Settings, host: &Host) -> Result<(), Failure> {
    let client = settings.client_of(host)?;
    wait_until_loaded(&client).await?;
    let (source, sender) = make_sender(settings, host)?;
    out::print(&format!("\nPlaying {} sample events, signed as `{source}`:", SAMPLES.len()))?;
    let mut result = TourResult::default();
    // The samples are the life of one appointment.
    let object = object_of(&fresh_id());
    for sample in SAMPLES {
        let answer = send_sample(&sender, sample, object).await?;
        out::print(&format!("\n{}  {}", sample.event_type, event_send::describe_answer(&answer)))?;
        let Some(id) = answer.event.as_deref().filter(|_| answer.is_accepted()) else {
            result.wrong.push(format!("{} was not taken", sample.event_type));
            continue;
        };
        let mut events = vec![wait_until_finished(&client, &source, id).await?];
        while let Some(event) = events.pop() {
            print_event(&event)?;
            for (source, id) in list_emitted(&event) {
                events.push(wait_until_finished(&client, &source, &id).await?);
            }
            result.add(&event);
        }
    }
    let page: PluginList = client.get(&["plugins"], &()).await?;
    result.wrong.extend(describe_idle_plugins(&page.items, &result.did));
    out::print(&format!("\n{}", result.verdict()))?;
    if result.wrong.is_empty() { Ok(()) } else { Err(Failure::Shown) }
}

/// The results of all events.
#[derive(Debug, Default)]
struct TourResult {
    /// The plugins that have done something.
    did: BTreeSet<String>,
    /// The number of effects that are done.
    effects: u64,
    /// The failures.
    wrong: Vec<String>,
}

impl TourResult {
    fn add(&mut self, event: &EventView) {
        for delivery in &event.deliveries {
            let what = format!("{}: plugin {}", event.event_type, delivery.plugin);
            match delivery.state {
                State::Done => drop(self.did.insert(delivery.plugin.clone())),
                state => {
                    self.wrong.push(format!(
                        "{what} is {}",
                        show::format_state(state, delivery.held_because, delivery.blocked_by)
                    ));
                }
            }
            for EffectView { state, summary, .. } in &delivery.effects {
                match state {
                    State::Done => self.effects += 1,
                    state => {
                        let (summary, state) = (out::escape(summary), show::format_state(*state, None, None));
                        self.wrong.push(format!("{what}: effect {summary} is {state}"));
                    }
                }
            }
        }
    }

    fn verdict(&self) -> String {
        if !self.wrong.is_empty() {
            return format!("Not all went well:\n  {}", self.wrong.join("\n  "));
        }
        let plugins = out::format_count(self.did.len() as u64, "plugin", "plugins");
        let effects = match self.effects {
            0 => String::new(),
            effects => format!(", and {} went out", out::format_count(effects, "effect", "effects")),
        };
        format!("All {} events were taken; {plugins} did all their parts{effects}.", SAMPLES.len())
    }
}

/// Prints an event's deliveries, and the plugin that emitted it, if any.
fn print_event(event: &EventView) -> Result<(), Failure> {
    if let Some(cause) = &event.cause {
        let (event_type, id) = (out::escape(&event.event_type), out::escape(&event.id));
        out::print(&format!("\n{event_type}  {id}, emitted by {}", cause.plugin.as_deref().unwrap_or("-")))?;
        if event.deliveries.is_empty() {
            out::print("  no plugin handles it")?;
        }
    }
    for delivery in &event.deliveries {
        let text = show::format_delivery(delivery);
        out::print(&format!("  {}", text.trim_end().replace('\n', "\n  ")))?;
    }
    Ok(())
}

/// Prints the next steps: send an event by hand, and change a plugin.
pub(super) fn print_next_steps(settings: &Settings, host: &Host, watched: &[PathBuf]) -> Result<(), Failure> {
    let (source, sender) = make_sender(settings, host)?;
    let sample = SAMPLES[0];
    let id = fresh_id();
    let body = sample.body_of_today(&id, object_of(&id), now_ms())?;
    let curl = sender.curl(&id, sample.event_type, body)?;
    let url = webhook_url(None, host.webhook_addr(), &source);
    let pages = base_url(host.admin_addr());
    let swap = match first_source(watched) {
        Some(file) => format!("edit {}, save, and send another", file.display()),
        None => format!(
            "put another NAME.wasm into {}, or replace one, and send another",
            settings.config().plugins.dir.display()
        ),
    };
    let again = settings.command(&format!("event send {}", sample.event_type));
    out::print(&format!(
        "\nhookyard goes on serving. Ctrl-C stops it.\n\n  webhooks   {url}\n  pages      {pages}/\n  \
         admin API  {pages}/api/v1\n\nSend a fresh event, already signed:\n\n{curl}\n\n\
         See a hot swap: {swap}:\n\n  {again}\n"
    ))
}

fn make_sender(settings: &Settings, host: &Host) -> Result<(String, Sender), Failure> {
    let source = settings.find_source(None)?;
    let signer = settings.make_signer(&source, None)?;
    let url = webhook_url(None, host.webhook_addr(), &source);
    Ok((source, Sender::new(url, signer)?))
}

async fn send_sample(sender: &Sender, sample: Sample, object: u64) -> Result<Answer, Failure> {
    let id = fresh_id();
    let body = sample.body_of_today(&id, object, now_ms())?;
    sender.send(Some(id), Some(sample.event_type), body).await
}

async fn wait_until_loaded(client: &Client) -> Result<(), Failure> {
    let started = Instant::now();
    while !client.has_loaded_plugins().await {
        if started.elapsed() > LOADED_TIMEOUT {
            return Err(Failure::Failed(format!(
                "the host has not loaded its plugins after {} s; {}/readyz says why",
                LOADED_TIMEOUT.as_secs(),
                client.base()
            )));
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

/// Waits until the event's deliveries and effects are finished, or for its deadline.
async fn wait_until_finished(client: &Client, source: &str, id: &str) -> Result<EventView, Failure> {
    let started = Instant::now();
    loop {
        let event: EventView = client.get(&["events", source, id], &()).await?;
        if !event.deliveries.iter().any(is_open) || started.elapsed() > EVENT_TIMEOUT {
            return Ok(event);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn is_open(delivery: &DeliveryView) -> bool {
    let open = |state: State| !matches!(state, State::Done | State::Dead | State::Held);
    open(delivery.state) || delivery.effects.iter().any(|effect| open(effect.state))
}

/// Source and id of the events that its handlers have emitted: an effect's key is its event's id.
fn list_emitted(event: &EventView) -> Vec<(String, String)> {
    let of = |delivery: &DeliveryView| {
        let source = format!("{EMITTED_PREFIX}{}", delivery.plugin);
        let done =
            delivery.effects.iter().filter(|effect| effect.kind == "event" && effect.state == State::Done);
        done.map(|effect| (source.clone(), effect.key.clone())).collect::<Vec<_>>()
    };
    event.deliveries.iter().flat_map(of).collect()
}

fn describe_idle_plugins(plugins: &[Plugin], did: &BTreeSet<String>) -> Vec<String> {
    if plugins.is_empty() {
        return vec!["no plugin is there".into()];
    }
    let idle = plugins.iter().filter(|plugin| !did.contains(&plugin.name) && may_handle_samples(plugin));
    idle.map(|plugin| match &plugin.refusal {
        Some(refusal) => out::escape(refusal),
        None => format!("plugin {} handled none of the samples", plugin.name),
    })
    .collect()
}

/// Whether not all of its handlers are typed ones for another provider's events.
fn may_handle_samples(plugin: &Plugin) -> bool {
    let is_of_others = |handler: &String| handler.contains('/') && !handler.starts_with("moncreneau:events/");
    plugin.handles.is_empty() || !plugin.handles.iter().all(is_of_others)
}

/// A file worth editing: the first `lib.rs`, or else the first source file, by directory and path.
fn first_source(dirs: &[PathBuf]) -> Option<PathBuf> {
    const DEPTH_MAX: usize = 5;
    let mut found = Vec::new();
    for dir in dirs {
        let files = walk_sources(dir, Some(DEPTH_MAX)).map(DirEntry::into_path);
        let mut files: Vec<_> = files.filter(|file| is_code(file)).collect();
        files.sort();
        found.append(&mut files);
    }
    let lib = found.iter().find(|file| file.ends_with("src/lib.rs"));
    lib.or_else(|| found.first()).cloned()
}

fn is_code(file: &Path) -> bool {
    ["rs", "ts", "py", "c"].iter().any(|end| file.extension() == Some(end.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::PluginState;

    fn event(state: &str, effect: &str) -> EventView {
        serde_json::from_value(serde_json::json!({
            "source": "moncreneau", "id": "evt_1", "type": "appointment.created", "state": state,
            "created": "", "received_at": 0, "body_bytes": 0, "ordering_key": null, "conflicts": [],
            "deliveries": [{ "id": "1-1", "plugin": "desk", "state": state, "due_at": null, "attempts": [],
                "effects": [{ "key": "k.1", "kind": "event", "state": effect, "due_at": null,
                    "summary": "event desk.told", "request": null, "attempts": [] }] }],
        }))
        .unwrap()
    }

    fn result_of(state: &str, effect: &str) -> TourResult {
        let mut result = TourResult::default();
        result.add(&event(state, effect));
        result
    }

    #[test]
    fn names_deliveries_and_effects_that_are_not_done() {
        let well = result_of("done", "done");
        assert_eq!((well.did, well.effects), (BTreeSet::from(["desk".into()]), 1));
        assert_eq!(well.wrong, [""; 0]);
        let wrong = result_of("dead", "done");
        assert_eq!(wrong.wrong, ["appointment.created: plugin desk is dead"]);
        assert!(wrong.did.is_empty() && wrong.verdict().contains("plugin desk is dead"));
        let wrong = result_of("done", "dead").wrong;
        assert_eq!(wrong, ["appointment.created: plugin desk: effect event desk.told is dead"]);
    }

    #[test]
    fn an_event_is_open_until_its_effects_are_over_and_lists_what_they_emitted() {
        for (state, effect, open) in [
            ("running", "pending", true),
            ("done", "pending", true),
            ("done", "waiting", true),
            ("done", "done", false),
            ("done", "dead", false),
        ] {
            assert_eq!(is_open(&event(state, effect).deliveries[0]), open, "{state} {effect}");
        }
        assert_eq!(list_emitted(&event("done", "done")), [("plugin.desk".into(), "k.1".into())]);
        assert_eq!(list_emitted(&event("done", "dead")), []);
    }

    #[test]
    fn names_a_plugin_that_did_nothing() {
        let plugin = Plugin {
            name: "stats".into(),
            state: PluginState::Running,
            revision: None,
            size_bytes: 0,
            since: 0,
            handles: Vec::new(),
            imports: Vec::new(),
            refusal: None,
            breaker_until: None,
            switches: Vec::new(),
            origin: None,
            pinned: false,
            waiting: None,
            version: 0,
            paused_at: None,
        };
        let plugins = [plugin];
        assert_eq!(describe_idle_plugins(&plugins, &BTreeSet::new()).len(), 1);
        assert!(describe_idle_plugins(&plugins, &BTreeSet::from(["stats".into()])).is_empty());
        assert_eq!(describe_idle_plugins(&[], &BTreeSet::new()), ["no plugin is there"]);
        let of_others = |handles: &[&str]| {
            let handles = handles.iter().map(|&one| one.to_owned()).collect();
            let plugins = [Plugin { handles, ..plugins[0].clone() }];
            describe_idle_plugins(&plugins, &BTreeSet::new()).is_empty()
        };
        assert!(of_others(&["acme:events/order-paid@1.0.0"]));
        assert!(!of_others(&["acme:events/order-paid@1.0.0", "appointment.*"]));
        assert!(!of_others(&["moncreneau:events/appointment-created@1.0.0"]));
    }

    #[test]
    fn the_first_source_to_edit_is_a_lib() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b/build.rs", "b/src/lib.rs", "a/dist/src/lib.rs", "other/a/src/lib.rs"] {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let dirs = ["b", "a", "other"].map(|name| dir.path().join(name));
        assert_eq!(first_source(&dirs).unwrap(), dirs[0].join("src/lib.rs"));
    }
}
