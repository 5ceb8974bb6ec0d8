//! Changes of the plugins directory in every way that editors, copy tools and deployments use.
//!
//! The hosts here scan the directory without a notification only once an hour. So a test passes only if the
//! host noticed the change.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest};

const NOTICED: &str = "[plugins]\nrescan_interval_ms = 3_600_000\nremoval_grace_ms = 100\n";

/// So many revisions of one plugin.
fn revisions<const N: usize>() -> [Vec<u8>; N] {
    std::array::from_fn(|number| distinct_copy(&guest("actor"), number))
}

fn act_event(id: &str, act: &str) -> Event {
    Event::with_payload("any.type", id, &json!({ "act": act }))
}

/// Another link in place of one, in one step.
fn relink(dir: &HostDir, link: &str, target: &str) {
    let beside = dir.path(&format!("{link}.new"));
    symlink(target, &beside).unwrap();
    fs::rename(beside, dir.path(link)).unwrap();
}

/// The plugin runs these bytes now, and an event says the same.
async fn runs(host: &RunningHost<'_>, bytes: &[u8], id: &str) {
    host.wait_revision("actor", bytes).await;
    host.send(&act_event(id, "well")).await;
    let event = host.wait_finished(id).await;
    let digest = hookyard::event::Digest::of(bytes).to_string();
    assert_eq!(event["deliveries"][0]["attempts"][0]["revision"], digest.as_str(), "{event}");
}

#[tokio::test]
async fn a_file_added_or_replaced_in_any_way_is_loaded() {
    let dir = HostDir::new(NOTICED);
    let [added, renamed, in_place, created] = revisions();
    let file = dir.plugin_file("actor");
    let host = dir.start().await;
    assert!(host.plugin("actor").await.is_none());
    // Copied to its place.
    fs::write(&file, &added).unwrap();
    runs(&host, &added, "evt_added").await;
    // Another file renamed over it.
    dir.install("actor", &renamed);
    runs(&host, &renamed, "evt_renamed").await;
    // Written over: the same inode.
    File::options().write(true).truncate(true).open(&file).unwrap().write_all(&in_place).unwrap();
    runs(&host, &in_place, "evt_in_place").await;
    // Removed and made anew.
    fs::remove_file(&file).unwrap();
    fs::write(&file, &created).unwrap();
    runs(&host, &created, "evt_created").await;
}

#[tokio::test]
async fn a_partly_written_file_changes_nothing_until_it_is_complete() {
    let dir = HostDir::new(NOTICED);
    let [old, new] = revisions();
    dir.install("actor", &old);
    let host = dir.start().await;
    let (half, rest) = new.split_at(new.len() / 2);
    let mut file = File::options().write(true).truncate(true).open(dir.plugin_file("actor")).unwrap();
    file.write_all(half).unwrap();
    file.flush().unwrap();
    let refused =
        host.wait_plugin("actor", "the half is refused", |plugin| !plugin["refusal"].is_null()).await;
    assert_eq!(refused["revision"], hookyard::event::Digest::of(&old).to_string().as_str());
    runs(&host, &old, "evt_meanwhile").await;
    file.write_all(rest).unwrap();
    drop(file);
    runs(&host, &new, "evt_whole").await;
    assert!(host.plugin("actor").await.unwrap()["refusal"].is_null());
}

#[tokio::test]
async fn a_link_to_a_file_is_followed_when_it_or_the_file_changes() {
    let dir = HostDir::new(NOTICED);
    let [first, second, third] = revisions();
    fs::create_dir(dir.path("builds")).unwrap();
    dir.replace("builds/first.wasm", &first);
    dir.replace("builds/second.wasm", &second);
    symlink("../builds/first.wasm", dir.plugin_file("actor")).unwrap();
    let host = dir.start().await;
    runs(&host, &first, "evt_first").await;
    relink(&dir, "plugins/actor.wasm", "../builds/second.wasm");
    runs(&host, &second, "evt_second").await;
    dir.replace("builds/second.wasm", &third);
    runs(&host, &third, "evt_third").await;
}

