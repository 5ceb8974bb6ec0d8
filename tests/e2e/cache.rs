//! The cache of compiled plugins: reuse at the next start, rejection of damaged or foreign files, and its
//! size limit.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use hookyard::event::Digest;
use serde_json::Value;

use crate::support::{Event, Handwritten, HostDir, distinct_copy, guest, wait_until};

fn cached(dir: &HostDir) -> Vec<std::path::PathBuf> {
    let inside =
        |dir: &Path| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    inside(&dir.path("hookyard-data/cache")).iter().flat_map(|dir| inside(dir)).collect()
}

fn loads(dir: &HostDir) -> Vec<String> {
    let lines = dir.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter_map(|line| {
            line["message"]
                .as_str()?
                .starts_with("plugin loaded")
                .then(|| line["from"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[tokio::test]
async fn compiled_code_is_reused_at_the_next_start_and_recompiled_if_damaged() {
    let dir = HostDir::new("");
    let bytes = guest("actor");
    dir.install("actor", &bytes);
    dir.start().await.stop().await;
    dir.start().await.stop().await;
    assert_eq!(loads(&dir), ["compile", "cache"]);
    let [entry] = cached(&dir).try_into().unwrap();
    let good = fs::read(&entry).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let mut expected = vec!["compile", "cache"];
    for damaged in [&flipped[..], &good[..good.len() / 2], b""] {
        fs::write(&entry, damaged).unwrap();
        let host = dir.start().await;
        let id = format!("evt_{}", damaged.len());
        host.send(&Event::created(&id)).await;
        assert_eq!(host.wait_finished(&id).await["state"], "done");
        host.stop().await;
        expected.push("compile");
        assert_eq!(loads(&dir), expected);
        let warnings =
            dir.log().lines().filter(|line| line.contains("WARN") && line.contains("compiled again")).count();
        assert_eq!(warnings, expected.len() - 2);
        assert_eq!(fs::read(&entry).unwrap().len(), good.len());
    }
}

#[tokio::test]
async fn a_cache_writable_by_others_is_refused_at_the_start_with_a_remedy() {
    let dir = HostDir::new("");
    let bytes = guest("actor");
    dir.install("actor", &bytes);
    dir.start().await.stop().await;
    let root = dir.path("hookyard-data/cache");
    let below = cached(&dir)[0].parent().unwrap().to_owned();
    for cache_dir in [&root, &below] {
        fs::set_permissions(cache_dir, fs::Permissions::from_mode(0o777)).unwrap();
        let output = dir.run(&["serve"]);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.err.contains("cannot be used") && output.err.contains("chmod go-w"), "{output:?}");
        fs::set_permissions(cache_dir, fs::Permissions::from_mode(0o700)).unwrap();
    }
    dir.start().await.stop().await;
    let moved = dir.path("moved");
    fs::rename(&root, &moved).unwrap();
    symlink(&moved, &root).unwrap();
    let output = dir.run(&["serve"]);
    assert!(output.code == 1 && output.err.contains("is a link or no directory"), "{output:?}");
}

/// An entry that another host made of the same file, and one of this host's for another file: whole both, and
/// taken as neither.
#[tokio::test]
async fn machine_code_of_another_host_or_file_is_not_loaded() {
    let (dir, other) = (HostDir::new(""), HostDir::new(""));
    for dir in [&dir, &other] {
        dir.install("small", &small(0));
        dir.start().await.stop().await;
    }
    let [own] = cached(&dir).try_into().unwrap();
    let [foreign] = cached(&other).try_into().unwrap();
    let good = fs::read(&own).unwrap();
    assert_eq!(good.len(), fs::read(&foreign).unwrap().len(), "the same code");
    fs::copy(&foreign, &own).unwrap();
    dir.start().await.stop().await;
    assert_eq!(loads(&dir), ["compile", "compile"]);
    let next = small(1);
    let moved = own.with_file_name(format!("{}.cwasm", Digest::of(&next)));
    fs::write(moved, good).unwrap();
    dir.install("small", &next);
    dir.start().await.stop().await;
    assert_eq!(loads(&dir), ["compile"; 3]);
}

#[tokio::test]
async fn an_entry_that_is_a_link_or_writable_by_others_is_not_loaded() {
    let dir = HostDir::new("");
    dir.install("small", &small(0));
    dir.start().await.stop().await;
    let [entry] = cached(&dir).try_into().unwrap();
    let moved = dir.path("moved");
    let harm: [&dyn Fn(); 2] = [
        &|| {
            fs::rename(&entry, &moved).unwrap();
            symlink(&moved, &entry).unwrap();
        },
        &|| fs::set_permissions(&entry, fs::Permissions::from_mode(0o622)).unwrap(),
    ];
    for (harmed, harm) in harm.iter().enumerate() {
        harm();
        dir.start().await.stop().await;
        assert_eq!(loads(&dir), vec!["compile"; harmed + 2]);
        assert_eq!(fs::symlink_metadata(&entry).unwrap().mode(), 0o100_600);
    }
}

#[tokio::test]
async fn a_cache_directory_replaced_under_a_running_host_is_not_used() {
    let (dir, other) = (HostDir::new(""), HostDir::new(""));
    for dir in [&dir, &other] {
        dir.install("small", &small(0));
    }
    other.install("small", &small(1));
    other.start().await.stop().await;
    let host = dir.start().await;
    let cache = dir.path("hookyard-data/cache");
    fs::rename(&cache, dir.path("moved")).unwrap();
    fs::rename(other.path("hookyard-data/cache"), &cache).unwrap();
    // Only the owner of the other cache can do this.
    fs::copy(other.path("hookyard-data/cache-key"), dir.path("hookyard-data/cache-key")).unwrap();
    dir.install("small", &small(1));
    host.wait_revision("small", &small(1)).await;
    let log = host.flushed_log().await;
    assert!(log.contains("\"from\":\"compile\",\"ms\""), "{log}");
    let swapped = log.lines().filter(|line| line.contains("plugin swapped")).collect::<Vec<_>>();
    assert!(swapped.len() == 1 && swapped[0].contains("\"compile\""), "{swapped:?}");
}

/// Each entry takes some 300 KB; three fit.
#[tokio::test]
async fn the_cache_stays_within_cache_max_bytes_and_evicts_the_least_recently_used() {
    const MAX: u64 = 1_048_576;
    let dir = HostDir::new("[runtime]\ncache_max_bytes = 1_048_576\n");
    dir.install("runs", &large(0));
    let host = dir.start().await;
    let names = || {
        let mut names: Vec<_> =
            cached(&dir).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let of = |marks: &[usize]| {
        let mut names: Vec<_> = marks.iter().map(|mark| Digest::of(&large(*mark)).to_string()).collect();
        names.sort();
        names
    };
    // What runs is the oldest all the time. 1 is used again before 3 needs a place, so 2 goes.
    for (mark, kept) in [
        (1, &[0, 1][..]),
        (2, &[0, 1, 2]),
        (1, &[0, 1, 2]),
        (3, &[0, 1, 3]),
        (4, &[0, 3, 4]),
        (3, &[0, 3, 4]),
    ] {
        dir.install("swapped", &large(mark));
        host.wait_revision("swapped", &large(mark)).await;
        wait_until(&format!("{mark} runs, {kept:?} are kept"), async || (names() == of(kept)).then_some(()))
            .await;
        let bytes: u64 = cached(&dir).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(bytes <= MAX && bytes > MAX / 2, "{bytes}");
    }
    host.stop().await;
    dir.start().await.stop().await;
    let at_start = loads(&dir)[2..].to_vec();
    assert_eq!(at_start[at_start.len() - 2..], ["cache", "cache"]);
}

#[tokio::test]
async fn code_that_does_not_fit_beside_running_code_is_not_cached() {
    let dir = HostDir::new("[runtime]\ncache_max_bytes = 1_048_576\n");
    for mark in 0..5 {
        dir.install(&format!("plugin-{mark}"), &large(mark));
    }
    let host = dir.start().await;
    host.wait_log(&["WARN", "is not kept for the next start", "runtime.cache_max_bytes is 1048576"]).await;
    let bytes: u64 = cached(&dir).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 1_048_576, "{bytes}");
    assert_eq!(cached(&dir).len(), 3);
}

fn small(mark: usize) -> Vec<u8> {
    distinct_copy(&Handwritten::default().component(), mark)
}

/// With so many bytes of data.
fn large(mark: usize) -> Vec<u8> {
    let data = format!("(data (i32.const 65536) \"{}\")", "x".repeat(200_000));
    distinct_copy(&Handwritten { core: &data, pages: 8, ..Handwritten::default() }.component(), mark)
}
