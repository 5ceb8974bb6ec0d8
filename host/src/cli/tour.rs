//! `dev --play-samples`: sends the sample events as the provider would, and shows what each plugin
//! did with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::client::Client;
use super::failure::Failure;
use super::samples::{SAMPLES, Sample, fresh_id};
use super::send::{Answer, Sender, webhook_url};
use super::settings::Settings;
use super::{event_send, out, plugin_list, show};
use crate::Host;
use crate::db::EventView;
use crate::delivery::State;

/// Time for the plugins to be loaded: a first start compiles them.
const READY_TIMEOUT: Duration = Duration::from_mins(2);
/// Time for an event's deliveries to be done.
const EVENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often to look.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Plays the samples and shows what became of them.
///
/// # Errors
/// When a sample was not taken, a delivery of it is not done, or a running plugin did nothing.
pub(super) async fn play(settings: &Settings, host: &Host) -> Result<(), Failure> {
    let client = settings.client_of(host)?;
    ready(&client).await?;
    let (source, sender) = sender(settings, host)?;
    out::line(&format!("\nPlaying {} sample events, signed as `{source}`:", SAMPLES.len()))?;
    let mut wrong = Vec::new();
    let mut did = BTreeSet::new();
    for sample in SAMPLES {
        let answer = send(&sender, sample).await?;
        out::line(&format!("\n{}  {}", sample.event_type, event_send::one(&answer)))?;
        let Some(id) = answer.event.as_deref().filter(|_| answer.is_taken()) else {
            wrong.push(format!("{} was not taken", sample.event_type));
            continue;
        };
        let event = finished(&client, &source, id).await?;
        for delivery in &event.deliveries {
            let text = show::delivery(delivery);
            out::line(&format!("  {}", text.trim_end().replace('\n', "\n  ")))?;
        }
        did.extend(done(&event).map(str::to_owned));
        wrong.extend(undone(&event));
    }
    let page: plugin_list::Page = client.get(&["plugins"], &()).await?;
    wrong.extend(idle(&page.items, &did));
    out::line(&format!("\n{}", verdict(&wrong, did.len() as u64)))?;
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Shown) }
}

/// Says how to go on: send an event by hand, and change a plugin.
pub(super) fn invite(settings: &Settings, host: &Host, watched: &[PathBuf]) -> Result<(), Failure> {
    let (source, sender) = sender(settings, host)?;
    let sample = SAMPLES[0];
    let curl = sender.curl(sample.event_type, &sample.body(&fresh_id())?);
    let url = webhook_url(None, host.webhook_addr(), &source);
    let pages = super::banner::http(host.admin_addr());
    let swap = match first_source(watched) {
        Some(file) => format!("edit {}, save, and send another", file.display()),
        None => format!(
            "put another NAME.wasm into {}, or replace one, and send another",
            settings.config().plugins.dir.display()
        ),
    };
    let again = settings.command(&format!("event send {}", sample.event_type));
    out::line(&format!(
        "\nhookyard goes on serving. Ctrl-C stops it.\n\n  webhooks   {url}\n  pages      {pages}/\n  \
         admin API  {pages}/api/v1\n\nSend a fresh event, already signed:\n\n{curl}\n\n\
         See a hot swap: {swap}:\n\n  {again}\n"
    ))
}

fn sender(settings: &Settings, host: &Host) -> Result<(String, Sender), Failure> {
    let source = settings.sending_source(None)?;
    let signer = settings.signer(&source, None)?;
    let url = webhook_url(None, host.webhook_addr(), &source);
    Ok((source, Sender::new(url, signer)?))
}

async fn send(sender: &Sender, sample: Sample) -> Result<Answer, Failure> {
    let id = fresh_id();
    let body = sample.body(&id)?;
    sender.send(Some(id), Some(sample.event_type), body).await
}

