//! Switches: whether a plugin handles events of some types now. The operator's config says what it may handle. No IO.
//!
//! A switch is an operator's latest instruction for a type or a pattern of types. A later instruction replaces those
//! that it covers. So of the switches that match a type, the one with the narrowest pattern is the latest.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryId;
use crate::event::{EventPattern, PluginName};

/// The longest pattern of event types, in characters.
pub const TYPES_MAX_CHARS: usize = 256;
/// The form of a [`TypePattern`], as a regular expression.
pub const TYPES_PATTERN: &str = r"^(\*|[^*\x00-\x1f\x7f-\x9f]+|[^*\x00-\x1f\x7f-\x9f]*\.\*)$";

/// A type of events, a family of types (`appointment.*`), or all (`*`), as an operator writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern {
    text: String,
    pattern: EventPattern,
}

/// A text that is no pattern of event types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTypePattern {
    /// A wildcard in the middle of the text.
    #[error(
        "`{0}` is not a type of events: a `*` stands alone or at the end after a dot, as in `appointment.*`"
    )]
    Wildcard(String),
    /// An empty text, one that is too long, or one with control characters.
    #[error("a type of events has 1 to {TYPES_MAX_CHARS} characters and no control characters")]
    Text,
}

impl TypePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadTypePattern`].
    pub fn new(text: &str) -> Result<Self, BadTypePattern> {
        if text.is_empty() || text.chars().count() > TYPES_MAX_CHARS || text.chars().any(char::is_control) {
            return Err(BadTypePattern::Text);
        }
        match EventPattern::new(text) {
            EventPattern::Exact(exact) if exact.contains('*') => Err(BadTypePattern::Wildcard(exact)),
            EventPattern::Prefix(prefix) if prefix.contains('*') => {
                Err(BadTypePattern::Wildcard(text.into()))
            }
            pattern => Ok(Self { text: text.into(), pattern }),
        }
    }

    /// The pattern that matches all types.
    #[must_use]
    pub fn all() -> Self {
        Self { text: "*".into(), pattern: EventPattern::Prefix(String::new()) }
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern.
    #[must_use]
    pub fn pattern(&self) -> &EventPattern {
        &self.pattern
    }

    /// Whether it is one type and no family.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.pattern, EventPattern::Exact(_))
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A plugin's switch for some types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The plugin.
    pub plugin: PluginName,
    /// The types.
    pub types: TypePattern,
    /// Whether the plugin handles events of these types. If not, new deliveries are held.
    pub is_on: bool,
    /// The number of the instruction: a later one has a higher one.
    pub number: i64,
    /// The time of the instruction, ms since the Unix epoch.
    pub changed_at: u64,
    /// Who gave it.
    pub changed_by: String,
    /// The reason, if one was given.
    pub note: Option<String>,
}

/// What becomes of the deliveries that a switch holds when it is turned on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldAction {
    /// They run, each in its turn.
    #[default]
    Run,
    /// They are resolved as discarded dead letters.
    Discard,
}

impl HeldAction {
    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Discard => "discard",
        }
    }
}

/// The release of the deliveries that a switch held, after it was turned on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRelease {
    /// The number of the instruction that began it.
    pub number: i64,
    /// The plugin.
    pub plugin: PluginName,
    /// The types of events.
    pub types: TypePattern,
    /// What becomes of the deliveries.
    pub action: HeldAction,
    /// Its state.
    pub state: ReleaseState,
    /// The time of the instruction, ms since the Unix epoch.
    pub begun_at: u64,
    /// The number of held deliveries at that time.
    pub found: u64,
    /// The number of released deliveries.
    pub released: u64,
    /// The last delivery that was looked at.
    pub after: DeliveryId,
}

/// The state of a release of held deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseState {
    /// It is in progress, also after a restart.
    Running,
    /// No delivery is left.
    Done,
    /// A later instruction replaced its own.
    Stopped,
}

/// All switches. Types without a switch are on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches {
    by_plugin: HashMap<PluginName, PluginSwitches>,
}

/// A plugin's switches, by type and by family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct PluginSwitches {
    exact: HashMap<String, Switch>,
    /// The longest prefix first.
    prefixes: Vec<(String, Switch)>,
}

impl PluginSwitches {
    fn all(&self) -> impl Iterator<Item = &Switch> {
        self.exact.values().chain(self.prefixes.iter().map(|(_, switch)| switch))
    }
}

impl Switches {
    /// Whether a plugin handles events of a type.
    #[must_use]
    pub fn is_on(&self, plugin: &PluginName, event_type: &str) -> bool {
        self.governing(plugin, event_type).is_none_or(|switch| switch.is_on)
    }

    /// The switch that decides about a type; `None`: it is on.
    #[must_use]
    pub fn governing(&self, plugin: &PluginName, event_type: &str) -> Option<&Switch> {
        // Most hosts have none.
        if self.by_plugin.is_empty() {
            return None;
        }
        let own = self.by_plugin.get(plugin)?;
        let family = || own.prefixes.iter().find(|(prefix, _)| event_type.starts_with(prefix.as_str()));
        own.exact.get(event_type).or_else(|| family().map(|(_, switch)| switch))
    }

    /// The switch that decides about all types of a pattern, as far as no other one has a narrower pattern.
    #[must_use]
    pub fn governing_pattern(&self, plugin: &PluginName, types: &EventPattern) -> Option<&Switch> {
        let own = self.by_plugin.get(plugin)?;
        match types {
            EventPattern::Exact(exact) => self.governing(plugin, exact),
            EventPattern::Prefix(wanted) => {
                let found = own.prefixes.iter().find(|(prefix, _)| wanted.starts_with(prefix.as_str()));
                found.map(|(_, switch)| switch)
            }
        }
    }

    /// Whether a plugin has any switch.
    #[must_use]
    pub fn has(&self, plugin: &PluginName) -> bool {
        self.by_plugin.contains_key(plugin)
    }

    /// Sets a switch. Returns the numbers of those that it replaces: all with a pattern that it covers.
    pub fn set(&mut self, switch: Switch) -> Vec<i64> {
        let own = self.by_plugin.entry(switch.plugin.clone()).or_default();
        let mut replaced = Vec::new();
        let mut keeps = |other: &Switch| {
            let is_covered = switch.types.pattern.covers(&other.types.pattern);
            if is_covered {
                replaced.push(other.number);
            }
            !is_covered
        };
        own.exact.retain(|_, other| keeps(other));
        own.prefixes.retain(|(_, other)| keeps(other));
        match switch.types.pattern.clone() {
            EventPattern::Exact(exact) => {
                own.exact.insert(exact, switch);
            }
            EventPattern::Prefix(prefix) => {
                own.prefixes.push((prefix, switch));
                own.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
            }
        }
        replaced
    }

    /// All switches, by plugin and pattern.
    #[must_use]
    pub fn all(&self) -> Vec<&Switch> {
        let mut all: Vec<&Switch> = self.by_plugin.values().flat_map(PluginSwitches::all).collect();
        all.sort_by(|a, b| (&a.plugin, a.types.as_str()).cmp(&(&b.plugin, b.types.as_str())));
        all
    }

    /// The switches of a plugin, by pattern.
    #[must_use]
    pub fn of(&self, plugin: &PluginName) -> Vec<&Switch> {
        let mut own: Vec<_> = self.by_plugin.get(plugin).into_iter().flat_map(PluginSwitches::all).collect();
        own.sort_by(|a, b| a.types.as_str().cmp(b.types.as_str()));
        own
    }

    /// The number of a plugin's latest instruction, 0 without one: it changes with each.
    #[must_use]
    pub fn version(&self, plugin: &PluginName) -> i64 {
        self.of(plugin).iter().map(|switch| switch.number).max().unwrap_or(0)
    }

    /// The number of the latest instruction of all; 0 without one.
    #[must_use]
    pub fn newest(&self) -> i64 {
        self.by_plugin.keys().map(|plugin| self.version(plugin)).max().unwrap_or(0)
    }
}

impl FromIterator<Switch> for Switches {
    fn from_iter<I: IntoIterator<Item = Switch>>(switches: I) -> Self {
        let mut sorted: Vec<_> = switches.into_iter().collect();
        sorted.sort_by_key(|switch| switch.number);
        let mut all = Self::default();
        for switch in sorted {
            all.set(switch);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn switch(number: i64, types: &str, is_on: bool) -> Switch {
        Switch {
            plugin: PluginName::new("desk").unwrap(),
            types: TypePattern::new(types).unwrap(),
            is_on,
            number,
            changed_at: 0,
            changed_by: "test".into(),
            note: None,
        }
    }

    #[test]
    fn a_pattern_is_a_type_a_family_or_everything() {
        for text in ["appointment.created", "appointment.*", "*", "Ünlü", &"é".repeat(TYPES_MAX_CHARS)] {
            assert_eq!(TypePattern::new(text).map(|types| types.to_string()), Ok(text.to_owned()));
        }
        for wrong in ["app*", "*.created", "a.*.b", "a*.*"] {
            assert!(matches!(TypePattern::new(wrong), Err(BadTypePattern::Wildcard(_))), "{wrong}");
        }
        for wrong in ["", "a\nb", &"x".repeat(TYPES_MAX_CHARS + 1)] {
            assert_eq!(TypePattern::new(wrong), Err(BadTypePattern::Text));
        }
    }

    #[test]
    fn a_plugin_without_switches_handles_all_types() {
        let desk = PluginName::new("desk").unwrap();
        let other = PluginName::new("other").unwrap();
        let mut switches = Switches::default();
        assert!(switches.is_on(&desk, "a.b") && !switches.has(&desk) && switches.version(&desk) == 0);
        assert_eq!(switches.set(switch(1, "*", false)), [0; 0]);
        assert!(!switches.is_on(&desk, "a.b") && switches.is_on(&other, "a.b"));
        assert_eq!((switches.version(&desk), switches.version(&other), switches.newest()), (1, 0, 1));
    }

    #[test]
    fn an_instruction_replaces_those_that_it_covers() {
        let mut switches = Switches::default();
        for (number, types, replaced) in [
            (1, "appointment.created", &[][..]),
            (2, "queue.*", &[]),
            (3, "appointment.*", &[1]),
            (4, "appointment.created", &[]),
            (5, "appointment.created", &[4]),
            (6, "*", &[2, 3, 5]),
        ] {
            let mut found = switches.set(switch(number, types, false));
            found.sort_unstable();
            assert_eq!(found, replaced, "{number}");
        }
        let types = |switches: &Switches| switches.all().len();
        assert_eq!(types(&switches), 1);
    }

    #[test]
    fn a_family_is_governed_by_the_narrowest_wider_one() {
        let desk = PluginName::new("desk").unwrap();
        let switches: Switches = [switch(1, "*", false), switch(2, "a.b.*", true), switch(3, "a.b.c", false)]
            .into_iter()
            .collect();
        for (types, number) in [("*", 1), ("a.*", 1), ("a.b.*", 2), ("a.b.c.*", 2), ("a.b.c", 3), ("z", 1)] {
            let found = switches.governing_pattern(&desk, &EventPattern::new(types));
            assert_eq!(found.map(|switch| switch.number), Some(number), "{types}");
        }
    }

    proptest! {
        #[test]
        fn the_latest_matching_instruction_is_in_force(
            story in proptest::collection::vec((0..6_usize, any::<bool>()), 0..20)
        ) {
            const PATTERNS: [&str; 6] = ["*", "a.*", "a.b.*", "a.b", "a.b.c", "z"];
            let desk = PluginName::new("desk").unwrap();
            let mut switches = Switches::default();
            for (number, (pattern, is_on)) in (1..).zip(&story) {
                switches.set(switch(number, PATTERNS[*pattern], *is_on));
            }
            let stored: Switches = switches.all().into_iter().cloned().collect();
            prop_assert_eq!(&stored, &switches);
            for event_type in ["a.b", "a.b.c", "a.b.d", "a.x", "z", "y"] {
                let matches = |pattern: usize| EventPattern::new(PATTERNS[pattern]).matches(event_type);
                let latest = story.iter().rev().find(|(pattern, _)| matches(*pattern));
                let expected = latest.is_none_or(|(_, is_on)| *is_on);
                prop_assert_eq!(switches.is_on(&desk, event_type), expected, "{} {:?}", event_type, story);
            }
        }
    }
}
