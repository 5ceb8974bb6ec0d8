//! A host does not start with a data directory or files in it that other users can write.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use crate::support::HostDir;

/// A dir in which a host ran once.
async fn used() -> HostDir {
    let dir = HostDir::new("");
    drop(dir.start().await);
    dir
}

/// Whether this process may give files to others.
fn is_root(dir: &HostDir) -> bool {
    let is_root = fs::metadata(dir.path("hookyard.toml")).unwrap().uid() == 0;
    if !is_root {
        eprintln!("not tested: only root can give a file to another user");
    }
    is_root
}

/// The host does not start, and says all of these.
fn refused(dir: &HostDir, parts: &[&str]) {
    let output = dir.run(&["serve"]);
    assert_eq!(output.code, 1, "{output:?}");
    for part in parts {
        assert!(output.err.contains(part), "{output:?} lacks {part}");
    }
}

#[tokio::test]
async fn a_data_directory_writable_by_others_is_refused_with_a_remedy() {
    let dir = used().await;
    let data_dir = dir.path("hookyard-data");
    for mode in [0o770, 0o707, 0o1777] {
        fs::set_permissions(&data_dir, Permissions::from_mode(mode)).unwrap();
        refused(&dir, &["hookyard-data", &format!("mode {mode:o}"), "chmod go-w"]);
    }
    fs::set_permissions(&data_dir, Permissions::from_mode(0o700)).unwrap();
    drop(dir.start().await);
}

#[tokio::test]
async fn a_data_directory_of_another_user_is_refused() {
    let dir = used().await;
    if !is_root(&dir) {
        return;
    }
    for place in
        ["hookyard-data", "hookyard-data/cache", "hookyard-data/admin-token", "hookyard-data/cache-key"]
    {
        chown(dir.path(place), Some(4711), None).unwrap();
        refused(&dir, &[place, "another user (4711)"]);
        chown(dir.path(place), Some(0), None).unwrap();
    }
    drop(dir.start().await);
}

#[tokio::test]
async fn a_database_directory_writable_by_others_is_refused() {
    let dir = HostDir::new("[database]\nurl = \"sqlite:shared/hookyard.db\"\n");
    let text = fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let text = text.replace("[server]\n", "[server]\ndata_dir = \"own\"\n");
    dir.replace("hookyard.toml", text.as_bytes());
    fs::create_dir(dir.path("shared")).unwrap();
    fs::set_permissions(dir.path("shared"), Permissions::from_mode(0o777)).unwrap();
    refused(&dir, &["shared", "chmod go-w"]);
}

#[tokio::test]
async fn files_in_the_data_directory_that_are_links_or_writable_by_others_are_refused() {
    let dir = used().await;
    for place in ["hookyard-data/admin-token", "hookyard-data/cache-key"] {
        let (file, moved) = (dir.path(place), dir.path("moved"));
        fs::set_permissions(&file, Permissions::from_mode(0o622)).unwrap();
        refused(&dir, &[place, "chmod go-w"]);
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        fs::rename(&file, &moved).unwrap();
        symlink(&moved, &file).unwrap();
        refused(&dir, &[place, "symbolic link"]);
        fs::rename(&moved, &file).unwrap();
    }
    let host = dir.start().await;
    let written = ["admin-token", "cache-key", "listening.json"]
        .map(|name| fs::metadata(dir.path("hookyard-data").join(name)).unwrap().mode() & 0o777);
    assert_eq!(written, [0o600; 3]);
    assert_eq!(dir.run(&["event", "list"]).code, 0);
    drop(host);
}
