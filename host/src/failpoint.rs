//! Named points at which the process can be killed, for tests of crashes: exactly there, as by a power cut.
//!
//! Builds with debug assertions have them, which is the profile that tests use. In a release build [`pass`]
//! does nothing and the variable is not read.

/// A moment at which a crash is to be told from one just before or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A transaction of the writer is written, and not committed.
    BeforeCommit,
    /// It is committed; nobody was answered, and nothing was handed on.
    AfterCommit,
    /// An attempt at a delivery has begun.
    InAttempt,
    /// A handler has ended, and what it came to was not handed in.
    AfterHandler,
    /// An effect's delivery is committed, and the effect was not tried.
    BeforeEffect,
    /// An effect is being tried.
    InEffect,
    /// An effect was tried, and the try is not recorded.
    AfterEffect,
    /// Another revision of a plugin that runs is loaded, and is not current yet.
    Swap,
    /// A page of a replay is worked out, and not committed.
    ReplayStep,
    /// Some of what belongs to old events is removed, and some is not.
    PruneStep,
    /// A step of bringing the tables up to date is done, and not committed.
    Migration,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::InAttempt,
        Self::AfterHandler,
        Self::BeforeEffect,
        Self::InEffect,
        Self::AfterEffect,
        Self::Swap,
        Self::ReplayStep,
        Self::PruneStep,
        Self::Migration,
    ];

    /// What it is called in `HOOKYARD_KILL_AT`: `NAME` for the first passing, `NAME:3` for the third, and
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
            Self::PruneStep => "prune-step",
            Self::Migration => "migration",
        }
    }
}

/// The process is at `point`. It ends here if it was told to.
#[inline]
pub fn pass(point: Point) {
    #[cfg(debug_assertions)]
    armed::pass(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

/// As [`pass`], of a point that many things pass: this one is named `text`.
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

    /// Where this process ends, and how many passings are left until then.
    struct Armed {
        point: Point,
        left: AtomicU64,
        /// What passes then, where that matters.
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
        fn a_point_and_a_passing_are_read_and_nothing_else_is() {
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
