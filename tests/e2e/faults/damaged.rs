//! A database that is none, is damaged, or may not be written: the host does not start, says which file it
//! is and what to do, and starts once that is done.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Bed, Event, Ran, guest};

/// A host that has done one event and is stopped.
async fn stopped() -> (Bed, PathBuf) {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&Event::created("evt_before")).await;
    host.settled("evt_before").await;
    host.terminate();
    assert_eq!(host.ended().await.code(), Some(0));
    let file = bed.path("hookyard-data/hookyard.db");
    (bed, file)
}

/// What the host says instead of starting.
fn refusal(ran: &Ran) -> &str {
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.err.trim()
}

async fn starts_with_what_it_had(bed: &Bed) {
    let host = bed.start().await;
    assert_eq!(host.event("evt_before").await.unwrap()["state"], "done");
    assert_eq!(host.send(&Event::created("evt_after")).await.code, 202);
    assert_eq!(host.settled("evt_after").await["state"], "done");
}

#[tokio::test]
async fn a_file_that_is_no_database_or_is_damaged_is_named_with_what_to_do() {
    let (bed, file) = stopped().await;
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
        let ran = bed.run(&["serve"]);
        let said = refusal(&ran);
        assert!(said.contains(what) && said.contains("hookyard-data/hookyard.db"), "{said}");
        assert!(said.contains("backup") && said.contains("move it away"), "{said}");
        assert_eq!(fs::read(&file).unwrap(), damaged, "it is left as it was");
    }
    fs::write(&file, &good).unwrap();
    starts_with_what_it_had(&bed).await;
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_named_with_what_to_do() {
    let (bed, file) = stopped().await;
    let lock = bed.path("hookyard-data/hookyard.db.lock");
    for path in [&file, &lock] {
        with_mode(path, 0o400, || {
            let ran = Ran::of(&mut without_privileges(&bed));
            let said = refusal(&ran);
            assert!(said.contains(path.file_name().unwrap().to_str().unwrap()), "{said}");
            assert!(said.contains("Permission denied") && said.contains("write"), "{said}");
        });
    }
    with_mode(&bed.path("hookyard-data"), 0o500, || {
        let ran = Ran::of(&mut without_privileges(&bed));
        assert!(refusal(&ran).contains("hookyard-data"), "{ran:?}");
    });
    starts_with_what_it_had(&bed).await;
}

fn with_mode(path: &Path, mode: u32, then: impl FnOnce()) {
    let before = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    then();
    fs::set_permissions(path, before).unwrap();
}

/// A host for which permissions hold, though root runs the test.
fn without_privileges(bed: &Bed) -> Command {
    let own = bed.command(&["serve"]);
    if Ran::of(Command::new("id").arg("-u")).out.trim() != "0" {
        return own;
    }
    let mut command = Command::new("setpriv");
    command.args(["--inh-caps=-all", "--bounding-set=-all"]).arg(own.get_program()).arg("serve");
    command.current_dir(bed.path(""));
    command
}
