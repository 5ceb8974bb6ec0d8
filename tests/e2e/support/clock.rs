//! A clock that a test sets, with libfaketime. `scripts/test` installs it if it is missing.

use std::path::PathBuf;
use std::process::Command;

use super::HostDir;

/// In the dir.
const FILE: &str = "clock";

/// The clock of the hosts that [`Clock::command`] starts.
pub(crate) struct Clock<'dir> {
    dir: &'dir HostDir,
    library: PathBuf,
}

/// A clock that is so many hours fast, or slow if they are negative.
pub(crate) fn fake_clock(dir: &HostDir, hours: i32) -> Clock<'_> {
    let directories = ["/usr/lib", "/usr/lib64"].map(PathBuf::from).into_iter();
    // Debian has one for each architecture.
    let below = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library = directories
        .chain(below)
        .map(|directory| directory.join("faketime/libfaketime.so.1"))
        .find(|library| library.exists())
        .expect("libfaketime is not installed: `scripts/test-clock` installs it (Debian: apt-get install libfaketime)");
    let clock = Clock { dir, library };
    clock.set(hours);
    clock
}

impl Clock<'_> {
    /// Sets it so many hours fast.
    pub(crate) fn set(&self, hours: i32) {
        self.dir.replace(FILE, format!("{hours:+}h\n").as_bytes());
    }

    /// A host that reads this clock.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.dir.command(&["serve"]);
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.dir.path(FILE))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }
}
