//! The configuration: what is wrong with it, what is taken live, and that it keeps its secrets.

mod check;
mod live;
mod references;
mod secrets;
