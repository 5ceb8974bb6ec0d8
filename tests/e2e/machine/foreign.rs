//! Databases with objects that hookyard did not create, and files that are no databases.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::support::{Event, HostDir, guest};

/// SQL that adds an object to a database, and the name in the error.
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

async fn with_backup() -> HostDir {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_act(1, "evt_before", "well")).await;
    host.wait_finished("evt_before").await;
    host.terminate();
    assert!(host.wait_exit().await.success());
    assert_eq!(dir.run(&["backup", "copy.db"]).code, 0);
    dir
}

#[tokio::test]
async fn a_backup_with_foreign_objects_is_refused_and_named_and_changes_nothing() {
    let dir = with_backup().await;
    let own = fs::read(dir.path("hookyard-data/hookyard.db")).unwrap();
    for (sql, why) in FOREIGN {
        fs::copy(dir.path("copy.db"), dir.path("foreign.db")).unwrap();
        dir.alter_file("foreign.db", sql).await;
        let output = dir.run(&["restore", "foreign.db", "--force"]);
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{sql}: {output:?}");
        assert!(output.err.contains("foreign.db") && output.err.contains(why), "{sql}: {output:?}");
        assert!(fs::read(dir.path("hookyard-data/hookyard.db")).unwrap() == own);
    }
    assert_eq!(dir.run(&["restore", "copy.db", "--force"]).code, 0);
}

#[tokio::test]
async fn a_database_with_foreign_objects_is_refused_and_named_at_the_start() {
    let dir = with_backup().await;
    for (sql, why) in FOREIGN {
        fs::copy(dir.path("copy.db"), dir.path("hookyard-data/hookyard.db")).unwrap();
        dir.alter(sql).await;
        let output = dir.run(&["serve"]);
        assert_eq!(output.code, 1, "{sql}: {output:?}");
        assert!(
            output.err.contains("hookyard-data/hookyard.db: ") && output.err.contains(why),
            "{sql}: {output:?}"
        );
    }
    fs::copy(dir.path("copy.db"), dir.path("hookyard-data/hookyard.db")).unwrap();
    let host = dir.start().await;
    assert_eq!(host.event("evt_before").await.unwrap()["state"], "done");
}

#[tokio::test]
async fn a_backup_that_is_no_regular_file_is_refused_at_once() {
    let dir = with_backup().await;
    assert!(Command::new("mkfifo").arg(dir.path("pipe")).status().unwrap().success());
    let _socket = UnixListener::bind(dir.path("socket")).unwrap();
    symlink("copy.db", dir.path("link")).unwrap();
    symlink("loop", dir.path("loop")).unwrap();
    fs::File::create(dir.path("huge")).unwrap().set_len(1 << 40).unwrap();
    for (file, why) in [
        ("pipe", "pipe is no regular file"),
        ("socket", "socket is no regular file"),
        ("/dev/zero", "/dev/zero is no regular file"),
        ("plugins", "plugins is no regular file"),
        ("link", "link is a symbolic link: name the file that it leads to"),
        ("loop", "loop is a symbolic link"),
        ("huge", "huge: file is not a database"),
    ] {
        let output = dir.run(&["restore", file, "--force"]);
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{file}: {output:?}");
        assert!(output.err.contains(why), "{file}: {output:?}");
    }
}
