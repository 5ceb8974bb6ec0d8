//! The command line as a shell sees it: what is printed where, and how it ends.

mod first_start;
mod list;
mod plugin;
mod plugin_build;
mod plugin_new;
mod plugin_run;
mod send;
mod show;
mod usage;