/// What Kubernetes does with a mounted `ConfigMap`: files are links through `..data`, and it is that link
/// that is replaced.
#[tokio::test]
async fn a_volume_whose_data_link_is_switched_is_followed() {
    let dir = HostDir::new(NOTICED);
    let [first, second] = revisions();
    let volume = |version: &str, bytes: &[u8]| {
        fs::create_dir(dir.path(&format!("plugins/{version}"))).unwrap();
        dir.replace(&format!("plugins/{version}/actor.wasm"), bytes);
    };
    volume("..2026_01_01", &first);
    symlink("..2026_01_01", dir.path("plugins/..data")).unwrap();
    symlink("..data/actor.wasm", dir.plugin_file("actor")).unwrap();
    let host = dir.start().await;
    runs(&host, &first, "evt_first").await;
    volume("..2026_01_02", &second);
    relink(&dir, "plugins/..data", "..2026_01_02");
    fs::remove_dir_all(dir.path("plugins/..2026_01_01")).unwrap();
    runs(&host, &second, "evt_second").await;
}

/// What Capistrano does: the directory lies below a link to the current release.
#[tokio::test]
async fn a_directory_below_a_link_is_followed_when_the_link_is_switched() {
    let dir = HostDir::new(&format!("{NOTICED}dir = \"current/plugins\"\n"));
    let [first, second, third, fourth] = revisions();
    for (release, bytes) in [("1", &first), ("2", &second)] {
        fs::create_dir_all(dir.path(&format!("releases/{release}/plugins"))).unwrap();
        dir.replace(&format!("releases/{release}/plugins/actor.wasm"), bytes);
    }
    symlink("releases/1", dir.path("current")).unwrap();
    let host = dir.start().await;
    runs(&host, &first, "evt_first").await;
    relink(&dir, "current", "releases/2");
    runs(&host, &second, "evt_second").await;
    // Changes are noticed there too.
    dir.replace("releases/2/plugins/actor.wasm", &third);
    runs(&host, &third, "evt_third").await;
    // And there after a way back.
    relink(&dir, "current", "releases/1");
    runs(&host, &first, "evt_back").await;
    dir.replace("releases/1/plugins/actor.wasm", &fourth);
    runs(&host, &fourth, "evt_fourth").await;
}

#[tokio::test]
async fn a_directory_that_is_itself_a_link_is_followed_and_so_are_links_in_it() {
    let dir = HostDir::new(NOTICED);
    let [first, second, third, other] = revisions();
    fs::remove_dir(dir.path("plugins")).unwrap();
    for (store, bytes) in [("one", &first), ("two", &second)] {
        fs::create_dir_all(dir.path(store)).unwrap();
        dir.replace(&format!("{store}/actor-1.wasm.bin"), bytes);
        symlink("actor-1.wasm.bin", dir.path(&format!("{store}/actor.wasm"))).unwrap();
    }
    symlink("one", dir.path("plugins")).unwrap();
    let host = dir.start().await;
    runs(&host, &first, "evt_first").await;
    // A file beside, in a directory that has two names: its own, and the link's.
    dir.replace("one/other.wasm", &other);
    host.wait_revision("other", &other).await;
    relink(&dir, "plugins", "two");
    host.wait_revision("actor", &second).await;
    host.wait_removed("other").await;
    dir.replace("two/actor-1.wasm.bin", &third);
    host.wait_revision("actor", &third).await;
    dir.replace("two/other.wasm", &other);
    host.wait_revision("other", &other).await;
}

