//! The command line as a shell sees it: what is printed where, and how it ends.

mod first_start;
mod list;
mod plugin;
mod send;
mod show;
mod usage;
