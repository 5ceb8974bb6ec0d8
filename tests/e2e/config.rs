//! The configuration: errors, live changes, and secrecy.

mod check;
mod live;
mod references;
mod secrets;
