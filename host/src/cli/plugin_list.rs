//! `hookyard plugin list`: each plugin's handlers and running revision.

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::settings::Settings;
use super::table::{TextTable, format_table};
use super::{out, plugin_revisions, visible};
use crate::admin::api::{Plugin, PluginList, PluginSwitch};

const EXAMPLE: &str = "\
Examples:
  hookyard plugin list
  hookyard plugin list --watch
  hookyard plugin list --json";

/// List plugins: what they handle, which revision runs, why a file was refused, which are paused
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct List {
    #[command(flatten)]
    options: ListOptions,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let fetch = async |client: &Client| client.get(&["plugins"], &()).await;
        let dir = settings.config().plugins.dir.display().to_string();
        let print = |page: &PluginList| match page.items.as_slice() {
            [] => out::print(&format!("no plugins; a NAME.wasm in {dir} is taken at once")),
            plugins => print(plugins),
        };
        self.options.show(&settings, fetch, print).await
    }
}

fn print(plugins: &[Plugin]) -> Result<(), Failure> {
    out::print_table(&table(plugins))?;
    for plugin in plugins {
        if let Some(refusal) = &plugin.refusal {
            let stays = plugin.revision.as_deref().map(out::shorten_digest);
            let stays = stays.map(|stays| format!("; revision {stays} stays")).unwrap_or_default();
            out::print(&format!("\n{}{stays}", visible::escape_continued(refusal, "  ! ")))?;
        }
        if let Some(waiting) = &plugin.waiting {
            let waits = plugin_revisions::describe_waiting(&plugin.name, &waiting.digest, waiting.waits_for);
            out::print(&format!("\n{waits}"))?;
        }
        if let Some(until) = plugin.breaker_until {
            out::print(&format!("\n{}", describe_pause(&plugin.name, until)))?;
        }
    }
    Ok(())
}

/// A handler without its package: `appointment-created` of `moncreneau:events/appointment-created@1.0.0`.
fn handler_name(handler: &str) -> &str {
    let Some((_, interface)) = handler.split_once('/') else { return handler };
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

fn describe_pause(plugin: &str, until: u64) -> String {
    format!(
        "plugin {plugin} is paused until {}: nearly all of its latest deliveries failed (breaker_failures_percent); \
        they wait, and are then tried one at a time until one is done",
        out::format_time(until)
    )
}

fn format_state(plugin: &Plugin) -> String {
    let paused = match plugin {
        Plugin { paused_at: Some(_), .. } => ", paused",
        Plugin { breaker_until: Some(_), .. } => ", paused by its breaker",
        _ => "",
    };
    let pinned = if plugin.pinned { ", pinned" } else { "" };
    format!("{}{paused}{pinned}{}", plugin.state, format_switches(&plugin.switches))
}

/// `, switched off except a.b`, or `, switched off for a.b`.
fn format_switches(switches: &[PluginSwitch]) -> String {
    let types = |on: bool| {
        let wanted = switches.iter().filter(|switch| switch.on == on && switch.types != "*");
        wanted.map(|switch| switch.types.as_str()).collect::<Vec<_>>().join(" ")
    };
    let is_off = switches.iter().any(|switch| !switch.on && switch.types == "*");
    match (is_off, types(true), types(false)) {
        (true, on, _) if on.is_empty() => ", switched off".into(),
        (true, on, _) => format!(", switched off except {on}"),
        (false, _, off) if off.is_empty() => String::new(),
        (false, _, off) => format!(", switched off for {off}"),
    }
}

fn table(plugins: &[Plugin]) -> TextTable {
    let rows: Vec<_> = plugins
        .iter()
        .map(|plugin| {
            let revision = plugin.revision.as_deref().map_or("-", out::shorten_digest);
            let since = if plugin.since == 0 { "-".into() } else { out::format_time(plugin.since) };
            [
                plugin.name.clone(),
                format_state(plugin),
                revision.to_owned(),
                plugin.origin.clone().unwrap_or_else(|| "-".into()),
                out::format_size(plugin.size_bytes),
                since,
                plugin.handles.iter().map(|handler| handler_name(handler)).collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    format_table(["PLUGIN", "STATE", "REVISION", "FROM", "SIZE", "SINCE", "HANDLES"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::PluginState;

    #[test]
    fn a_plugin_is_a_row_with_its_state_and_pause() {
        let plugin = Plugin {
            name: "desk".into(),
            state: PluginState::Refused,
            revision: None,
            size_bytes: 1536,
            since: 0,
            handles: vec!["moncreneau:events/appointment-created@1.0.0".into(), "appointment.*".into()],
            imports: Vec::new(),
            refusal: Some("not WebAssembly".into()),
            paused_at: Some(7),
            breaker_until: Some(8),
            switches: Vec::new(),
            origin: Some("push".into()),
            pinned: false,
            waiting: None,
            version: 1,
        };
        let text = table(std::slice::from_ref(&plugin)).to_string();
        let row = text.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(
            row,
            [
                "desk",
                "refused,",
                "paused",
                "-",
                "push",
                "1.5",
                "KiB",
                "-",
                "appointment-created,",
                "appointment.*"
            ]
        );
        assert_eq!(format_state(&Plugin { paused_at: None, ..plugin }), "refused, paused by its breaker");
    }

    #[test]
    fn switched_off_types_are_named() {
        let switch = |types: &str, on| PluginSwitch {
            types: types.into(),
            on,
            changed_at: 0,
            changed_by: "ops".into(),
            note: None,
        };
        for (switches, expected) in [
            (vec![], ""),
            (vec![switch("a.b", true)], ""),
            (vec![switch("a.b", false), switch("c.*", false)], ", switched off for a.b c.*"),
            (vec![switch("*", false)], ", switched off"),
            (vec![switch("*", false), switch("a.b", true)], ", switched off except a.b"),
        ] {
            assert_eq!(format_switches(&switches), expected);
        }
    }

    #[test]
    fn a_printed_list_has_every_key_of_the_api() {
        let json = serde_json::json!({ "items": [{
            "name": "desk", "state": "refused", "revision": null, "size_bytes": 1536, "since": 0, "handles": [],
            "imports": [], "refusal": "not WebAssembly", "paused_at": 7, "breaker_until": 8,
            "switches": [{ "type": "*", "on": false, "changed_at": 9, "changed_by": "ops", "note": null }],
            "origin": "push", "pinned": true, "waiting": { "digest": "00", "waits_for": "unpin" }, "version": 3,
        }], "next_cursor": null });
        let page: PluginList = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&page).unwrap(), json);
    }
}
