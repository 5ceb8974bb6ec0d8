//! The difference between two revisions: their facts side by side.

use std::collections::BTreeSet;

use super::shell::Shell;
use super::ui::{TimeTag, bytes, revision_digits};
use super::words::PluginWords;
use crate::admin::api::{
    BuildTool, KeptRevision, PluginDetail, RevisionDifference, RevisionEntry, RevisionHistory,
    RevisionResult, WaitsFor,
};
use crate::revision::{is_capability, without_version};

/// See the module.
pub(super) struct Difference {
    pub(super) title: &'static str,
    pub(super) before: Option<Side>,
    pub(super) after: Side,
    pub(super) groups: Vec<Group>,
    /// What makes an approval necessary.
    pub(super) widens: Vec<String>,
    pub(super) is_same: bool,
    /// Who named the later one: how, by whom, when and why.
    pub(super) instruction: Option<Instruction>,
    /// The whole digest, if the reader may approve or reject it.
    pub(super) to_decide: Option<String>,
    /// The whole digest, if it can be pushed.
    pub(super) to_push: Option<String>,
}

/// One of the two.
pub(super) struct Side {
    pub(super) digits: String,
    pub(super) size: Option<String>,
}

pub(super) struct Instruction {
    pub(super) by: String,
    pub(super) at: TimeTag,
    pub(super) note: Option<String>,
}

/// Facts of one kind.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) facts: Vec<Fact>,
}

/// A fact of one of them, or of both.
pub(super) struct Fact {
    pub(super) text: String,
    pub(super) change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Same,
    Gained,
    Lost,
}

impl Fact {
    pub(super) fn is_before(&self) -> bool {
        self.change != Change::Gained
    }

    pub(super) fn is_after(&self) -> bool {
        self.change != Change::Lost
    }

    pub(super) fn class(&self) -> &'static str {
        match self.change {
            Change::Same => "same",
            Change::Gained => "gained",
            Change::Lost => "lost",
        }
    }
}

/// The difference between two revisions whose files are kept.
pub(super) fn of_kept(
    difference: RevisionDifference,
    history: &RevisionHistory,
    plugin: &PluginDetail,
    shell: &Shell,
    w: PluginWords,
) -> Option<Difference> {
    let to = difference.to.clone()?;
    let entry = history.items.iter().find(|entry| entry.digest == to);
    let instruction = entry.map(|entry| instruction(entry, shell, w));
    let after = facts_of(Some(&to), history);
    let waits = plugin.plugin.waiting.as_ref();
    let waits = waits.filter(|waiting| waiting.waits_for == WaitsFor::Approval && waiting.digest == to);
    let to_decide = waits.filter(|_| shell.may_administer()).map(|waiting| waiting.digest.clone());
    Some(Difference {
        instruction,
        to_decide,
        ..compare(w.difference(), to, difference, Some(history), after, shell, w)
    })
}

/// The difference that a pushed file would make.
pub(super) fn of_push(
    result: RevisionResult,
    history: Option<&RevisionHistory>,
    plugin: &PluginDetail,
    shell: &Shell,
    w: PluginWords,
) -> Difference {
    let digest = result.digest.unwrap_or_default();
    let mut difference = result.difference.unwrap_or_default();
    difference.from = difference.from.or_else(|| plugin.plugin.revision.clone());
    let to_push = Some(digest.clone());
    Difference { to_push, ..compare(w.difference_push(), digest, difference, history, None, shell, w) }
}

fn facts_of<'a>(digest: Option<&str>, history: &'a RevisionHistory) -> Option<&'a KeptRevision> {
    let mut of_digest = history.items.iter().filter(|entry| Some(entry.digest.as_str()) == digest);
    of_digest.find_map(|entry| entry.revision.as_ref())
}

fn compare(
    title: &'static str,
    to: String,
    difference: RevisionDifference,
    history: Option<&RevisionHistory>,
    after: Option<&KeptRevision>,
    shell: &Shell,
    w: PluginWords,
) -> Difference {
    let before = history.and_then(|history| facts_of(difference.from.as_deref(), history));
    let names = |texts: &[String]| texts.iter().map(|text| without_version(text).to_owned()).collect();
    let handlers = before.map(|before| names(&before.handles)).unwrap_or_default();
    let mut imports: Vec<String> = before.map(|before| names(&before.imports)).unwrap_or_default();
    imports.retain(|name| is_capability(name));
    let origins = before.map(|before| before.origins.clone()).unwrap_or_default();
    let mut groups = vec![
        group(w.handlers(), handlers, difference.handlers_gained, difference.handlers_lost),
        group(w.capabilities(), imports, difference.capabilities_gained, difference.capabilities_lost),
        group(w.origins(), origins, difference.origins_gained, difference.origins_lost),
    ];
    if let Some(after) = after {
        let tools = |tools: &[BuildTool]| tools.iter().map(describe).collect::<BTreeSet<_>>();
        let (before, after) =
            (before.map(|before| tools(&before.build)).unwrap_or_default(), tools(&after.build));
        let only =
            |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect();
        let (gained, lost) = (only(&after, &before), only(&before, &after));
        groups.push(group(w.built_with(), before.into_iter().collect(), gained, lost));
    }
    groups.retain(|group| !group.facts.is_empty());
    let size = |size: Option<u64>| size.map(|size| bytes(shell.language, size));
    let revision = |digest: &str, of| Side { digits: revision_digits(digest).to_owned(), size: size(of) };
    let size_before = difference.size_before.or_else(|| before.map(|before| before.size_bytes));
    Difference {
        title,
        before: difference.from.as_deref().map(|from| revision(from, size_before)),
        after: revision(&to, difference.size_after),
        is_same: groups.iter().flat_map(|group| &group.facts).all(|fact| fact.change == Change::Same),
        groups,
        widens: difference.widens,
        instruction: None,
        to_decide: None,
        to_push: None,
    }
}

/// The facts of both revisions, in order.
fn group(name: &'static str, before: Vec<String>, gained: Vec<String>, lost: Vec<String>) -> Group {
    let fact = |change| move |text| Fact { text, change };
    let same = before.into_iter().filter(|text| !lost.contains(text)).collect::<BTreeSet<_>>();
    let mut facts: Vec<_> = same.into_iter().map(fact(Change::Same)).collect();
    facts.extend(gained.into_iter().map(fact(Change::Gained)));
    facts.extend(lost.iter().cloned().map(fact(Change::Lost)));
    facts.sort_by(|a, b| a.text.cmp(&b.text));
    Group { name, facts }
}

fn describe(tool: &BuildTool) -> String {
    format!("{} {}", tool.name, tool.version).trim_end().to_owned()
}

fn instruction(entry: &RevisionEntry, shell: &Shell, w: PluginWords) -> Instruction {
    let origin = match entry.origin.as_str() {
        "push" => w.by_push(),
        "rollback" => w.by_rollback(),
        _ => w.by_file(),
    };
    Instruction {
        by: w.instructed(origin, &entry.by),
        at: TimeTag { at: entry.at, now: shell.now, language: shell.language },
        note: entry.note.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_both_and_of_one_stand_in_one_order() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let group = group("x", texts(&["c", "a"]), texts(&["b"]), texts(&["c"]));
        let facts: Vec<_> = group.facts.iter().map(|fact| (fact.text.as_str(), fact.class())).collect();
        assert_eq!(facts, [("a", "same"), ("b", "gained"), ("c", "lost")]);
        assert!(group.facts[1].is_after() && !group.facts[1].is_before());
    }
}