#[tokio::test]
async fn a_directory_that_appears_later_is_watched() {
    let dir = HostDir::new(&format!("{NOTICED}dir = \"not/yet/there\"\n"));
    let [first, second] = revisions();
    let host = dir.start().await;
    host.wait_log(&["WARN", "not/yet/there", "cannot be read"]).await;
    fs::create_dir(dir.path("not")).unwrap();
    fs::create_dir(dir.path("not/yet")).unwrap();
    fs::create_dir(dir.path("not/yet/there")).unwrap();
    dir.replace("not/yet/there/actor.wasm", &first);
    runs(&host, &first, "evt_first").await;
    dir.replace("not/yet/there/actor.wasm", &second);
    runs(&host, &second, "evt_second").await;
}

#[tokio::test]
async fn a_directory_that_is_removed_and_created_again_is_watched() {
    let dir = HostDir::new(NOTICED);
    let [first, second, third, fourth, fifth] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    // As long as it is away nothing is known, so what runs stays.
    fs::rename(dir.path("plugins"), dir.path("away")).unwrap();
    host.wait_log(&["WARN", "cannot be read"]).await;
    runs(&host, &first, "evt_away").await;
    fs::create_dir(dir.path("plugins")).unwrap();
    dir.install("actor", &second);
    runs(&host, &second, "evt_second").await;
    // At once, before the host can have looked: the file system may give it the same number again.
    fs::remove_dir_all(dir.path("plugins")).unwrap();
    fs::create_dir(dir.path("plugins")).unwrap();
    dir.install("actor", &third);
    runs(&host, &third, "evt_third").await;
    dir.install("actor", &fourth);
    runs(&host, &fourth, "evt_fourth").await;
    // Away and back at once: it is the same one.
    fs::rename(dir.path("plugins"), dir.path("aside")).unwrap();
    fs::rename(dir.path("aside"), dir.path("plugins")).unwrap();
    dir.install("other", &first);
    host.wait_revision("other", &first).await;
    dir.install("actor", &fifth);
    runs(&host, &fifth, "evt_fifth").await;
}

#[tokio::test]
async fn a_file_added_while_a_new_directory_loads_is_noticed() {
    let dir = HostDir::new(&format!("{NOTICED}dir = \"later\"\n"));
    let [first, second, third, last] = revisions();
    let host = dir.start().await;
    fs::create_dir(dir.path("made")).unwrap();
    for (name, bytes) in [("a", &first), ("b", &second), ("c", &third)] {
        dir.replace(&format!("made/{name}.wasm"), bytes);
    }
    fs::rename(dir.path("made"), dir.path("later")).unwrap();
    // The first of them is there, the others are still being compiled.
    host.wait_log(&["plugin loaded", "\"a\""]).await;
    dir.replace("later/d.wasm", &last);
    host.wait_revision("d", &last).await;
}

#[tokio::test]
async fn a_removed_file_removes_its_plugin_and_holds_its_deliveries_until_it_is_back() {
    let settings = |concurrency| {
        format!(
            "{NOTICED}[plugin.actor]\ncall_timeout_ms = 3_600_000\nattempts_max = 2\nconcurrency = {concurrency}\n"
        )
    };
    let dir = HostDir::new(&settings(2));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    // Two that run for long, one behind them, and one that waits for its second attempt.
    host.send(&act_event("evt_waits", "retry-after 1")).await;
    host.send(&act_event("evt_later", "retry-after 3600000")).await;
    host.wait_event("evt_later", "it waits", |event| event["state"] == "waiting").await;
    assert_eq!(host.wait_finished("evt_waits").await["state"], "dead");
    for id in ["evt_long_1", "evt_long_2"] {
        host.send(&act_event(id, "loop")).await;
        host.wait_event(id, "it runs", |event| event["state"] == "running").await;
    }
    host.send(&act_event("evt_behind", "well")).await;

    fs::remove_file(dir.plugin_file("actor")).unwrap();
    host.wait_removed("actor").await;
    host.wait_log(&["plugin removed", "actor"]).await;
    for id in ["evt_behind", "evt_later"] {
        let event = host.wait_event(id, "it is held", |event| event["state"] == "held").await;
        assert_eq!(event["deliveries"][0]["plugin"], "actor", "{event}");
    }
    assert_eq!(host.event("evt_long_1").await.unwrap()["state"], "running", "calls in flight go on");
    assert_eq!(host.send(&act_event("evt_nobody", "well")).await.json["deliveries"], 0);

    dir.configure(&settings(3));
    host.wait_log(&["configuration changed"]).await;
    dir.install("actor", &guest("actor"));
    let event = host.wait_event("evt_behind", "it is done", |event| event["state"] == "done").await;
    assert_eq!(event["deliveries"][0]["attempts"].as_array().unwrap().len(), 1, "{event}");
    assert_eq!(host.event("evt_later").await.unwrap()["state"], "waiting");
    assert_eq!(host.event("evt_nobody").await.unwrap()["state"], "unhandled");
}

