//! The command line: output, standard error and exit codes.

mod doctor;
mod export;
mod first_start;
mod list;
mod plugin;
mod plugin_attempt;
mod plugin_build;
mod plugin_make;
mod plugin_new;
mod plugin_run;
mod send;
mod show;
mod store;
mod terminal;
mod usage;
