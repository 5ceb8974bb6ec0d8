//! Databases with more in them than a hookyard database has, and files that are none.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::support::{Bed, Event, guest};

/// What is added to a database, and what is told of it.
const FOREIGN: [(&str, &str); 7] = [
    (
        "CREATE TRIGGER evil AFTER INSERT ON event BEGIN DELETE FROM delivery; END",
        "it has the trigger \"evil\", which no hookyard database has",
    ),
    ("CREATE VIEW evil AS SELECT * FROM event", "it has the view \"evil\", which no hookyard database has"),
    ("CREATE VIRTUAL TABLE evil USING fts5(x)", "it has the virtual table \"evil\""),
    ("CREATE TABLE evil (x)", "it has the table \"evil\", which a hookyard database of version"),
    ("CREATE INDEX evil ON event (received_at)", "it has the index \"evil\""),
    ("ALTER TABLE event ADD COLUMN evil TEXT", "its table \"event\" is not as in a hookyard database"),
    ("DELETE FROM _sqlx_migrations WHERE version = 1", "made by statements that no hookyard has"),
];

async fn with_backup() -> Bed {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&Event::about(1, "evt_before", "well")).await;
    host.settled("evt_before").await;
    host.terminate();
    assert!(host.ended().await.success());
    assert_eq!(bed.run(&["backup", "copy.db"]).code, 0);
    bed
}

#[tokio::test]
async fn a_backup_with_anything_foreign_in_it_is_refused_by_name_and_nothing_changes() {
    let bed = with_backup().await;
    let own = fs::read(bed.path("hookyard-data/hookyard.db")).unwrap();
    for (sql, why) in FOREIGN {
        fs::copy(bed.path("copy.db"), bed.path("foreign.db")).unwrap();
        bed.alter_file("foreign.db", sql).await;
        let ran = bed.run(&["restore", "foreign.db", "--force"]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{sql}: {ran:?}");
        assert!(ran.err.contains("foreign.db") && ran.err.contains(why), "{sql}: {ran:?}");
        assert!(fs::read(bed.path("hookyard-data/hookyard.db")).unwrap() == own);
    }
    assert_eq!(bed.run(&["restore", "copy.db", "--force"]).code, 0);
}

#[tokio::test]
async fn a_database_with_anything_foreign_in_it_is_refused_by_name_at_the_start() {
    let bed = with_backup().await;
    for (sql, why) in FOREIGN {
        fs::copy(bed.path("copy.db"), bed.path("hookyard-data/hookyard.db")).unwrap();
        bed.alter(sql).await;
        let ran = bed.run(&["serve"]);
        assert_eq!(ran.code, 1, "{sql}: {ran:?}");
        assert!(ran.err.contains("hookyard-data/hookyard.db: ") && ran.err.contains(why), "{sql}: {ran:?}");
    }
    fs::copy(bed.path("copy.db"), bed.path("hookyard-data/hookyard.db")).unwrap();
    let host = bed.start().await;
    assert_eq!(host.event("evt_before").await.unwrap()["state"], "done");
}

#[tokio::test]
async fn a_backup_that_is_no_regular_file_is_refused_at_once() {
    let bed = with_backup().await;
    assert!(Command::new("mkfifo").arg(bed.path("pipe")).status().unwrap().success());
    let _socket = UnixListener::bind(bed.path("socket")).unwrap();
    symlink("copy.db", bed.path("link")).unwrap();
    symlink("loop", bed.path("loop")).unwrap();
    fs::File::create(bed.path("huge")).unwrap().set_len(1 << 40).unwrap();
    for (file, why) in [
        ("pipe", "pipe is no regular file"),
        ("socket", "socket is no regular file"),
        ("/dev/zero", "/dev/zero is no regular file"),
        ("plugins", "plugins is no regular file"),
        ("link", "link is a symbolic link: name the file that it leads to"),
        ("loop", "loop is a symbolic link"),
        ("huge", "huge: file is not a database"),
    ] {
        let ran = bed.run(&["restore", file, "--force"]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{file}: {ran:?}");
        assert!(ran.err.contains(why), "{file}: {ran:?}");
    }
}
