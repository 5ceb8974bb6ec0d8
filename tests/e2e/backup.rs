//! Backups made while events come in, and hosts that go on with them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::{Bed, Event, Host, Load, Ran, Sent, guest, until};

fn told(id: &str, act: &str) -> Event {
    Event::of("any.type", id, &json!({ "act": act }))
}

fn bed() -> Bed {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    bed
}

/// Runs a command without holding up what the test does meanwhile.
async fn run(mut command: Command) -> Ran {
    tokio::task::spawn_blocking(move || Ran::of(&mut command)).await.unwrap()
}

async fn all_but_one_have_run(bed: &Bed) {
    let open = "SELECT count(*) FROM delivery WHERE due_at IS NOT NULL";
    until("all but one have run", async || (bed.number(open).await == 1).then_some(())).await;
}

/// Ends a host as it should end.
async fn stopped(host: Host<'_>) {
    host.terminate();
    assert!(host.ended().await.success());
}

/// A place with the database of a stopped host and a backup of it, `copy.db`: both have the event `first`.
async fn with_backup() -> Bed {
    let bed = bed();
    let host = bed.start().await;
    host.send(&told("first", "well")).await;
    host.settled("first").await;
    stopped(host).await;
    let ran = bed.run(&["backup", "copy.db"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    bed
}

/// A command that fails, and why.
fn refused(bed: &Bed, arguments: &[&str], why: &[&str]) {
    let ran = bed.run(arguments);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}: {ran:?}");
    for part in why {
        assert!(ran.err.contains(part), "{arguments:?}: {part} in {ran:?}");
    }
}

/// What is in a directory, by name.
fn names(dir: impl AsRef<Path>) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_under_load_has_all_that_was_answered_before_and_a_host_goes_on_with_it() {
    let (bed, elsewhere) = (bed(), bed());
    let host = bed.start().await;
    for n in 0..100 {
        assert_eq!(host.send(&told(&format!("before_{n}"), "well")).await.code.as_u16(), 202);
    }
    host.send(&told("later", "retry-until 2")).await;
    host.send(&told("waits", "retry-after 3600000")).await;
    host.event_when("waits", "it waits", |event| event["state"] == "waiting").await;
    let load = Load::start(&host, 4, (0..50_000).map(|n| told(&format!("load_{n}"), "well")).collect());
    while load.accepted() < 50 {
        tokio::task::yield_now().await;
    }
    let file = elsewhere.path("copy.db");
    let ran = run(bed.command(&["backup", file.to_str().unwrap()])).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.starts_with(&format!("{}: ", file.display())), "{ran:?}");
    let sent = load.stop().await;
    assert!(sent.iter().all(Sent::accepted));
    all_but_one_have_run(&bed).await;
    assert_eq!(host.events("&state=done").await.len(), 101 + sent.len(), "the host has not noticed");

    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&elsewhere), ["copy.db", "hookyard.toml", "plugins"]);
    let ran = elsewhere.run(&["restore", "copy.db"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.contains("hookyard.db: events up to 2") && ran.out.contains("to be run"), "{ran:?}");

    let restored = elsewhere.start().await;
    all_but_one_have_run(&elsewhere).await;
    for n in 0..100 {
        let event = restored.event(&format!("before_{n}")).await.unwrap();
        assert_eq!(event["state"], "done", "{event}");
        assert_eq!(restored.send(&told(&format!("before_{n}"), "well")).await.status(), "duplicate");
    }
    assert_eq!(restored.event("later").await.unwrap()["state"], "done");
    assert_eq!(restored.event("waits").await.unwrap()["state"], "waiting");
    restored.send(&told("after", "well")).await;
    assert_eq!(restored.settled("after").await["state"], "done");
}

#[tokio::test]
async fn what_was_open_runs_again_with_the_same_key() {
    let (bed, elsewhere) = (bed(), bed());
    bed.configure("[plugin.actor]\ncall_timeout_ms = 60_000\n");
    let host = bed.start().await;
    host.send(&told("runs", "busy 1000")).await;
    host.event_when("runs", "it runs", |event| event["state"] == "running").await;
    let file = elsewhere.path("copy.db");
    assert_eq!(bed.run(&["backup", file.to_str().unwrap()]).code, 0);
    let ran = elsewhere.run(&["restore", "copy.db"]);
    assert!(ran.out.contains("1 delivery to be run"), "{ran:?}");
    assert_eq!(host.settled("runs").await["state"], "done");

    let restored = elsewhere.start().await;
    let event = restored.settled("runs").await;
    assert_eq!(
        (&event["state"], &event["deliveries"][0]["attempts"][0]["number"]),
        (&json!("done"), &json!(1))
    );
}

