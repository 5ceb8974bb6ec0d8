//! Switches, the matrix of plugins and event types, and releases of held deliveries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::formats::TypesText;
use crate::plugins::{MatrixRow, PluginMatrix};
use crate::switch::{HeldAction, HeldRelease, ReleaseState, Switch};

/// All plugins with their types of events.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Matrix {
    /// By name: those that are here, have a section in the config, or have a switch.
    pub plugins: Vec<MatrixPlugin>,
}

/// A plugin with its types of events.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MatrixPlugin {
    /// Its name.
    pub name: String,
    /// By name: types and families (`appointment.*`) that it handles, that its config allows, or that have a switch.
    pub types: Vec<MatrixType>,
}

/// A plugin and a type of events, or a family of them. Each value of a family is about all of it; a narrower entry is
/// about its own types.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct MatrixType {
    /// The type, `appointment.*`, or `*`.
    #[serde(rename = "type")]
    pub types: String,
    /// Sources of such events, of those that came in lately.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Whether the plugin has a handler for it.
    pub handles: bool,
    /// Whether the config allows it.
    pub config: bool,
    /// Whether its switch is on.
    pub switch: bool,
    /// Whether the plugin runs on new events of this type: all of these are true.
    pub effective: bool,
    /// The pattern of the switch that decides; null without one.
    pub switched_by: Option<String>,
    /// When it was changed, ms since the Unix epoch.
    pub changed_at: Option<u64>,
    /// Who changed it.
    pub changed_by: Option<String>,
    /// Why.
    pub note: Option<String>,
}

/// A switch of a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PluginSwitch {
    /// The type of events, `appointment.*`, or `*`.
    #[serde(rename = "type")]
    pub types: String,
    /// Whether the plugin handles them.
    pub on: bool,
    /// When it was changed, ms since the Unix epoch.
    pub changed_at: u64,
    /// Who changed it.
    pub changed_by: String,
    /// Why.
    pub note: Option<String>,
}

/// A plugin's switches. Types without one are on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SwitchList {
    /// By type.
    pub items: Vec<PluginSwitch>,
    /// The version of the plugin's switches, which is in the `ETag` too.
    pub version: i64,
}

/// Turns a plugin on or off for some types of events.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchRequest {
    /// A type of events, `appointment.*`, or `*`; all without it.
    #[serde(rename = "type", default = "all_types")]
    #[schema(value_type = TypesText)]
    pub types: String,
    /// Whether the plugin is to handle them.
    pub on: bool,
    /// When it is turned on: what becomes of the deliveries that it held.
    #[serde(default)]
    pub held: HeldChoice,
    /// Only say what would happen.
    #[serde(default)]
    pub dry_run: bool,
}

fn all_types() -> String {
    "*".into()
}

/// What becomes of held deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeldChoice {
    /// They run, each in its turn.
    #[default]
    Run,
    /// They are resolved as discarded dead letters, which can be replayed by their ids.
    Discard,
}

/// The result for a switch.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct SwitchOutcome {
    /// The plugin.
    pub plugin: String,
    /// The types of events.
    #[serde(rename = "type")]
    pub types: String,
    /// Whether the plugin handles them now; in a dry run, whether it would.
    pub on: bool,
    /// Whether the request changed something; false in a dry run.
    pub changed: bool,
    /// The version of the plugin's switches, which is in the `ETag` too.
    pub version: i64,
    /// Deliveries of these types that a switch held when this was asked.
    pub held: u64,
    /// Other open deliveries of these types, at most 10,000: they run whatever the switch says.
    pub open: u64,
    /// Whether the plugin is here.
    pub is_here: bool,
    /// Whether it handles some of these types.
    pub is_handled: bool,
    /// The release of the held deliveries, when it was turned on.
    pub release: Option<ReleaseProgress>,
}

/// The release of the deliveries that a switch held.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReleaseProgress {
    /// Its number.
    pub number: i64,
    /// The plugin.
    pub plugin: String,
    /// The types of events.
    #[serde(rename = "type")]
    pub types: String,
    /// What becomes of the deliveries.
    pub action: HeldChoice,
    /// `running`, `done`, or `stopped` by a later instruction.
    #[schema(value_type = String)]
    pub state: ReleaseState,
    /// When it began, ms since the Unix epoch.
    pub begun_at: u64,
    /// How many deliveries were held then.
    pub found: u64,
    /// How many were released so far.
    pub released: u64,
}

impl From<Vec<PluginMatrix>> for Matrix {
    fn from(plugins: Vec<PluginMatrix>) -> Self {
        Self { plugins: plugins.into_iter().map(Into::into).collect() }
    }
}

impl From<PluginMatrix> for MatrixPlugin {
    fn from(plugin: PluginMatrix) -> Self {
        let PluginMatrix { name, rows } = plugin;
        Self { name: name.to_string(), types: rows.into_iter().map(Into::into).collect() }
    }
}

impl From<MatrixRow> for MatrixType {
    fn from(row: MatrixRow) -> Self {
        let is_on = row.is_on();
        let MatrixRow { types, handles, config, effective, switch } = row;
        let switch = switch.map(PluginSwitch::from);
        Self {
            types,
            sources: Vec::new(),
            handles,
            config,
            switch: is_on,
            effective,
            switched_by: switch.as_ref().map(|switch| switch.types.clone()),
            changed_at: switch.as_ref().map(|switch| switch.changed_at),
            changed_by: switch.as_ref().map(|switch| switch.changed_by.clone()),
            note: switch.and_then(|switch| switch.note),
        }
    }
}

impl From<Switch> for PluginSwitch {
    fn from(switch: Switch) -> Self {
        let Switch { types, is_on, changed_at, changed_by, note, .. } = switch;
        Self { types: types.to_string(), on: is_on, changed_at, changed_by, note }
    }
}

impl From<HeldChoice> for HeldAction {
    fn from(choice: HeldChoice) -> Self {
        match choice {
            HeldChoice::Run => Self::Run,
            HeldChoice::Discard => Self::Discard,
        }
    }
}

impl From<HeldAction> for HeldChoice {
    fn from(action: HeldAction) -> Self {
        match action {
            HeldAction::Run => Self::Run,
            HeldAction::Discard => Self::Discard,
        }
    }
}

impl From<HeldRelease> for ReleaseProgress {
    fn from(release: HeldRelease) -> Self {
        let HeldRelease { number, plugin, types, action, state, begun_at, found, released, .. } = release;
        let (plugin, types) = (plugin.to_string(), types.to_string());
        Self { number, plugin, types, action: action.into(), state, begun_at, found, released }
    }
}
