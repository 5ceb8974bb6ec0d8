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
}

#[cfg(test)]
mod tests {
    use super::*;

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
