//! The plugins that should run, and the steps from the actual state to the desired one. Pure.
//!
//! Today the directory alone gives the desired state (`directory.rs`).

use std::collections::BTreeMap;

use super::scan::{PluginFile, Stamp};
use crate::event::PluginName;

/// The plugins that should run; no other plugin should.
pub(super) type DesiredState = BTreeMap<PluginName, DesiredPlugin>;

/// The desired state of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DesiredPlugin {
    /// The revision in this file.
    File(PluginFile),
    /// The revision that runs. Its file is missing, perhaps for a moment only.
    Unchanged,
}

impl DesiredPlugin {
    /// Its file, if it is there.
    pub(super) fn file(&self) -> Option<&PluginFile> {
        match self {
            Self::File(file) => Some(file),
            Self::Unchanged => None,
        }
    }
}

/// A step towards the desired state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Load the plugin's file.
    Load(PluginName, PluginFile),
    /// Gives up a load of the plugin, and forgets its file: when it is back, it is read again even with the
    /// same stamp.
    Forget(PluginName),
    /// Run the plugin no more.
    Remove(PluginName),
}

/// The steps from the actual plugins to the desired ones. `actual` has the file of each plugin that was
/// loaded, or is being loaded; `None` if it is to be read again.
pub(super) fn steps(desired: &DesiredState, actual: &BTreeMap<&PluginName, Option<Stamp>>) -> Vec<Step> {
    let removed = actual.keys().filter(|name| !desired.contains_key(**name));
    let removed = removed.map(|name| Step::Remove((*name).clone()));
    let wanted = desired.iter().filter_map(|(name, plugin)| match plugin {
        DesiredPlugin::File(file) if actual.get(name).copied().flatten() == Some(file.stamp) => None,
        DesiredPlugin::File(file) => Some(Step::Load(name.clone(), file.clone())),
        DesiredPlugin::Unchanged if actual.contains_key(name) => Some(Step::Forget(name.clone())),
        DesiredPlugin::Unchanged => None,
    });
    removed.chain(wanted).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_what_differs_from_the_desired_state_is_a_step() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, name).unwrap();
            PluginFile { stamp: Stamp::of(&path).unwrap(), path }
        };
        let name = |name: &str| PluginName::new(name).unwrap();
        let (old, new) = (file("old"), file("new"));
        let want = |file: &PluginFile| DesiredPlugin::File(file.clone());
        let desired = DesiredState::from([
            (name("changed"), want(&new)),
            (name("first"), want(&new)),
            (name("missing"), DesiredPlugin::Unchanged),
            (name("never-seen"), DesiredPlugin::Unchanged),
            (name("refused-by-fault"), want(&new)),
            (name("same"), want(&new)),
        ]);
        let names = [("changed", Some(old.stamp)), ("gone", Some(old.stamp)), ("missing", Some(old.stamp))]
            .into_iter();
        let names = names.chain([("refused-by-fault", None), ("same", Some(new.stamp))]);
        let names: Vec<_> = names.map(|(plugin, stamp)| (name(plugin), stamp)).collect();
        let actual = names.iter().map(|(plugin, stamp)| (plugin, *stamp)).collect();
        let load = |plugin| Step::Load(name(plugin), new.clone());
        let expected = [
            Step::Remove(name("gone")),
            load("changed"),
            load("first"),
            Step::Forget(name("missing")),
            load("refused-by-fault"),
        ];
        assert_eq!(steps(&desired, &actual), expected);
    }
}
