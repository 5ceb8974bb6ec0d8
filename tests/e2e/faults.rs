//! What can break around a host: it is killed at any moment, its disk is full or read-only, its database is
//! damaged or locked by somebody else, its clock jumps. Each ends in a clear state, and recovers.
//!
//! `faults/README.md` says how to run the long mode, and how to repeat a run.

mod check;
mod clock;
mod damaged;
mod disk;
mod ledger;
mod locked;
mod migration;
mod plan;
mod replay;
mod rounds;
