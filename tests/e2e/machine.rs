//! The machine around the host: streams that nobody reads, files that are taken away, starts that take long,
//! and terminals.

mod database_file;
mod database_log;
mod foreign;
mod hosts;
mod reload;
mod start;
mod stuck;
mod stuck_disk;
mod terminal;
