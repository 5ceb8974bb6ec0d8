//! Alerts: which conditions of `[[alerts]]` hold, and notifications of their beginning and end.
//!
//! One task observes every two seconds what the host counts anyway, so no event pays for it. The state of each alert is
//! a row: it is stored before a notification is sent, so that a restart tells nothing twice under another id, and
//! forgets nothing. This room knows no HTTP server and no SQL, and it reads nothing of an event.
//!
//! Public: [`Alerts`], [`AlertView`], [`ProblemFact`], [`TestResult`].

mod attempt;
mod conditions;
mod fact;
mod notification;
mod outbox;
mod rules;
mod task;
mod view;

pub use fact::{ProblemFact, TimeUnit, counted_as, describe_dead_letters, in_whole_units, quoted};
pub use task::{AlertSetup, Alerts, CountVerified};
pub use view::{AlertView, PendingView, ProblemView, TestError, TestResult};
