//! The data directory and what is in it are the host's alone, or the host does not start.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use crate::support::Bed;

/// A bed in which a host ran once.
async fn used() -> Bed {
    let bed = Bed::new("");
    drop(bed.start().await);
    bed
}

/// Whether this process may give files to others.
fn is_root(bed: &Bed) -> bool {
    let is_root = fs::metadata(bed.path("hookyard.toml")).unwrap().uid() == 0;
    if !is_root {
        eprintln!("not tested: only root can give a file to another user");
    }
    is_root
}

/// The host does not start, and says all of these.
fn refused(bed: &Bed, parts: &[&str]) {
    let ran = bed.run(&["serve"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    for part in parts {
        assert!(ran.err.contains(part), "{ran:?} lacks {part}");
    }
}

#[tokio::test]
async fn a_data_directory_that_others_may_write_is_refused_with_what_to_do() {
    let bed = used().await;
    let dir = bed.path("hookyard-data");
    for mode in [0o770, 0o707, 0o1777] {
        fs::set_permissions(&dir, Permissions::from_mode(mode)).unwrap();
        refused(&bed, &["hookyard-data", &format!("mode {mode:o}"), "chmod go-w"]);
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
    drop(bed.start().await);
}

#[tokio::test]
async fn a_data_directory_of_another_user_is_refused() {
    let bed = used().await;
    if !is_root(&bed) {
        return;
    }
    for place in
        ["hookyard-data", "hookyard-data/cache", "hookyard-data/admin-token", "hookyard-data/cache-key"]
    {
        chown(bed.path(place), Some(4711), None).unwrap();
        refused(&bed, &[place, "another user (4711)"]);
        chown(bed.path(place), Some(0), None).unwrap();
    }
    drop(bed.start().await);
}

#[tokio::test]
async fn a_directory_of_the_database_that_others_may_write_is_refused() {
    let bed = Bed::new("[database]\nurl = \"sqlite:shared/hookyard.db\"\n");
    let text = fs::read_to_string(bed.path("hookyard.toml")).unwrap();
    let text = text.replace("[server]\n", "[server]\ndata_dir = \"own\"\n");
    bed.replace("hookyard.toml", text.as_bytes());
    fs::create_dir(bed.path("shared")).unwrap();
    fs::set_permissions(bed.path("shared"), Permissions::from_mode(0o777)).unwrap();
    refused(&bed, &["shared", "chmod go-w"]);
}

#[tokio::test]
async fn files_in_the_data_directory_that_are_links_or_writable_by_others_are_refused() {
    let bed = used().await;
    for place in ["hookyard-data/admin-token", "hookyard-data/cache-key"] {
        let (file, moved) = (bed.path(place), bed.path("moved"));
        fs::set_permissions(&file, Permissions::from_mode(0o622)).unwrap();
        refused(&bed, &[place, "chmod go-w"]);
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        fs::rename(&file, &moved).unwrap();
        symlink(&moved, &file).unwrap();
        refused(&bed, &[place, "symbolic link"]);
        fs::rename(&moved, &file).unwrap();
    }
    let host = bed.start().await;
    let written = ["admin-token", "cache-key", "listening.json"]
        .map(|name| fs::metadata(bed.path("hookyard-data").join(name)).unwrap().mode() & 0o777);
    assert_eq!(written, [0o600; 3]);
    assert_eq!(bed.run(&["event", "list"]).code, 0);
    drop(host);
}
