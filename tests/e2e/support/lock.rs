//! Another process that locks a database, like a stuck backup.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Holds the lock until it is dropped.
pub(crate) struct DatabaseLock {
    process: Child,
}

impl DatabaseLock {
    const SCRIPT: &str = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
print('ready', flush=True)
sys.stdin.readline()
db.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
sys.stdin.read()";

    /// Takes it.
    pub(crate) fn acquire(database: &Path) -> Self {
        PreparedLock::start(database).acquire()
    }
}

/// A process that can take the lock at once: an interpreter takes seconds to start on a busy machine.
pub(crate) struct PreparedLock {
    lock: DatabaseLock,
    lines: BufReader<ChildStdout>,
}

impl PreparedLock {
    /// Starts it.
    pub(crate) fn start(database: &Path) -> Self {
        let mut process = Command::new("python3")
            .args(["-c", DatabaseLock::SCRIPT])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut prepared = Self { lock: DatabaseLock { process }, lines };
        prepared.expect("ready");
        prepared
    }

    /// Takes the lock.
    pub(crate) fn acquire(mut self) -> DatabaseLock {
        self.lock.process.stdin.as_mut().unwrap().write_all(b"lock\n").unwrap();
        self.expect("locked");
        self.lock
    }

    fn expect(&mut self, wanted: &str) {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), wanted);
    }
}

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
