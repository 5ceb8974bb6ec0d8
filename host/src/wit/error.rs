//! What is wrong with a package.

use std::fmt::Display;

/// A WIT package that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct PackageError {
    place: String,
    problem: String,
}

impl PackageError {
    pub(super) fn new(place: impl Display, problem: impl Display) -> Self {
        Self { place: place.to_string(), problem: problem.to_string() }
    }
}
