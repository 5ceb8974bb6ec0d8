//! The filter of the host's log, which operators may change while the host runs, for a time or until it ends.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::event::now_ms;

/// The form of a filter that operators may set: levels, each for one part of the program or for all.
pub(super) const LOG_FILTER_PATTERN: &str = "^([a-z_][a-z0-9_]*(::[a-z_][a-z0-9_]*)*=)?(off|error|warn|info|debug|trace)\
    (,([a-z_][a-z0-9_]*(::[a-z_][a-z0-9_]*)*=)?(off|error|warn|info|debug|trace))*$";

/// The longest filter, in characters.
pub(super) const LOG_FILTER_MAX_CHARS: usize = 256;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Applies a filter.
type Apply = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// The filter of this process's log. Clones share it. The default is of a process whose log has none.
#[derive(Clone, Default)]
pub struct LogLevel(Option<Arc<Inner>>);

struct Inner {
    apply: Apply,
    configured: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The filter that an operator set.
    changed: Option<ChangedLevel>,
    /// Counts changes, so that the end of an earlier one changes nothing.
    changes: u64,
    /// Waits for the end of the change.
    timer: Option<AbortHandle>,
}

/// A filter that an operator set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangedLevel {
    pub(super) filter: String,
    /// When the configured one comes back, ms since the Unix epoch; `None` when the host ends.
    pub(super) until: Option<u64>,
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevel").field(&self.configured()).finish()
    }
}

impl LogLevel {
    /// The level of a log that was started with the filter `configured`, and changes by `apply`.
    pub fn new(
        configured: impl Into<String>,
        apply: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let (apply, configured) = (Box::new(apply), configured.into());
        Self(Some(Arc::new(Inner { apply, configured, state: Mutex::default() })))
    }

    /// The filter that the host was started with.
    pub(super) fn configured(&self) -> &str {
        self.0.as_ref().map_or("off", |inner| &inner.configured)
    }

    /// The filter that an operator set, while it holds.
    pub(super) fn changed(&self) -> Option<ChangedLevel> {
        self.0.as_ref().and_then(|inner| inner.state().changed.clone())
    }

    /// Sets a filter, or the configured one again. After `time` the configured one comes back.
    ///
    /// # Errors
    /// When the log does not take it.
    pub(super) fn set(&self, filter: Option<String>, time: Option<Duration>) -> Result<(), String> {
        let Some(inner) = &self.0 else { return Err("the log of this process has no level".into()) };
        let mut state = inner.state();
        (inner.apply)(filter.as_deref().unwrap_or(&inner.configured))?;
        state.changes += 1;
        let change = state.changes;
        let until =
            time.map(|time| now_ms().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
        state.changed = filter.map(|filter| ChangedLevel { filter, until });
        if let Some(timer) = state.timer.take() {
            timer.abort();
        }
        if let (Some(time), Some(_)) = (time, &state.changed) {
            let inner = Arc::clone(inner);
            let timer = tokio::spawn(async move {
                tokio::time::sleep(time).await;
                inner.end(change);
            });
            state.timer = Some(timer.abort_handle());
        }
        Ok(())
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a change, unless there was another one since.
    fn end(&self, change: u64) {
        let mut state = self.state();
        if state.changes != change {
            return;
        }
        state.changed = None;
        let applied = (self.apply)(&self.configured);
        drop(state);
        match applied {
            Ok(()) => tracing::info!("the level of the log is the configured one again: {}", self.configured),
            Err(error) => tracing::error!("the configured level of the log could not be restored: {error}"),
        }
    }
}

/// Whether a text has the form of [`LOG_FILTER_PATTERN`].
pub(super) fn is_log_filter(text: &str) -> bool {
    let is_name = |name: &str| {
        let mut chars = name.chars();
        let begins = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
        begins && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let is_part = |part: &str| match part.split_once('=') {
        Some((target, level)) => target.split("::").all(is_name) && LEVELS.contains(&level),
        None => LEVELS.contains(&part),
    };
    text.chars().count() <= LOG_FILTER_MAX_CHARS && text.split(',').all(is_part)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn recorded() -> (LogLevel, Arc<Mutex<Vec<String>>>) {
        let applied = Arc::<Mutex<Vec<String>>>::default();
        let to = Arc::clone(&applied);
        let level = LogLevel::new("info", move |filter| {
            to.lock().unwrap().push(filter.to_owned());
            Ok(())
        });
        (level, applied)
    }

    #[test]
    fn filters_have_a_form() {
        for filter in ["info", "off", "hookyard=debug", "warn,hookyard::db=trace,plugin=off", "_a1::b=info"] {
            assert!(is_log_filter(filter), "{filter}");
        }
        let long = "info,".repeat(60) + "info";
        for wrong in [
            "",
            "inof",
            "info,",
            "=info",
            "hookyard=",
            "hookyard",
            "a:b=info",
            "a::=info",
            "A=info",
            "1=info",
            "[x]=info",
            "info ",
            &long,
        ] {
            assert!(!is_log_filter(wrong), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_change_for_a_time_goes_back_and_a_later_one_is_not_ended_by_it() {
        let (level, applied) = recorded();
        level.set(Some("debug".into()), Some(Duration::from_millis(5))).unwrap();
        while level.changed().is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let hour = Duration::from_hours(1);
        level.set(Some("debug".into()), Some(hour)).unwrap();
        assert!(level.changed().unwrap().until.unwrap() > now_ms());
        level.set(Some("trace".into()), None).unwrap();
        // The end of the second change.
        level.0.as_ref().unwrap().end(2);
        assert_eq!(level.changed(), Some(ChangedLevel { filter: "trace".into(), until: None }));
        level.set(None, Some(hour)).unwrap();
        assert_eq!(level.changed(), None);
        assert_eq!(*applied.lock().unwrap(), ["debug", "info", "debug", "trace", "info"]);
    }

    #[tokio::test]
    async fn a_filter_that_is_not_applied_changes_nothing() {
        let level = LogLevel::new("info", |_| Err("no".into()));
        assert_eq!(level.set(Some("debug".into()), None), Err("no".into()));
        assert_eq!(level.changed(), None);
        assert!(LogLevel::default().set(None, None).is_err());
    }
}
