//! Patterns of plugins' names.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Name, PluginName};

/// A plugin's name; or the beginning of names and a `*`; or `*` for all plugins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginPattern(String);

/// The form of a [`PluginPattern`], as a regular expression.
pub const PLUGINS_PATTERN: &str = r"^(\*|[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}\*?)$";

/// The error of a text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a pattern of plugins: write a plugin's name, the beginning of names and a `*`, or `*` for all"
)]
pub struct BadPattern(String);

impl PluginPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadPattern`] if no plugin could match it.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let start = text.strip_suffix('*').unwrap_or(text);
        let is_all = text == "*";
        // What comes before a `*` begins a name, and so is one.
        let is_name = Name::new(start).is_ok();
        (is_all || is_name).then(|| Self(text.into())).ok_or_else(|| BadPattern(text.into()))
    }

    /// Whether the pattern matches this plugin.
    #[must_use]
    pub fn matches(&self, plugin: &PluginName) -> bool {
        match self.0.strip_suffix('*') {
            Some(start) => plugin.as_str().starts_with(start),
            None => plugin.as_str() == self.0,
        }
    }

    /// Whether the pattern matches all plugins.
    #[must_use]
    pub fn matches_all(&self) -> bool {
        self.0 == "*"
    }

    /// Whether one of these patterns matches this plugin. No pattern at all matches every plugin.
    #[must_use]
    pub fn any_matches(patterns: &[Self], plugin: &PluginName) -> bool {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(plugin))
    }

    /// The pattern as text. It is a pattern of SQL's `GLOB` too: of its wildcards, names have none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PluginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PluginPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PluginPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_a_plugin_a_family_or_all() {
        for (pattern, plugin, matches) in [
            ("desk", "desk", true),
            ("desk", "desk2", false),
            ("desk*", "desk2", true),
            ("team.*", "team.sms", true),
            ("team.*", "team", false),
            ("sms-*", "sms-confirm", true),
            ("*", "anything", true),
        ] {
            let plugin = Name::new(plugin).unwrap();
            assert_eq!(PluginPattern::new(pattern).unwrap().matches(&plugin), matches, "{pattern} {plugin}");
        }
    }

    #[test]
    fn a_pattern_that_matches_no_plugin_is_rejected() {
        for wrong in ["", "**", "a*b", "*a", "-x*", "a/b", "a b", "é"] {
            assert!(PluginPattern::new(wrong).is_err(), "{wrong}");
        }
    }
}
