//! Named points at which tests kill the process, as a power cut would.
//!
//! Only builds with debug assertions have them, such as the profile of the tests. In a release build [`pass`] does
//! nothing, and the variable is not read.

/// A point at which a crash has other consequences than just before or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The writer has written a transaction, and has not committed it.
    BeforeCommit,
    /// The writer has committed a transaction, and has neither replied nor offered deliveries.
    AfterCommit,
    /// An attempt at a delivery has begun.
    InAttempt,
    /// A handler has ended, and its result is not submitted.
    AfterHandler,
    /// An effect is committed, and not attempted yet.
    BeforeEffect,
    /// An attempt at an effect is running.
    InEffect,
    /// An attempt at an effect has ended, and is not recorded.
    AfterEffect,
    /// Another revision of a running plugin is loaded, and is not current yet.
    Swap,
    /// A page of a replay is computed, and not committed.
    ReplayStep,
    /// The matches of a page of events that were accepted before their plugin was loaded are decided, and not
    /// committed.
    MatchStep,
    /// A page of waiting deliveries that become due is chosen, and not committed.
    DueStep,
    /// A page of held deliveries that are released is read, and not committed.
    HeldStep,
    /// A page of an erasure is computed, and not committed.
    ErasureStep,
    /// An event with an edited payload is written, and neither its decision nor its commit is.
    EditStep,
    /// A part of the rows of old events is removed.
    PruneStep,
    /// A step of a migration is done, and not committed.
    Migration,
    /// A request with an idempotency key has made its decision, and its answer is not stored.
    KeepAnswer,
}

impl Point {
    /// All points.
    pub const ALL: [Self; 17] = [
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::InAttempt,
        Self::AfterHandler,
        Self::BeforeEffect,
        Self::InEffect,
        Self::AfterEffect,
        Self::Swap,
        Self::ReplayStep,
        Self::MatchStep,
        Self::DueStep,
        Self::HeldStep,
        Self::ErasureStep,
        Self::EditStep,
        Self::PruneStep,
        Self::Migration,
        Self::KeepAnswer,
    ];

    /// The name in `HOOKYARD_KILL_AT`: `NAME` for the first passing, `NAME:3` for the third, and
    /// `NAME=TEXT` for each passing with that text (of points that have one).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
            Self::InAttempt => "in-attempt",
            Self::AfterHandler => "after-handler",
            Self::BeforeEffect => "before-effect",
            Self::InEffect => "in-effect",
            Self::AfterEffect => "after-effect",
            Self::Swap => "swap",
            Self::ReplayStep => "replay-step",
            Self::MatchStep => "match-step",
            Self::DueStep => "due-step",
            Self::HeldStep => "held-step",
            Self::ErasureStep => "erasure-step",
            Self::EditStep => "edit-step",
            Self::PruneStep => "prune-step",
            Self::Migration => "migration",
            Self::KeepAnswer => "keep-answer",
        }
    }
}

/// Passes a point. The process ends here if `HOOKYARD_KILL_AT` says so.
#[inline]
pub fn pass(point: Point) {
    #[cfg(debug_assertions)]
    armed::pass(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

/// Like [`pass`], for a point with a name of the passing item.
#[inline]
pub fn pass_for(point: Point, text: &str) {
    #[cfg(debug_assertions)]
    armed::pass_for(point, text);
    #[cfg(not(debug_assertions))]
    let _ = (point, text);
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::Point;
    use crate::config;

    /// The point at which this process ends, and the number of passings until then.
    struct Armed {
        point: Point,
        left: AtomicU64,
        /// The name of the passing item, if it matters.
        text: Option<String>,
    }

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let told = config::kill_at()?;
        let armed = parse(&told);
        if armed.is_none() {
            let names = Point::ALL.map(Point::name).join(", ");
            tracing::error!(
                "HOOKYARD_KILL_AT is `{told}`: it takes NAME, NAME:NUMBER or NAME=TEXT, with one of {names}"
            );
        }
        armed
    });

    pub(super) fn pass(point: Point) {
        let armed = ARMED.as_ref().filter(|armed| armed.point == point);
        if armed.is_some_and(|armed| armed.left.fetch_sub(1, Ordering::Relaxed) == 1) {
            // The kernel ends every thread before this returns.
            let _never = kill_process(getpid(), Signal::KILL);
        }
    }

    pub(super) fn pass_for(point: Point, text: &str) {
        let armed = ARMED.as_ref().filter(|armed| armed.point == point);
        if armed.is_some_and(|armed| armed.text.as_deref() == Some(text)) {
            let _never = kill_process(getpid(), Signal::KILL);
        }
    }

    fn parse(told: &str) -> Option<Armed> {
        let of = |name: &str| Point::ALL.into_iter().find(|point| point.name() == name);
        if let Some((name, text)) = told.split_once('=') {
            return Some(Armed { point: of(name)?, left: AtomicU64::new(0), text: Some(text.into()) });
        }
        let (name, number) = told.split_once(':').unwrap_or((told, "1"));
        let left = number.parse().ok().filter(|number| *number > 0)?;
        Some(Armed { point: of(name)?, left: AtomicU64::new(left), text: None })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_valid_points_and_passings_are_parsed() {
            for (told, expected) in [
                ("swap", Some((Point::Swap, 1))),
                ("after-effect:12", Some((Point::AfterEffect, 12))),
                ("after-effect:0", None),
                ("after-effect:", None),
                ("nowhere", None),
                ("", None),
            ] {
                let parsed = parse(told).map(|armed| (armed.point, armed.left.into_inner()));
                assert_eq!(parsed, expected, "{told}");
            }
        }
    }
}
