//! `hookyard plugin matrix`: plugins and types of events.

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::out;
use super::settings::Settings;
use super::table::{TextTable, format_table};
use crate::admin::api::{Matrix as MatrixOfHost, MatrixPlugin, MatrixType};

const EXAMPLE: &str = "\
Examples:
  hookyard plugin matrix
  hookyard plugin matrix --watch
  hookyard plugin matrix --json

HANDLES: the plugin has a handler. CONFIG: `events` of its section allows it. SWITCH: `plugin enable` and
`plugin disable`. EFFECTIVE: all three, so new events of this type are handled. A row of a family of types, such
as appointment.*, is about all of the family; a row of one type is about that type.";

/// Show which plugin handles which type of events: by its handlers, the config and the switches
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Matrix {
    #[command(flatten)]
    options: ListOptions,
}

impl Matrix {
    /// Prints the matrix.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let fetch = async |client: &Client| client.get(&["plugins", "matrix"], &()).await;
        let print = |matrix: &MatrixOfHost| {
            if matrix.plugins.iter().all(|plugin| plugin.types.is_empty()) {
                return out::print("no plugins, and no switches");
            }
            out::print_table(&table(&matrix.plugins))
        };
        self.options.show(&settings, fetch, print).await
    }
}

fn table(plugins: &[MatrixPlugin]) -> TextTable {
    let rows = plugins.iter().flat_map(|plugin| plugin.types.iter().map(|row| cells(&plugin.name, row)));
    let rows: Vec<_> = rows.collect();
    format_table(["PLUGIN", "TYPE", "HANDLES", "CONFIG", "SWITCH", "EFFECTIVE", "SINCE", "BY", "NOTE"], &rows)
}

fn cells(plugin: &str, row: &MatrixType) -> [String; 9] {
    let yes_or_no = |value: bool| if value { "yes" } else { "no" }.to_owned();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let switch = match (row.switch, &row.switched_by) {
        (true, _) => "on".into(),
        (false, Some(types)) if *types != row.types => format!("off ({types})"),
        (false, _) => "off".into(),
    };
    [
        plugin.to_owned(),
        row.types.clone(),
        yes_or_no(row.handles),
        yes_or_no(row.config),
        switch,
        yes_or_no(row.effective),
        or_dash(row.changed_at.map(out::format_time)),
        or_dash(row.changed_by.clone()),
        or_dash(row.note.as_deref().map(out::first_line)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_a_wider_family_is_named() {
        let row = |types: &str, switch, switched_by: Option<&str>| MatrixType {
            sources: Vec::new(),
            types: types.into(),
            handles: true,
            config: true,
            switch,
            effective: switch,
            switched_by: switched_by.map(Into::into),
            changed_at: switched_by.map(|_| 0),
            changed_by: None,
            note: None,
        };
        for (row, expected) in [
            (row("a.b", true, None), "on"),
            (row("a.b", true, Some("*")), "on"),
            (row("a.b", false, Some("a.b")), "off"),
            (row("a.b", false, Some("*")), "off (*)"),
        ] {
            assert_eq!(cells("desk", &row)[4], expected);
        }
    }
}
