//! The arguments that select events or deliveries.

use jiff::{Span, SpanRelativeTo, Timestamp};

use super::failure::Failure;
use crate::admin::api::ReplaySelection;
use crate::event::now_ms;

/// Selects events.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct EventSelector {
    /// Only events of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) event_type: Option<String>,
    /// Only events of this source
    #[arg(long, value_name = "NAME")]
    pub(super) source: Option<String>,
    /// Only events received since then: `2026-11-25T08:00:00Z`, or `2h`, `7d` ago
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) since: Option<u64>,
    /// Only events received before then
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) until: Option<u64>,
}

/// Selects deliveries.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct DeliverySelector {
    /// Only deliveries to this plugin
    #[arg(long, value_name = "PLUGIN")]
    pub(super) plugin: Option<String>,
    /// Only deliveries whose last attempt's reason has this text in it
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// The text of --reason is the whole reason, as lists show it; an empty one stands for none
    #[arg(long, requires = "reason")]
    pub(super) whole_reason: bool,
    /// Only deliveries that this replay made
    #[arg(long, value_name = "NUMBER")]
    pub(super) replay: Option<i64>,
    /// Only deliveries whose last attempt ran on this revision, by the first digits of its digest
    #[arg(long, value_name = "DIGEST")]
    pub(super) failed_on: Option<String>,
    #[command(flatten)]
    pub(super) events: EventSelector,
}

impl EventSelector {
    pub(super) fn selection(&self) -> ReplaySelection {
        ReplaySelection {
            event_type: self.event_type.clone(),
            source: self.source.clone(),
            since: self.since,
            until: self.until,
            ..ReplaySelection::default()
        }
    }
}

impl DeliverySelector {
    pub(super) fn selection(&self) -> ReplaySelection {
        let (plugin, reason, failed_on) = (self.plugin.clone(), self.reason.clone(), self.failed_on.clone());
        let whole_reason = self.whole_reason;
        ReplaySelection {
            plugin,
            reason,
            whole_reason,
            replay: self.replay,
            failed_on,
            ..self.events.selection()
        }
    }
}

/// Requires `--all` for a selection of everything.
pub(super) fn require_selection(
    selection: ReplaySelection,
    all: bool,
    what: &str,
) -> Result<ReplaySelection, Failure> {
    match (selection == ReplaySelection::default(), all) {
        (true, false) => Err(Failure::Usage(format!(
            "which {what}? Name them, narrow them down (--help says by what), or say --all"
        ))),
        (false, true) => {
            Err(Failure::Usage("--all means all of them: leave out what narrows it down".into()))
        }
        _ => Ok(selection),
    }
}

/// A time, or how long ago it was, as ms since the Unix epoch.
pub(super) fn parse_time(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time: write 2026-11-25T08:00:00Z, or 2h or 7d for so long ago");
    if let Ok(time) = text.parse::<Timestamp>() {
        return u64::try_from(time.as_millisecond()).map_err(|_| wrong());
    }
    let span: Span = text.parse().map_err(|_| wrong())?;
    let ago = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    let ago = u64::try_from(ago.as_millis()).map_err(|_| wrong())?;
    Ok(now_ms().saturating_sub(ago))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_time_and_a_span_before_now() {
        assert_eq!(parse_time("1970-01-01T00:00:01Z"), Ok(1000));
        let now = now_ms();
        for (text, ago) in [("2h", 7_200_000), ("7d", 604_800_000), ("90 minutes", 5_400_000)] {
            let found = now - parse_time(text).unwrap();
            assert!(found <= ago && found > ago - 60_000, "{text}: {found}");
        }
        for wrong in ["", "yesterday", "2026-11-25", "-2h", "1 month"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn everything_is_selected_only_with_all() {
        let some = ReplaySelection { source: Some("s".into()), ..ReplaySelection::default() };
        assert!(require_selection(some.clone(), false, "events").is_ok());
        assert!(require_selection(ReplaySelection::default(), true, "events").is_ok());
        assert!(require_selection(ReplaySelection::default(), false, "events").is_err());
        assert!(require_selection(some, true, "events").is_err());
    }
}
