//! A database file that is no database, is damaged or is read-only. The host does not start, names the file
//! and a remedy, and starts after the remedy.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{CommandOutput, Event, HostDir, guest};

/// A host that has done one event and is stopped.
async fn stopped() -> (HostDir, PathBuf) {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::created("evt_before")).await;
    host.wait_finished("evt_before").await;
    host.terminate();
    assert_eq!(host.wait_exit().await.code(), Some(0));
    let file = dir.path("hookyard-data/hookyard.db");
    (dir, file)
}

/// The error of a host that does not start.
fn refusal(output: &CommandOutput) -> &str {
    assert_eq!(output.code, 1, "{output:?}");
    output.err.trim()
}

async fn starts_with_what_it_had(dir: &HostDir) {
    let host = dir.start().await;
    assert_eq!(host.event("evt_before").await.unwrap()["state"], "done");
    assert_eq!(host.send(&Event::created("evt_after")).await.code, 202);
    assert_eq!(host.wait_finished("evt_after").await["state"], "done");
}

#[tokio::test]
async fn a_file_that_is_no_database_or_is_damaged_is_named_with_a_remedy() {
    let (dir, file) = stopped().await;
    let good = fs::read(&file).unwrap();
    let half = good[..good.len() / 2].to_vec();
    let mut scribbled = good.clone();
    scribbled[200..40_000].fill(0x5a);
    for (damaged, what) in [
        (
            &b"no database, but some text that somebody wrote over it, longer than a header of one"[..],
            "no SQLite database",
        ),
        (&half, "damaged"),
        (&scribbled, "damaged"),
    ] {
        fs::write(&file, damaged).unwrap();
        let output = dir.run(&["serve"]);
        let said = refusal(&output);
        assert!(said.contains(what) && said.contains("hookyard-data/hookyard.db"), "{said}");
        assert!(said.contains("backup") && said.contains("move it away"), "{said}");
        assert_eq!(fs::read(&file).unwrap(), damaged, "it is left as it was");
    }
    fs::write(&file, &good).unwrap();
    starts_with_what_it_had(&dir).await;
}

#[tokio::test]
async fn a_read_only_file_is_named_with_a_remedy() {
    let (dir, file) = stopped().await;
    let lock = dir.path("hookyard-data/hookyard.db.lock");
    for path in [&file, &lock] {
        with_mode(path, 0o400, || {
            let output = CommandOutput::run(&mut without_privileges(&dir));
            let said = refusal(&output);
            assert!(said.contains(path.file_name().unwrap().to_str().unwrap()), "{said}");
            assert!(said.contains("Permission denied") && said.contains("write"), "{said}");
        });
    }
    with_mode(&dir.path("hookyard-data"), 0o500, || {
        let output = CommandOutput::run(&mut without_privileges(&dir));
        assert!(refusal(&output).contains("hookyard-data"), "{output:?}");
    });
    starts_with_what_it_had(&dir).await;
}

fn with_mode(path: &Path, mode: u32, then: impl FnOnce()) {
    let before = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    then();
    fs::set_permissions(path, before).unwrap();
}

/// A host for which permissions hold, though root runs the test.
fn without_privileges(dir: &HostDir) -> Command {
    let own = dir.command(&["serve"]);
    if CommandOutput::run(Command::new("id").arg("-u")).out.trim() != "0" {
        return own;
    }
    let mut command = Command::new("setpriv");
    command.args(["--inh-caps=-all", "--bounding-set=-all"]).arg(own.get_program()).arg("serve");
    command.current_dir(dir.path(""));
    command
}
