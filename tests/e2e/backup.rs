//! Backups under load, and hosts that run on a restored database.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::{CommandOutput, Event, HostDir, Load, Partner, Reply, SentEvent, guest, wait_until};

fn act_event(id: &str, act: &str) -> Event {
    Event::with_payload("any.type", id, &json!({ "act": act }))
}

fn host_dir() -> HostDir {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    dir
}

/// Runs a command on another thread, so that the test continues meanwhile.
async fn run(mut command: Command) -> CommandOutput {
    tokio::task::spawn_blocking(move || CommandOutput::run(&mut command)).await.unwrap()
}

async fn all_but_one_have_run(dir: &HostDir) {
    let open = "SELECT count(*) FROM delivery WHERE due_at IS NOT NULL";
    wait_until("all but one have run", async || (dir.number(open).await == 1).then_some(())).await;
}

/// A place with the database of a stopped host and a backup of it, `copy.db`: both have the event `first`.
async fn with_backup() -> HostDir {
    let dir = host_dir();
    let host = dir.start().await;
    host.send(&act_event("first", "well")).await;
    host.wait_finished("first").await;
    host.stop().await;
    let output = dir.run(&["backup", "copy.db"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    dir
}

/// A command that fails, and why.
fn refused(dir: &HostDir, arguments: &[&str], why: &[&str]) {
    let output = dir.run(arguments);
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{arguments:?}: {output:?}");
    for part in why {
        assert!(output.err.contains(part), "{arguments:?}: {part} in {output:?}");
    }
}

/// The names in a directory, sorted.
fn names(dir: impl AsRef<Path>) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_under_load_contains_all_acknowledged_events_and_a_host_runs_on_it() {
    let (dir, elsewhere) = (host_dir(), host_dir());
    let host = dir.start().await;
    for n in 0..100 {
        assert_eq!(host.send(&act_event(&format!("before_{n}"), "well")).await.code.as_u16(), 202);
    }
    host.send(&act_event("later", "retry-until 2")).await;
    host.send(&act_event("waits", "retry-after 3600000")).await;
    host.wait_event("waits", "it waits", |event| event["state"] == "waiting").await;
    let load = Load::start(&host, 4, (0..50_000).map(|n| act_event(&format!("load_{n}"), "well")).collect());
    while load.accepted() < 50 {
        tokio::task::yield_now().await;
    }
    let file = elsewhere.path("copy.db");
    let output = run(dir.command(&["backup", file.to_str().unwrap()])).await;
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert!(output.out.starts_with(&format!("{}: ", file.display())), "{output:?}");
    let sent = load.stop().await;
    assert!(sent.iter().all(SentEvent::accepted));
    all_but_one_have_run(&dir).await;
    assert_eq!(host.events("&state=done").await.len(), 101 + sent.len(), "the host has not noticed");

    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&elsewhere), ["copy.db", "hookyard.toml", "plugins"]);
    let output = elsewhere.run(&["restore", "copy.db"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert!(
        output.out.contains("hookyard.db: events up to 2") && output.out.contains("to be run"),
        "{output:?}"
    );

    let restored = elsewhere.start().await;
    all_but_one_have_run(&elsewhere).await;
    for n in 0..100 {
        let event = restored.event(&format!("before_{n}")).await.unwrap();
        assert_eq!(event["state"], "done", "{event}");
        assert_eq!(restored.send(&act_event(&format!("before_{n}"), "well")).await.status(), "duplicate");
    }
    assert_eq!(restored.event("later").await.unwrap()["state"], "done");
    assert_eq!(restored.event("waits").await.unwrap()["state"], "waiting");
    restored.send(&act_event("after", "well")).await;
    assert_eq!(restored.wait_finished("after").await["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_deliveries_of_a_backup_run_with_the_same_key() {
    let is_copied = Arc::new(AtomicBool::new(false));
    let partner = Partner::start({
        let is_copied = Arc::clone(&is_copied);
        move |_, _| {
            // Other tasks of this thread go on elsewhere.
            tokio::task::block_in_place(|| {
                while !is_copied.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
            Reply::text(200, "")
        }
    })
    .await;
    let client = || {
        let dir = HostDir::new(&format!(
            "[http]\ntimeout_ms = 60_000\n[plugin.http-client]\ncall_timeout_ms = 60_000\nhttp = [\"{}\"]\n",
            partner.origin()
        ));
        dir.install("http-client", &guest("http-client"));
        dir
    };
    let (dir, elsewhere) = (client(), client());
    let host = dir.start().await;
    let fetch = json!({ "requests": [{ "host": partner.origin().replace("http://", "") }] });
    host.send(&Event::with_payload("fetch.now", "runs", &fetch)).await;
    host.wait_event("runs", "it runs", |event| event["state"] == "running").await;
    let file = elsewhere.path("copy.db");
    assert_eq!(dir.run(&["backup", file.to_str().unwrap()]).code, 0);
    let output = elsewhere.run(&["restore", "copy.db"]);
    assert!(output.out.contains("1 delivery to be run"), "{output:?}");
    is_copied.store(true, Ordering::Relaxed);
    assert_eq!(host.wait_finished("runs").await["state"], "done");

    let restored = elsewhere.start().await;
    let event = restored.wait_finished("runs").await;
    assert_eq!(
        (&event["state"], &event["deliveries"][0]["attempts"][0]["number"]),
        (&json!("done"), &json!(1))
    );
}

#[tokio::test]
async fn a_restored_database_contains_the_backup_and_nothing_else() {
    let dir = with_backup().await;
    let host = dir.start().await;
    host.send(&act_event("second", "well")).await;
    host.wait_finished("second").await;
    refused(&dir, &["restore", "copy.db", "--force"], &["hookyard.db is in use by another hookyard host"]);
    // Leaves its log behind, with what is not in the file yet.
    host.kill();
    assert!(names(dir.path("hookyard-data")).contains(&"hookyard.db-wal".into()));

    refused(&dir, &["restore", "copy.db"], &["hookyard.db exists already; --force replaces it"]);
    let output = dir.run(&["restore", "copy.db", "--force"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let mode = fs::metadata(dir.path("hookyard-data/hookyard.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let host = dir.start().await;
    let ids: Vec<_> = host.events("").await.into_iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids, ["first"]);
    assert_eq!(host.send(&act_event("second", "well")).await.code.as_u16(), 202, "nobody knows of it");
}

#[tokio::test]
async fn a_failed_backup_leaves_no_file() {
    let dir = with_backup().await;
    let before = names(&dir);
    let original = fs::read(dir.path("copy.db")).unwrap();
    refused(&dir, &["backup", "copy.db"], &["copy.db exists already; --force replaces it"]);
    refused(&dir, &["backup", "nowhere/copy.db"], &["nowhere", "No such file"]);
    refused(&dir, &["backup", "plugins", "--force"], &["plugins is no file"]);
    let own = "hookyard-data/hookyard.db";
    refused(&dir, &["backup", own, "--force"], &["hookyard.db is the database itself"]);
    dir.replace("other.toml", b"[database]\nurl = \"sqlite:nowhere/x.db\"\n");
    refused(
        &dir,
        &["backup", "other.db", "--config", "other.toml"],
        &["there is no database at nowhere/x.db (`database.url`)"],
    );
    fs::remove_file(dir.path("other.toml")).unwrap();
    for (arguments, limit) in [("backup full.db", 8), ("backup copy.db --force", 8)] {
        let output = limited(&dir, arguments, limit);
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
        assert!(output.err.contains(".db: ") && !output.err.contains("part"), "{output:?}");
    }
    assert_eq!(names(&dir), before);
    assert!(fs::read(dir.path("copy.db")).unwrap() == original, "it is as it was");

    assert_eq!(dir.run(&["backup", "copy.db", "--force"]).code, 0);
    assert_eq!(names(&dir), before);
}

#[tokio::test]
async fn a_file_that_is_no_backup_is_not_restored() {
    let dir = with_backup().await;
    let elsewhere = HostDir::new("");
    let copy = fs::read(dir.path("copy.db")).unwrap();
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
    elsewhere.alter_file("newer.db", "UPDATE program SET version = '7.2.0'").await;
    elsewhere.alter_file("other.db", "CREATE TABLE x (y)").await;
    for (file, why) in [
        ("text", &["text: ", "file is not a database"][..]),
        ("empty", &["empty: file is not a database"]),
        ("other.db", &["other.db: it has not the tables of a hookyard database"]),
        ("cut", &["cut: "]),
        ("in-use.db", &["in-use.db is a database in use, with in-use.db-wal beside it"]),
        (
            "newer.db",
            &["newer.db: its tables are of version 9999, made by hookyard 7.2.0", "use a newer one"],
        ),
        ("missing", &["missing: No such file"]),
        ("plugins", &["plugins is no regular file"]),
    ] {
        refused(&elsewhere, &["restore", file], why);
        let data = elsewhere.path("hookyard-data");
        let left = if data.exists() { names(data) } else { Vec::new() };
        assert!(left.iter().all(|name| name == "hookyard.db.lock"), "{file}: {left:?}");
    }
    let own = "hookyard-data/hookyard.db";
    refused(&dir, &["restore", own, "--force"], &["hookyard.db is the database itself"]);

    fs::copy(dir.path("copy.db"), elsewhere.path("copy.db")).unwrap();
    let output = limited(&elsewhere, "restore copy.db", 8);
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    assert_eq!(names(elsewhere.path("hookyard-data")), ["hookyard.db.lock"]);
    assert_eq!(elsewhere.run(&["restore", "copy.db"]).code, 0);

    // A host does not change the database of a newer version.
    elsewhere.alter(sql).await;
    let output = elsewhere.run(&["serve"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output
            .err
            .contains("cannot open the database: hookyard-data/hookyard.db: its tables are of version 9999")
    );
}

/// Runs a command that may not write files larger than so many KiB, as if there were no room for them.
fn limited(dir: &HostDir, arguments: &str, kib: u32) -> CommandOutput {
    let program = dir.command(&[]).get_program().to_str().unwrap().to_owned();
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec {program} {arguments}");
    CommandOutput::run(Command::new("bash").args(["-c", &script]).current_dir(dir))
}

#[tokio::test]
async fn a_restore_is_the_next_entry_of_the_restored_audit_log() {
    let dir = with_backup().await;
    assert_eq!(dir.run(&["restore", "copy.db", "--force"]).code, 0);
    let _host = dir.start().await;
    let verified = dir.run(&["audit", "verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let entries = dir.run(&["audit", "list", "--action", "database.restore", "--json"]).json();
    let entry = &entries["items"][0];
    assert_eq!((&entry["kind"], &entry["result"]), (&json!("command"), &json!("done")), "{entry}");
    assert_eq!(
        (&entry["after"]["backup"], &entry["after"]["open_deliveries"]),
        (&json!("copy.db"), &json!(0))
    );
    assert_eq!(entries["items"].as_array().unwrap().len(), 1, "{entries}");
}
