//! A request to a verifier that is a plugin, its answer, and the ways in which it fails. No IO.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

/// A request that is to be verified.
#[derive(Debug, Clone)]
pub struct VerifierRequest {
    /// Its method.
    pub method: Method,
    /// The URL that the sender called, or its path and query.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Bytes,
}

/// A call of a verifier.
#[derive(Clone)]
pub struct VerifierCall {
    /// The request.
    pub request: VerifierRequest,
    /// The secrets that are valid now, any of which may have signed. Never printed.
    pub secrets: Arc<[String]>,
    /// The time of receipt, in ms since the Unix epoch.
    pub now_ms: u64,
}

/// What a verifier says about a verified request. Nothing of it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifiedFields {
    /// The index of the secret that matched.
    pub secret: u32,
    /// The event's id.
    pub id: Option<String>,
    /// The event's type.
    pub event_type: Option<String>,
    /// The sender's timestamp.
    pub created: Option<String>,
    /// A JSON pointer to the payload.
    pub payload: Option<String>,
}

/// The reason why a verifier gave no [`VerifiedFields`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// It refused the request.
    #[error("refused: {0}")]
    Refused(String),
    /// It did not answer, which says nothing about the request.
    #[error("{reason}")]
    Failed {
        /// The kind of the failure.
        kind: FailureKind,
        /// What happened.
        reason: String,
    },
}

impl VerifierError {
    /// A failure.
    pub fn failed(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self::Failed { kind, reason: reason.into() }
    }
}

/// The kind of a verifier's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// There is no running verifier of this name.
    Absent,
    /// No thread was free in time.
    Busy,
    /// It was still running at its deadline.
    Timeout,
    /// It needed more memory than it may have.
    Memory,
    /// It trapped.
    Trap,
    /// Its answer has another form than the contract says.
    Answer,
    /// The host could not call it.
    Host,
}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 7] =
        [Self::Absent, Self::Busy, Self::Timeout, Self::Memory, Self::Trap, Self::Answer, Self::Host];

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Trap => "trap",
            Self::Answer => "answer",
            Self::Host => "host",
        }
    }
}
