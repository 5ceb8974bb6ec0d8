//! The reasons why a request is not verified. They name the step and the place, never what would have matched.

use std::fmt;

use http::HeaderName;

use crate::config::{HeaderPlace, Pointer};

/// The reason why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::ingress) enum Unauthorized {
    #[error("signature {0} is missing")]
    Missing(PlaceName),
    #[error("signature {0} is given more than once")]
    Repeated(PlaceName),
    #[error("signature {0} does not begin with `{1}`")]
    Prefix(PlaceName, String),
    #[error("signature {0} has no item that begins with `{1}`")]
    NoItem(PlaceName, String),
    #[error("signature {0} has more than {1} items")]
    TooManyItems(PlaceName, usize),
    #[error("signature {0} is not {1}")]
    Encoding(PlaceName, String),
    #[error("signed {0} is missing")]
    MissingPart(PlaceName),
    #[error("signed {0} is given more than once")]
    RepeatedPart(PlaceName),
    #[error("signed {0} has a value that the scheme does not know")]
    UnknownPart(PlaceName),
    #[error("signed {0} has a `{1}`, which separates the signed values")]
    Separator(PlaceName, char),
    #[error("timestamp {0} is not {1}")]
    Timestamp(PlaceName, &'static str),
    #[error("timestamp is too old by {0} s: the request is {1} s old")]
    TooOld(u64, u64),
    #[error("timestamp is too far in the future by {0} s")]
    TooNew(u64),
    #[error("the signed form has more than {0} fields")]
    TooManyFields(usize),
    #[error("the signature covers a form, and the body is JSON")]
    NoForm,
    #[error("the body is not JSON, and the signature needs values in it: {0}")]
    NoJson(String),
    #[error("the query's parameter `{0}` is not the SHA-256 of the body")]
    BodyDigest(String),
    #[error("the signature covers the URL, which is not configured")]
    NoUrl,
    #[error("signature does not match: no secret matched")]
    Mismatch,
}

impl Unauthorized {
    /// The reason in one word, for the label of a metric: one of [`UNAUTHORIZED_REASONS`].
    ///
    /// [`UNAUTHORIZED_REASONS`]: crate::ingress::answer::UNAUTHORIZED_REASONS
    pub(in crate::ingress) fn word(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::MissingPart(_) => "missing",
            Self::Repeated(_) | Self::RepeatedPart(_) => "repeated",
            Self::Prefix(..)
            | Self::NoItem(..)
            | Self::TooManyItems(..)
            | Self::TooManyFields(_)
            | Self::Encoding(..)
            | Self::UnknownPart(_)
            | Self::Separator(..)
            | Self::Timestamp(..)
            | Self::NoForm
            | Self::NoJson(_) => "malformed",
            Self::TooOld(..) => "too-old",
            Self::TooNew(_) => "too-new",
            Self::NoUrl => "no-url",
            Self::BodyDigest(_) | Self::Mismatch => "mismatch",
        }
    }
}

/// The name of a place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ingress) enum PlaceName {
    Header(HeaderName),
    Item(HeaderName, String),
    Body(Pointer),
}

impl PlaceName {
    /// The name of a header's value: of its first name.
    pub(super) fn of_header(place: &HeaderPlace) -> Self {
        let name = place.names.first().cloned().unwrap_or(http::header::HOST);
        match &place.item {
            Some(item) => Self::Item(name, item.clone()),
            None => Self::Header(name),
        }
    }
}

impl fmt::Display for PlaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Item(name, item) => write!(f, "item `{item}=` of header {name}"),
            Self::Body(pointer) => write!(f, "value {pointer} of the body"),
        }
    }
}
