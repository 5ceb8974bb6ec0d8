//! The result of a handler.

use std::error::Error;
use std::fmt;
use std::iter;
use std::time::Duration;

use crate::bindings::base::hookyard::plugin::types;
use crate::{config, http, outbox};

/// The result of a handler: done, or a failure.
pub type Result = std::result::Result<(), Failure>;

/// The reason why an event was not handled. `?` converts an error to a [`Failure::Retry`]. It converts a refused
/// effect, an invalid or denied request and a missing configuration key to a [`Failure::Reject`], also if they
/// are a source of the error. [`OrReject::or_reject`] turns any other error into a rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Requests another attempt. After the last attempt the delivery becomes a dead letter.
    Retry {
        /// The text for the operator.
        reason: String,
        /// The shortest delay before the next attempt. With `None` the operator's backoff decides.
        after: Option<Duration>,
    },
    /// Makes the delivery a dead letter at once. The text is for the operator.
    Reject(String),
}

impl Failure {
    /// Requests another attempt after the operator's backoff.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    /// Requests another attempt after at least this delay.
    pub fn retry_after(reason: impl Into<String>, after: Duration) -> Self {
        Self::Retry { reason: reason.into(), after: Some(after) }
    }

    /// Makes the delivery a dead letter at once.
    pub fn reject(reason: impl Into<String>) -> Self {
        Self::Reject(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { reason, .. } => write!(f, "retry: {reason}"),
            Self::Reject(reason) => write!(f, "reject: {reason}"),
        }
    }
}

// `Failure` is not an `Error`: this conversion would then overlap with that of a type into itself.
impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let text = with_sources(&error);
        if lasts(&error) { Self::Reject(text) } else { Self::retry(text) }
    }
}

/// Whether another attempt cannot help.
fn lasts(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source()).any(|error| {
        error.is::<outbox::Refused>()
            || error.is::<config::Missing>()
            || matches!(error.downcast_ref(), Some(http::Error::Invalid(_) | http::Error::Denied(_)))
    })
}

/// Turns errors into rejections, for `?`.
pub trait OrReject<T> {
    /// Turns an error into [`Failure::Reject`].
    ///
    /// # Errors
    /// Returns the error as a rejection.
    fn or_reject(self) -> std::result::Result<T, Failure>;
}

impl<T, E: Error> OrReject<T> for std::result::Result<T, E> {
    fn or_reject(self) -> std::result::Result<T, Failure> {
        self.map_err(|error| Failure::Reject(with_sources(&error)))
    }
}

fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry { reason, after } => {
                let after_ms = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
                Self::Retry(types::Retry { reason, after_ms })
            }
            Failure::Reject(reason) => Self::Reject(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error of a plugin, with its source.
    #[derive(Debug)]
    struct LookUp(http::Error);

    impl fmt::Display for LookUp {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no contact")
        }
    }

    impl Error for LookUp {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn number(text: &str) -> std::result::Result<u8, Failure> {
        Ok(text.parse::<u8>()?)
    }

    #[test]
    fn the_question_mark_asks_for_another_try() {
        assert_eq!(number("7"), Ok(7));
        assert_eq!(number("x"), Err(Failure::retry("invalid digit found in string")));
        assert_eq!("x".parse::<u8>().or_reject(), Err(Failure::reject("invalid digit found in string")));
    }

    #[test]
    fn the_question_mark_rejects_what_will_never_succeed() {
        let missing = config::require("team").unwrap_err();
        assert_eq!(Failure::from(missing), Failure::reject("the configuration has no `team`"));
        let denied = http::Error::Denied("no grant".into());
        assert_eq!(
            Failure::from(LookUp(denied)),
            Failure::reject("no contact: no grant"),
            "the source counts"
        );
        let failed = http::Error::Failed("time-out".into());
        assert_eq!(Failure::from(failed), Failure::retry("time-out"));
    }

    #[test]
    fn failures_become_what_the_host_reads() {
        let after = Failure::retry_after("busy", Duration::from_secs(2));
        let retry = types::Retry { reason: "busy".into(), after_ms: Some(2000) };
        assert_eq!(types::Failure::from(after), types::Failure::Retry(retry));
        assert_eq!(types::Failure::from(Failure::reject("no")), types::Failure::Reject("no".into()));
    }
}
