//! A long read by another process, which keeps `SQLite` from truncating the write-ahead log.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{Event, HostDir, guest};

/// A read that lasts until it is dropped.
struct Reader(Child);

impl Reader {
    const SCRIPT: &str = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('BEGIN')
db.execute('SELECT count(*) FROM event').fetchall()
print('reads', flush=True)
sys.stdin.read()";

    fn start(dir: &HostDir) -> Self {
        let mut process = Command::new("python3")
            .args(["-c", Self::SCRIPT])
            .arg(dir.path("hookyard-data/hookyard.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "reads");
        Self(process)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_reader_that_blocks_the_write_ahead_log_is_named() {
    let dir = HostDir::new("[database]\nlog_warn_bytes = 4_194_304\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let reader = Reader::start(&dir);
    for number in 0..120 {
        let payload = json!({ "act": "well", "padding": "x".repeat(50_000) });
        let event = Event::with_payload("any.type", &format!("evt_{number}"), &payload);
        assert_eq!(host.send(&event).await.code, 202);
    }
    let told = host.wait_log(&["WARN", "the database's log grows"]).await;
    let process = format!("{} (python3", reader.0.id());
    assert!(told.contains(&process) && told.contains("\"log_bytes\":"), "{told}");
    assert_eq!(host.admin_get("/readyz", None).await.status(), 200, "it works on");
    drop(reader);
}
