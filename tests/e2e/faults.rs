//! Faults around a host: kills at any moment, a full or read-only disk, a damaged or locked database, clock
//! jumps. Each leads to a clear state, and the host recovers.
//!
//! `faults/README.md` describes the long mode and how to repeat a run.

mod check;
mod clock;
mod damaged;
mod disk;
mod ledger;
mod locked;
mod migration;
mod plan;
mod replay;
mod revising;
mod rounds;
mod switching;
