//! Compiled plugins are kept for the next start, and only what is whole and the host's own is used.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Bed, Event, guest};

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
    use std::os::unix::fs::PermissionsExt as _;
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
        assert!(ran.err.contains("is not safe") && ran.err.contains("chmod go-w"), "{ran:?}");
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    }
    drop(bed.start().await);
}