#[tokio::test]
async fn other_files_are_ignored_and_an_invalid_name_is_reported() {
    let dir = HostDir::new(NOTICED);
    let [bytes] = revisions();
    for name in ["notes.txt", ".actor.wasm", "actor.wasm.part", "actor", "ACTOR.WASM", "wasm", ".wasm"] {
        fs::write(dir.path("plugins").join(name), &bytes).unwrap();
    }
    fs::create_dir(dir.path("plugins/folder.wasm")).unwrap();
    symlink("nowhere", dir.path("plugins/dangling.wasm")).unwrap();
    fs::write(dir.path("plugins/no name.wasm"), &bytes).unwrap();
    let host = dir.start().await;
    fs::write(dir.path("plugins/-dash.wasm"), &bytes).unwrap();
    for name in ["no name.wasm", "-dash.wasm"] {
        host.wait_log(&["WARN", name, "is no plugin"]).await;
    }
    dir.install("z", &bytes);
    host.wait_revision("z", &bytes).await;
    let (_, plugins) = host.api_get("/api/v1/plugins").await;
    let names: Vec<&str> =
        plugins["items"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["z"]);
}

#[tokio::test]
async fn a_touched_file_or_the_same_content_again_swaps_nothing() {
    let dir = HostDir::new(NOTICED);
    let [bytes, other] = revisions();
    dir.install("actor", &bytes);
    let host = dir.start().await;
    let before = host.plugin("actor").await.unwrap();
    File::options()
        .write(true)
        .open(dir.plugin_file("actor"))
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    seen(&dir, &host, "z1", &other).await;
    dir.install("actor", &bytes);
    seen(&dir, &host, "z2", &other).await;
    fs::write(dir.plugin_file("actor"), &bytes).unwrap();
    seen(&dir, &host, "z3", &other).await;
    assert_eq!(host.plugin("actor").await.unwrap(), before);
    let loaded = |line: &&str| {
        line.contains("\"actor\"") && (line.contains("plugin loaded") || line.contains("swapped"))
    };
    assert_eq!(host.flushed_log().await.lines().filter(loaded).count(), 1);
}

/// Waits until the host has looked at what was changed before: it looks at files in the order of their
/// names, and `later` comes after them.
async fn seen(dir: &HostDir, host: &RunningHost<'_>, later: &str, bytes: &[u8]) {
    dir.install(later, bytes);
    host.wait_revision(later, bytes).await;
}

#[tokio::test]
async fn a_change_without_a_notification_is_found_at_the_next_scan() {
    let dir = HostDir::new("[plugins]\nrescan_interval_ms = 200\n");
    let [first, second] = revisions();
    fs::create_dir(dir.path("far")).unwrap();
    dir.replace("far/first.wasm", &first);
    dir.replace("far/second.wasm", &second);
    // A link to a link: neither the directory nor the file at the end changes.
    fs::create_dir(dir.path("between")).unwrap();
    symlink("../far/first.wasm", dir.path("between/link")).unwrap();
    symlink("../between/link", dir.plugin_file("actor")).unwrap();
    let host = dir.start().await;
    runs(&host, &first, "evt_first").await;
    relink(&dir, "between/link", "../far/second.wasm");
    runs(&host, &second, "evt_second").await;
}