async fn ready(client: &Client) -> Result<(), Failure> {
    let started = Instant::now();
    while !client.is_ready().await {
        if started.elapsed() > READY_TIMEOUT {
            return Err(Failure::Failed(format!(
                "the host is not ready after {} s; {}/readyz says why",
                READY_TIMEOUT.as_secs(),
                client.base()
            )));
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

/// Waits until nothing more is to be done for the event, or for its deadline.
async fn finished(client: &Client, source: &str, id: &str) -> Result<EventView, Failure> {
    let started = Instant::now();
    loop {
        let event: EventView = client.get(&["events", source, id], &()).await?;
        let open = event
            .deliveries
            .iter()
            .any(|delivery| !matches!(delivery.state, State::Done | State::Dead | State::Held));
        if !open || started.elapsed() > EVENT_TIMEOUT {
            return Ok(event);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn done(event: &EventView) -> impl Iterator<Item = &str> {
    let done = event.deliveries.iter().filter(|delivery| delivery.state == State::Done);
    done.map(|delivery| delivery.plugin.as_str())
}

fn undone(event: &EventView) -> impl Iterator<Item = String> {
    let undone = event.deliveries.iter().filter(|delivery| delivery.state != State::Done);
    undone.map(|delivery| {
        let state = show::state(delivery.state);
        format!("{}: plugin {} is {state}", event.event_type, delivery.plugin)
    })
}

fn idle(plugins: &[plugin_list::Plugin], did: &BTreeSet<String>) -> Vec<String> {
    if plugins.is_empty() {
        return vec!["no plugin is there".into()];
    }
    let idle = plugins.iter().filter(|plugin| !did.contains(&plugin.name));
    idle.map(|plugin| match &plugin.refusal {
        Some(refusal) => out::plain(refusal),
        None => format!("plugin {} handled none of the samples", plugin.name),
    })
    .collect()
}

fn verdict(wrong: &[String], plugins: u64) -> String {
    if wrong.is_empty() {
        let plugins = out::count(plugins, "plugin", "plugins");
        return format!("All {} events were taken; {plugins} did all their parts.", SAMPLES.len());
    }
    format!("Not all went well:\n  {}", wrong.join("\n  "))
}

/// A file worth editing: the first `lib.rs`, or else the first file, by path.
fn first_source(dirs: &[PathBuf]) -> Option<PathBuf> {
    const DEPTH_MAX: u32 = 4;
    let mut found = Vec::new();
    for dir in dirs {
        collect(dir, DEPTH_MAX, &mut found);
    }
    found.sort();
    let lib = found.iter().find(|file| file.ends_with("src/lib.rs"));
    lib.or_else(|| found.first()).cloned()
}

fn collect(dir: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.') || name == "target";
        if hidden {
            continue;
        }
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(state: &str) -> EventView {
        serde_json::from_value(serde_json::json!({
            "source": "moncreneau", "id": "evt_1", "type": "appointment.created", "state": state,
            "created": "", "received_at": 0, "body_bytes": 0, "ordering_key": null, "conflicts": [],
            "deliveries": [{ "id": "1-1", "plugin": "desk", "state": state, "due_at": null, "attempts": [] }],
        }))
        .unwrap()
    }

    #[test]
    fn a_delivery_that_is_not_done_is_named() {
        assert_eq!(undone(&event("done")).count(), 0);
        assert_eq!(done(&event("done")).collect::<Vec<_>>(), ["desk"]);
        let wrong: Vec<_> = undone(&event("dead")).collect();
        assert_eq!(wrong, ["appointment.created: plugin desk is dead"]);
        assert!(verdict(&wrong, 0).contains("plugin desk is dead"));
    }

    #[test]
    fn a_plugin_that_did_nothing_is_named() {
        let plugin = plugin_list::Plugin {
            name: "stats".into(),
            state: "running".into(),
            revision: None,
            size_bytes: 0,
            since: 0,
            handles: Vec::new(),
            imports: Vec::new(),
            refusal: None,
        };
        let plugins = [plugin];
        assert_eq!(idle(&plugins, &BTreeSet::new()).len(), 1);
        assert!(idle(&plugins, &BTreeSet::from(["stats".into()])).is_empty());
        assert_eq!(idle(&[], &BTreeSet::new()), ["no plugin is there"]);
    }

    #[test]
    fn a_lib_is_the_first_to_edit() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a/build.rs", "b/src/lib.rs", "target/src/lib.rs"] {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let first = first_source(&[dir.path().to_owned()]).unwrap();
        assert_eq!(first, dir.path().join("b/src/lib.rs"));
    }
}
