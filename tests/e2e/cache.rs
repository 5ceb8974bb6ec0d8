//! Compiled plugins are kept for the next start, and only what is whole and the host's own is used.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use hookyard::event::Digest;
use serde_json::Value;

use crate::support::{Bed, Event, Handwritten, distinct, guest, until};

fn cached(bed: &Bed) -> Vec<std::path::PathBuf> {
    let inside =
        |dir: &Path| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    inside(&bed.path("hookyard-data/cache")).iter().flat_map(|dir| inside(dir)).collect()
}

fn loads(bed: &Bed) -> Vec<String> {
    let lines = bed.log();
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
async fn compiled_code_is_kept_for_the_next_start_and_made_again_where_it_is_damaged() {
    let bed = Bed::new("");
    let bytes = guest("actor");
    bed.install("actor", &bytes);
    drop(bed.start().await);
    drop(bed.start().await);
    assert_eq!(loads(&bed), ["compile", "cache"]);
    let [entry] = cached(&bed).try_into().unwrap();
    let good = fs::read(&entry).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let mut expected = vec!["compile", "cache"];
    for damaged in [&flipped[..], &good[..good.len() / 2], b""] {
        fs::write(&entry, damaged).unwrap();
        let host = bed.start().await;
        let id = format!("evt_{}", damaged.len());
        host.send(&Event::created(&id)).await;
        assert_eq!(host.settled(&id).await["state"], "done");
        drop(host);
        expected.push("compile");
        assert_eq!(loads(&bed), expected);
        let warnings =
            bed.log().lines().filter(|line| line.contains("WARN") && line.contains("compiled again")).count();
        assert_eq!(warnings, expected.len() - 2);
        assert_eq!(fs::read(&entry).unwrap().len(), good.len());
    }
}

#[tokio::test]
async fn a_cache_that_others_may_write_is_refused_at_the_start_with_what_to_do() {
    let bed = Bed::new("");
    let bytes = guest("actor");
    bed.install("actor", &bytes);
    drop(bed.start().await);
    let root = bed.path("hookyard-data/cache");
    let below = cached(&bed)[0].parent().unwrap().to_owned();
    for dir in [&root, &below] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
        let ran = bed.run(&["serve"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("cannot be used") && ran.err.contains("chmod go-w"), "{ran:?}");
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    }
    drop(bed.start().await);
    let moved = bed.path("moved");
    fs::rename(&root, &moved).unwrap();
    symlink(&moved, &root).unwrap();
    let ran = bed.run(&["serve"]);
    assert!(ran.code == 1 && ran.err.contains("is a link or no directory"), "{ran:?}");
}

/// An entry that another host made of the same file, and one of this host's for another file: whole both, and
/// taken as neither.
#[tokio::test]
async fn machine_code_of_another_host_or_file_is_not_loaded() {
    let (bed, other) = (Bed::new(""), Bed::new(""));
    for bed in [&bed, &other] {
        bed.install("small", &small(0));
        drop(bed.start().await);
    }
    let [own] = cached(&bed).try_into().unwrap();
    let [foreign] = cached(&other).try_into().unwrap();
    let good = fs::read(&own).unwrap();
    assert_eq!(good.len(), fs::read(&foreign).unwrap().len(), "the same code");
    fs::copy(&foreign, &own).unwrap();
    drop(bed.start().await);
    assert_eq!(loads(&bed), ["compile", "compile"]);
    let next = small(1);
    let moved = own.with_file_name(format!("{}.cwasm", Digest::of(&next)));
    fs::write(moved, good).unwrap();
    bed.install("small", &next);
    drop(bed.start().await);
    assert_eq!(loads(&bed), ["compile"; 3]);
}

#[tokio::test]
async fn an_entry_that_is_a_link_or_writable_by_others_is_not_loaded() {
    let bed = Bed::new("");
    bed.install("small", &small(0));
    drop(bed.start().await);
    let [entry] = cached(&bed).try_into().unwrap();
    let moved = bed.path("moved");
    let harm: [&dyn Fn(); 2] = [
        &|| {
            fs::rename(&entry, &moved).unwrap();
            symlink(&moved, &entry).unwrap();
        },
        &|| fs::set_permissions(&entry, fs::Permissions::from_mode(0o622)).unwrap(),
    ];
    for (harmed, harm) in harm.iter().enumerate() {
        harm();
        drop(bed.start().await);
        assert_eq!(loads(&bed), vec!["compile"; harmed + 2]);
        assert_eq!(fs::symlink_metadata(&entry).unwrap().mode(), 0o100_600);
    }
}

#[tokio::test]
async fn a_cache_directory_exchanged_under_a_running_host_is_not_looked_at() {
    let (bed, other) = (Bed::new(""), Bed::new(""));
    for bed in [&bed, &other] {
        bed.install("small", &small(0));
    }
    other.install("small", &small(1));
    drop(other.start().await);
    let host = bed.start().await;
    let cache = bed.path("hookyard-data/cache");
    fs::rename(&cache, bed.path("moved")).unwrap();
    fs::rename(other.path("hookyard-data/cache"), &cache).unwrap();
    // What only whoever owns the other cache can do.
    fs::copy(other.path("hookyard-data/cache-key"), bed.path("hookyard-data/cache-key")).unwrap();
    bed.install("small", &small(1));
    host.runs("small", &small(1)).await;
    assert!(bed.log().contains("\"from\":\"compile\",\"ms\""), "{}", bed.log());
    let swapped = bed
        .log()
        .lines()
        .filter(|line| line.contains("plugin swapped"))
        .map(str::to_owned)
        .collect::<Vec<_>>();
    assert!(swapped.len() == 1 && swapped[0].contains("\"compile\""), "{swapped:?}");
}

/// Each entry takes some 300 KB; three fit.
#[tokio::test]
async fn the_cache_never_exceeds_cache_max_bytes_and_drops_what_was_used_longest_ago() {
    const MAX: u64 = 1_048_576;
    let bed = Bed::new("[runtime]\ncache_max_bytes = 1_048_576\n");
    bed.install("runs", &large(0));
    let host = bed.start().await;
    let names = || {
        let mut names: Vec<_> =
            cached(&bed).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
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
        bed.install("swapped", &large(mark));
        host.runs("swapped", &large(mark)).await;
        until(&format!("{mark} runs, {kept:?} are kept"), async || (names() == of(kept)).then_some(())).await;
        let bytes: u64 = cached(&bed).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(bytes <= MAX && bytes > MAX / 2, "{bytes}");
    }
    drop(host);
    drop(bed.start().await);
    let at_start = loads(&bed)[2..].to_vec();
    assert_eq!(at_start[at_start.len() - 2..], ["cache", "cache"]);
}

#[tokio::test]
async fn code_that_has_no_place_beside_what_runs_is_not_kept() {
    let bed = Bed::new("[runtime]\ncache_max_bytes = 1_048_576\n");
    for mark in 0..5 {
        bed.install(&format!("plugin-{mark}"), &large(mark));
    }
    let host = bed.start().await;
    host.logged(&["WARN", "is not kept for the next start", "runtime.cache_max_bytes is 1048576"]).await;
    let bytes: u64 = cached(&bed).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 1_048_576, "{bytes}");
    assert_eq!(cached(&bed).len(), 3);
}

fn small(mark: usize) -> Vec<u8> {
    distinct(&Handwritten::default().component(), mark)
}

/// With so many bytes of data.
fn large(mark: usize) -> Vec<u8> {
    let data = format!("(data (i32.const 65536) \"{}\")", "x".repeat(200_000));
    distinct(&Handwritten { core: &data, pages: 8, ..Handwritten::default() }.component(), mark)
}
