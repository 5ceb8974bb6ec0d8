//! The log, and `hookyard dev`.

use std::path::PathBuf;

use super::{BUILD, GIB, KIB, LOGGING};
use crate::config::formats;
use crate::config::section::section;

section! {
    /// The log of the host, on standard error.
    pub struct Log {
        /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,hookyard=debug`.
        #[key(default = "info".into(), restart = LOGGING)]
        #[serde(deserialize_with = "formats::filter")]
        pub level: String,
        /// Level from which on plugins' own lines are repeated there: `error`, `warn`, `info`, `debug`, `trace`, or
        /// `off`. They are kept with the attempt in any case.
        #[key(default = "info".into(), restart = LOGGING)]
        #[serde(deserialize_with = "formats::plugin_level")]
        pub plugin_level: String,
        /// Memory for lines that wait until standard error takes them, in bytes. The host does not wait for a reader:
        /// above the limit it drops lines, counts them in `hookyard_log_lines_dropped_total`, and writes one line with
        /// their number. Standard output has the same limit.
        #[key(default = 4 * 1024 * 1024, range = 64 * KIB..=GIB, restart = LOGGING)]
        pub buffer_max_bytes: usize,
    }
}

section! {
    /// `hookyard dev`: serve, and build plugins when their sources change.
    pub struct Dev {
        /// Directories whose changes start a build.
        #[key(default = Vec::new(), restart = BUILD)]
        pub watch: Vec<PathBuf>,
        /// The build: a shell command that runs in the directory of the configuration file.
        #[key(default = None, example = "\"make plugins\"", restart = BUILD)]
        pub build: Option<String>,
    }
}
