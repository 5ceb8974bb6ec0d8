//! Another process reads the database for long, and the log beside it cannot be emptied.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{Bed, Event, guest};

/// A read that lasts until it is dropped.
struct Reader(Child);

impl Reader {
    const SCRIPT: &str = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('BEGIN')
db.execute('SELECT count(*) FROM event').fetchall()
print('reads', flush=True)
sys.stdin.read()";

    fn start(bed: &Bed) -> Self {
        let mut process = Command::new("python3")
            .args(["-c", Self::SCRIPT])
            .arg(bed.path("hookyard-data/hookyard.db"))
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
async fn a_reader_that_keeps_the_log_from_being_emptied_is_named() {
    let bed = Bed::new("[database]\nlog_warn_bytes = 1_048_576\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    let reader = Reader::start(&bed);
    for number in 0..60 {
        let payload = json!({ "act": "well", "padding": "x".repeat(50_000) });
        let event = Event::of("any.type", &format!("evt_{number}"), &payload);
        assert_eq!(host.send(&event).await.code, 202);
    }
    let told = host.logged(&["WARN", "the database's log grows"]).await;
    let process = format!("{} (python3", reader.0.id());
    assert!(told.contains(&process) && told.contains("\"log_bytes\":"), "{told}");
    assert_eq!(host.ask("/readyz", None).await.status(), 200, "it works on");
    drop(reader);
}