#[tokio::test]
async fn a_restored_database_is_the_one_of_the_backup_and_nothing_of_the_other() {
    let bed = with_backup().await;
    let host = bed.start().await;
    host.send(&told("second", "well")).await;
    host.settled("second").await;
    refused(&bed, &["restore", "copy.db", "--force"], &["hookyard.db is in use by another hookyard host"]);
    // Leaves its log behind, with what is not in the file yet.
    host.kill();
    assert!(names(bed.path("hookyard-data")).contains(&"hookyard.db-wal".into()));

    refused(&bed, &["restore", "copy.db"], &["hookyard.db exists already; --force replaces it"]);
    let ran = bed.run(&["restore", "copy.db", "--force"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let mode = fs::metadata(bed.path("hookyard-data/hookyard.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let host = bed.start().await;
    let ids: Vec<_> = host.events("").await.into_iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids, ["first"]);
    assert_eq!(host.send(&told("second", "well")).await.code.as_u16(), 202, "nobody knows of it");
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_leaves_nothing() {
    let bed = with_backup().await;
    let before = names(&bed);
    let original = fs::read(bed.path("copy.db")).unwrap();
    refused(&bed, &["backup", "copy.db"], &["copy.db exists already; --force replaces it"]);
    refused(&bed, &["backup", "nowhere/copy.db"], &["nowhere", "No such file"]);
    refused(&bed, &["backup", "plugins", "--force"], &["plugins is no file"]);
    let own = "hookyard-data/hookyard.db";
    refused(&bed, &["backup", own, "--force"], &["hookyard.db is the database itself"]);
    bed.replace("other.toml", b"[database]\nurl = \"sqlite:nowhere/x.db\"\n");
    refused(
        &bed,
        &["backup", "other.db", "--config", "other.toml"],
        &["there is no database at nowhere/x.db (`database.url`)"],
    );
    fs::remove_file(bed.path("other.toml")).unwrap();
    for (arguments, limit) in [("backup full.db", 8), ("backup copy.db --force", 8)] {
        let ran = limited(&bed, arguments, limit);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert!(ran.err.contains(".db: ") && !ran.err.contains("part"), "{ran:?}");
    }
    assert_eq!(names(&bed), before);
    assert!(fs::read(bed.path("copy.db")).unwrap() == original, "it is as it was");

    assert_eq!(bed.run(&["backup", "copy.db", "--force"]).code, 0);
    assert_eq!(names(&bed), before);
}

#[tokio::test]
async fn what_is_no_backup_is_not_restored() {
    let bed = with_backup().await;
    let elsewhere = Bed::new("");
    let copy = fs::read(bed.path("copy.db")).unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(elsewhere.path(name), bytes).unwrap();
    put(
        "text",
        b"not a database, and longer than the header of one would have to be, so that it is read as one",
    );
    put("empty", b"");
    put("cut", &copy[..copy.len() / 2]);
    put("in-use.db", &copy);
    put("in-use.db-wal", b"x");
    put("newer.db", &copy);
    put("other.db", b"");
    let sql = "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time
        FROM _sqlx_migrations LIMIT 1";
    elsewhere.alter_file("newer.db", sql).await;
    elsewhere.alter_file("other.db", "CREATE TABLE x (y)").await;
    for (file, why) in [
        ("text", &["text: ", "file is not a database"][..]),
        ("empty", &["empty: file is not a database"]),
        ("other.db", &["other.db: it has not the tables of a hookyard database"]),
        ("cut", &["cut: "]),
        ("in-use.db", &["in-use.db is a database in use, with in-use.db-wal beside it"]),
        ("newer.db", &["newer.db: its tables are of version 9999", "use a newer one"]),
        ("missing", &["missing: No such file"]),
        ("plugins", &["plugins is no regular file"]),
    ] {
        refused(&elsewhere, &["restore", file], why);
        let data = elsewhere.path("hookyard-data");
        let left = if data.exists() { names(data) } else { Vec::new() };
        assert!(left.iter().all(|name| name == "hookyard.db.lock"), "{file}: {left:?}");
    }
    let own = "hookyard-data/hookyard.db";
    refused(&bed, &["restore", own, "--force"], &["hookyard.db is the database itself"]);

    fs::copy(bed.path("copy.db"), elsewhere.path("copy.db")).unwrap();
    let ran = limited(&elsewhere, "restore copy.db", 8);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert_eq!(names(elsewhere.path("hookyard-data")), ["hookyard.db.lock"]);
    assert_eq!(elsewhere.run(&["restore", "copy.db"]).code, 0);

    // A host does not touch what a newer one made either.
    elsewhere.alter(sql).await;
    let ran = elsewhere.run(&["serve"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err
            .contains("cannot open the database: hookyard-data/hookyard.db: its tables are of version 9999")
    );
}

/// Runs a command that may not write files larger than so many KiB, as if there were no room for them.
fn limited(bed: &Bed, arguments: &str, kib: u32) -> Ran {
    let program = bed.command(&[]).get_program().to_str().unwrap().to_owned();
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec {program} {arguments}");
    Ran::of(Command::new("bash").args(["-c", &script]).current_dir(bed))
}
