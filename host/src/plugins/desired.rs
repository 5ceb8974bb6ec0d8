//! The plugins that should run, and the steps from the actual state to the desired one. Pure.
//!
//! The directory (`directory.rs`) and the stored instructions give the desired state. Whether a file is an
//! instruction is known once it is read (`load.rs`).

use std::collections::BTreeMap;

use super::scan::{PluginFile, Stamp};
use crate::event::{Digest, PluginName};
use crate::revision::RevisionChoice;

/// The plugins that should run; no other plugin should.
pub(super) type DesiredState = BTreeMap<PluginName, DesiredPlugin>;

/// The desired state of one plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DesiredPlugin {
    /// The revision that this gives.
    Target(Target),
    /// The revision that runs. Its file is missing, perhaps for a moment only.
    Unchanged,
}

/// What gives a plugin's revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// This file, if it has changed; otherwise the revision in force.
    File(PluginFile),
    /// The stored revision in force of a plugin without a file.
    Stored(Digest),
}

/// A [`Target`] that was loaded, or is being loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadSource {
    File(Stamp),
    Stored(Digest),
}

impl Target {
    pub(super) fn source(&self) -> LoadSource {
        match self {
            Self::File(file) => LoadSource::File(file.stamp),
            Self::Stored(digest) => LoadSource::Stored(*digest),
        }
    }

    /// The size of the file, if there is one.
    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::File(file) => file.stamp.size_bytes(),
            Self::Stored(_) => 0,
        }
    }
}

impl DesiredPlugin {
    /// What gives its revision, unless the one that runs stays.
    pub(super) fn target(&self) -> Option<&Target> {
        match self {
            Self::Target(target) => Some(target),
            Self::Unchanged => None,
        }
    }
}

/// Adds the plugins that run without a file.
pub(super) fn add_stored(desired: &mut DesiredState, choices: &[(PluginName, RevisionChoice)]) {
    for (name, choice) in choices {
        if let Some(of) = choice.in_force() {
            let stored = DesiredPlugin::Target(Target::Stored(of.digest));
            desired.entry(name.clone()).or_insert(stored);
        }
    }
}

/// Runs the revisions in force of plugins whose changed files may have to wait, or were refused: the files are read after that. Returns
/// whether there are such plugins.
pub(super) fn delay_files(
    desired: &mut DesiredState,
    choices: &[(PluginName, RevisionChoice)],
    needs_approvals: bool,
) -> bool {
    let mut is_delayed = false;
    let may_wait = |choice: &RevisionChoice| {
        needs_approvals || choice.is_pinned() || choice.file().is_some_and(|file| file.is_refused)
    };
    for (name, choice) in choices.iter().filter(|(_, choice)| may_wait(choice)) {
        if let (Some(of), Some(plugin)) = (choice.in_force(), desired.get_mut(name)) {
            *plugin = DesiredPlugin::Target(Target::Stored(of.digest));
            is_delayed = true;
        }
    }
    is_delayed
}

/// A step towards the desired state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Load the plugin's revision.
    Load(PluginName, Target),
    /// Gives up a load of the plugin, and forgets its file: when it is back, it is read again even with the
    /// same stamp.
    Forget(PluginName),
    /// Run the plugin no more.
    Remove(PluginName),
}

/// The steps from the actual plugins to the desired ones. `actual` has the source of each plugin that was
/// loaded, or is being loaded; `None` if it is to be read again.
pub(super) fn steps(desired: &DesiredState, actual: &BTreeMap<&PluginName, Option<LoadSource>>) -> Vec<Step> {
    let removed = actual.keys().filter(|name| !desired.contains_key(**name));
    let removed = removed.map(|name| Step::Remove((*name).clone()));
    let wanted = desired.iter().filter_map(|(name, plugin)| match plugin {
        DesiredPlugin::Target(target) if actual.get(name).copied().flatten() == Some(target.source()) => None,
        DesiredPlugin::Target(target) => Some(Step::Load(name.clone(), target.clone())),
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
        let want = |file: &PluginFile| DesiredPlugin::Target(Target::File(file.clone()));
        let stored = |number| Target::Stored(Digest([number; 32]));
        let desired = [
            ("changed", want(&new)),
            ("first", want(&new)),
            ("missing", DesiredPlugin::Unchanged),
            ("never-seen", DesiredPlugin::Unchanged),
            ("pushed", DesiredPlugin::Target(stored(1))),
            ("pushed-again", DesiredPlugin::Target(stored(2))),
            ("refused-by-fault", want(&new)),
            ("same", want(&new)),
            ("without-file", DesiredPlugin::Target(stored(1))),
        ];
        let desired: DesiredState =
            desired.into_iter().map(|(plugin, wanted)| (name(plugin), wanted)).collect();
        let of = |file: &PluginFile| Some(LoadSource::File(file.stamp));
        let names = [
            ("changed", of(&old)),
            ("gone", of(&old)),
            ("missing", of(&old)),
            ("pushed", Some(stored(1).source())),
            ("pushed-again", Some(stored(1).source())),
            ("refused-by-fault", None),
            ("same", of(&new)),
            ("without-file", of(&old)),
        ];
        let names: Vec<_> = names.into_iter().map(|(plugin, source)| (name(plugin), source)).collect();
        let actual = names.iter().map(|(plugin, source)| (plugin, *source)).collect();
        let load = |plugin| Step::Load(name(plugin), Target::File(new.clone()));
        let expected = [
            Step::Remove(name("gone")),
            load("changed"),
            load("first"),
            Step::Forget(name("missing")),
            Step::Load(name("pushed-again"), stored(2)),
            load("refused-by-fault"),
            Step::Load(name("without-file"), stored(1)),
        ];
        assert_eq!(steps(&desired, &actual), expected);
    }

    #[test]
    fn plugins_without_a_file_run_and_changed_files_that_may_wait_are_delayed() {
        let name = |name: &str| PluginName::new(name).unwrap();
        let choice = |pinned: bool| {
            let mut choice = RevisionChoice::default();
            choice.push(Digest([1; 32]), false);
            if pinned {
                choice.pin(None).unwrap();
            }
            choice
        };
        let mut waits = RevisionChoice::default();
        waits.push(Digest([1; 32]), true);
        let choices = [(name("a"), choice(false)), (name("b"), choice(true)), (name("c"), waits)];
        let stored = DesiredPlugin::Target(Target::Stored(Digest([1; 32])));
        let mut desired = DesiredState::from([(name("a"), DesiredPlugin::Unchanged)]);
        add_stored(&mut desired, &choices);
        let expected = [(name("a"), DesiredPlugin::Unchanged), (name("b"), stored.clone())];
        assert_eq!(desired, DesiredState::from(expected));
        for (needs_approvals, a) in [(false, DesiredPlugin::Unchanged), (true, stored.clone())] {
            let unchanged = |plugin| (name(plugin), DesiredPlugin::Unchanged);
            let mut desired = DesiredState::from(["a", "b", "c", "d"].map(unchanged));
            assert!(delay_files(&mut desired, &choices, needs_approvals));
            let expected = [(name("a"), a), (name("b"), stored.clone()), unchanged("c"), unchanged("d")];
            assert_eq!(desired, DesiredState::from(expected));
        }
    }
}
