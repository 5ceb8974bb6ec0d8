//! Another process that locks a database, like a stuck backup.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Holds the lock until it is dropped.
pub(crate) struct DatabaseLock {
    process: Child,
}

impl DatabaseLock {
    const SCRIPT: &str = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
sys.stdin.read()";

    /// Takes it.
    pub(crate) fn acquire(database: &Path) -> Self {
        let mut process = Command::new("python3")
            .args(["-c", Self::SCRIPT])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "locked");
        Self { process }
    }
}

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
