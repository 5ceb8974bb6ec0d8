//! The machine around the host: unread streams, removed files, long starts, and terminals.

mod database_file;
mod database_log;
mod foreign;
mod hosts;
mod loading;
mod reload;
mod start;
mod stuck;
mod stuck_disk;
mod terminal;
