//! Patterns of event types: the one place that matches types against them.

/// An event type, `appointment.*` (all types below it), or `*` (all types).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventPattern {
    /// This type only.
    Exact(String),
    /// Types that begin with this text.
    Prefix(String),
}

impl EventPattern {
    /// Reads a pattern. A `*` is a wildcard at the end only, alone or after a dot; elsewhere it is a plain
    /// character.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        match pattern.strip_suffix('*') {
            Some(prefix) if prefix.is_empty() || prefix.ends_with('.') => Self::Prefix(prefix.into()),
            _ => Self::Exact(pattern.into()),
        }
    }

    /// Whether the pattern matches this event type.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == event_type,
            Self::Prefix(prefix) => event_type.starts_with(prefix),
        }
    }

    /// Whether the pattern matches all types that the other one matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(exact), Self::Exact(other)) => exact == other,
            (Self::Exact(_), Self::Prefix(_)) => false,
            (Self::Prefix(prefix), Self::Exact(other) | Self::Prefix(other)) => other.starts_with(prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_those_that_match_fewer_types() {
        for (wide, narrow, covers) in [
            ("a.b", "a.b", true),
            ("a.b", "a.*", false),
            ("a.*", "a.b", true),
            ("a.*", "a.*", true),
            ("a.*", "a.b.*", true),
            ("a.b.*", "a.*", false),
            ("a.*", "ab", false),
            ("*", "a.*", true),
            ("a.*", "*", false),
        ] {
            assert_eq!(EventPattern::new(wide).covers(&EventPattern::new(narrow)), covers, "{wide} {narrow}");
        }
    }

    #[test]
    fn a_pattern_matches_a_type_a_family_or_everything() {
        for (pattern, event_type, matches) in [
            ("appointment.created", "appointment.created", true),
            ("appointment.created", "appointment.created.v2", false),
            ("appointment.*", "appointment.created", true),
            ("appointment.*", "appointment", false),
            ("appointment.*", "appointments.created", false),
            ("*", "anything", true),
            ("app*", "appointment.created", false),
            ("*.created", "appointment.created", false),
        ] {
            assert_eq!(EventPattern::new(pattern).matches(event_type), matches, "{pattern} {event_type}");
        }
    }
}
