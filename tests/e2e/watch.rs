//! The plugins directory is changed in every way that editors, copy tools and deployments have.
//!
//! Hosts here look at the directory without a hint once an hour only: what is found is found because
//! the change was noticed.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{Bed, Event, Host, distinct, guest};

const NOTICED: &str = "[plugins]\nrescan_interval_ms = 3_600_000\nremoval_grace_ms = 100\n";

/// So many revisions of one plugin.
fn revisions<const N: usize>() -> [Vec<u8>; N] {
    std::array::from_fn(|number| distinct(&guest("actor"), number))
}

fn told(id: &str, act: &str) -> Event {
    Event::of("any.type", id, &json!({ "act": act }))
}

/// Another link in place of one, in one step.
fn relink(bed: &Bed, link: &str, target: &str) {
    let beside = bed.path(&format!("{link}.new"));
    symlink(target, &beside).unwrap();
    fs::rename(beside, bed.path(link)).unwrap();
}

/// The plugin runs these bytes now, and an event says the same.
async fn runs(host: &Host<'_>, bytes: &[u8], id: &str) {
    host.runs("actor", bytes).await;
    host.send(&told(id, "well")).await;
    let event = host.settled(id).await;
    let digest = hookyard::event::Digest::of(bytes).to_string();
    assert_eq!(event["deliveries"][0]["attempts"][0]["revision"], digest.as_str(), "{event}");
}

#[tokio::test]
async fn a_file_is_added_and_replaced_in_every_way_there_is() {
    let bed = Bed::new(NOTICED);
    let [added, renamed, in_place, created] = revisions();
    let file = bed.plugin_file("actor");
    let host = bed.start().await;
    assert!(host.plugin("actor").await.is_none());
    // Copied to its place.
    fs::write(&file, &added).unwrap();
    runs(&host, &added, "evt_added").await;
    // Another file renamed over it.
    bed.install("actor", &renamed);
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
async fn a_file_that_is_half_written_changes_nothing_until_it_is_whole() {
    let bed = Bed::new(NOTICED);
    let [old, new] = revisions();
    bed.install("actor", &old);
    let host = bed.start().await;
    let (half, rest) = new.split_at(new.len() / 2);
    let mut file = File::options().write(true).truncate(true).open(bed.plugin_file("actor")).unwrap();
    file.write_all(half).unwrap();
    file.flush().unwrap();
    let refused =
        host.plugin_when("actor", "the half is refused", |plugin| !plugin["refusal"].is_null()).await;
    assert_eq!(refused["revision"], hookyard::event::Digest::of(&old).to_string().as_str());
    runs(&host, &old, "evt_meanwhile").await;
    file.write_all(rest).unwrap();
    drop(file);
    runs(&host, &new, "evt_whole").await;
    assert!(host.plugin("actor").await.unwrap()["refusal"].is_null());
}

#[tokio::test]
async fn a_link_to_a_file_is_followed_when_it_or_the_file_changes() {
    let bed = Bed::new(NOTICED);
    let [first, second, third] = revisions();
    fs::create_dir(bed.path("builds")).unwrap();
    bed.replace("builds/first.wasm", &first);
    bed.replace("builds/second.wasm", &second);
    symlink("../builds/first.wasm", bed.plugin_file("actor")).unwrap();
    let host = bed.start().await;
    runs(&host, &first, "evt_first").await;
    relink(&bed, "plugins/actor.wasm", "../builds/second.wasm");
    runs(&host, &second, "evt_second").await;
    bed.replace("builds/second.wasm", &third);
    runs(&host, &third, "evt_third").await;
}

/// What Kubernetes does with a mounted `ConfigMap`: files are links through `..data`, and it is that link
/// that is replaced.
#[tokio::test]
async fn a_volume_whose_data_link_is_switched_is_followed() {
    let bed = Bed::new(NOTICED);
    let [first, second] = revisions();
    let volume = |version: &str, bytes: &[u8]| {
        fs::create_dir(bed.path(&format!("plugins/{version}"))).unwrap();
        bed.replace(&format!("plugins/{version}/actor.wasm"), bytes);
    };
    volume("..2026_01_01", &first);
    symlink("..2026_01_01", bed.path("plugins/..data")).unwrap();
    symlink("..data/actor.wasm", bed.plugin_file("actor")).unwrap();
    let host = bed.start().await;
    runs(&host, &first, "evt_first").await;
    volume("..2026_01_02", &second);
    relink(&bed, "plugins/..data", "..2026_01_02");
    fs::remove_dir_all(bed.path("plugins/..2026_01_01")).unwrap();
    runs(&host, &second, "evt_second").await;
}

/// What Capistrano does: the directory lies below a link to the current release.
#[tokio::test]
async fn a_directory_below_a_link_is_followed_when_the_link_is_switched() {
    let bed = Bed::new(&format!("{NOTICED}dir = \"current/plugins\"\n"));
    let [first, second, third, fourth] = revisions();
    for (release, bytes) in [("1", &first), ("2", &second)] {
        fs::create_dir_all(bed.path(&format!("releases/{release}/plugins"))).unwrap();
        bed.replace(&format!("releases/{release}/plugins/actor.wasm"), bytes);
    }
    symlink("releases/1", bed.path("current")).unwrap();
    let host = bed.start().await;
    runs(&host, &first, "evt_first").await;
    relink(&bed, "current", "releases/2");
    runs(&host, &second, "evt_second").await;
    // Changes are noticed there too.
    bed.replace("releases/2/plugins/actor.wasm", &third);
    runs(&host, &third, "evt_third").await;
    // And there after a way back.
    relink(&bed, "current", "releases/1");
    runs(&host, &first, "evt_back").await;
    bed.replace("releases/1/plugins/actor.wasm", &fourth);
    runs(&host, &fourth, "evt_fourth").await;
}

#[tokio::test]
async fn a_directory_that_is_itself_a_link_is_followed_and_so_are_links_in_it() {
    let bed = Bed::new(NOTICED);
    let [first, second, third, other] = revisions();
    fs::remove_dir(bed.path("plugins")).unwrap();
    for (store, bytes) in [("one", &first), ("two", &second)] {
        fs::create_dir_all(bed.path(store)).unwrap();
        bed.replace(&format!("{store}/actor-1.wasm.bin"), bytes);
        symlink("actor-1.wasm.bin", bed.path(&format!("{store}/actor.wasm"))).unwrap();
    }
    symlink("one", bed.path("plugins")).unwrap();
    let host = bed.start().await;
    runs(&host, &first, "evt_first").await;
    // A file beside, in a directory that has two names: its own, and the link's.
    bed.replace("one/other.wasm", &other);
    host.runs("other", &other).await;
    relink(&bed, "plugins", "two");
    host.runs("actor", &second).await;
    host.gone("other").await;
    bed.replace("two/actor-1.wasm.bin", &third);
    host.runs("actor", &third).await;
    bed.replace("two/other.wasm", &other);
    host.runs("other", &other).await;
}

#[tokio::test]
async fn a_directory_may_appear_later() {
    let bed = Bed::new(&format!("{NOTICED}dir = \"not/yet/there\"\n"));
    let [first, second] = revisions();
    let host = bed.start().await;
    host.logged(&["WARN", "not/yet/there", "cannot be read"]).await;
    fs::create_dir(bed.path("not")).unwrap();
    fs::create_dir(bed.path("not/yet")).unwrap();
    fs::create_dir(bed.path("not/yet/there")).unwrap();
    bed.replace("not/yet/there/actor.wasm", &first);
    runs(&host, &first, "evt_first").await;
    bed.replace("not/yet/there/actor.wasm", &second);
    runs(&host, &second, "evt_second").await;
}

#[tokio::test]
async fn a_directory_may_go_and_come_back() {
    let bed = Bed::new(NOTICED);
    let [first, second, third, fourth, fifth] = revisions();
    bed.install("actor", &first);
    let host = bed.start().await;
    // As long as it is away nothing is known, so what runs stays.
    fs::rename(bed.path("plugins"), bed.path("away")).unwrap();
    host.logged(&["WARN", "cannot be read"]).await;
    runs(&host, &first, "evt_away").await;
    fs::create_dir(bed.path("plugins")).unwrap();
    bed.install("actor", &second);
    runs(&host, &second, "evt_second").await;
    // At once, before the host can have looked: the file system may give it the same number again.
    fs::remove_dir_all(bed.path("plugins")).unwrap();
    fs::create_dir(bed.path("plugins")).unwrap();
    bed.install("actor", &third);
    runs(&host, &third, "evt_third").await;
    bed.install("actor", &fourth);
    runs(&host, &fourth, "evt_fourth").await;
    // Away and back at once: it is the same one.
    fs::rename(bed.path("plugins"), bed.path("aside")).unwrap();
    fs::rename(bed.path("aside"), bed.path("plugins")).unwrap();
    bed.install("other", &first);
    host.runs("other", &first).await;
    bed.install("actor", &fifth);
    runs(&host, &fifth, "evt_fifth").await;
}

#[tokio::test]
async fn a_file_that_comes_while_others_are_loaded_from_a_new_directory_is_noticed() {
    let bed = Bed::new(&format!("{NOTICED}dir = \"later\"\n"));
    let [first, second, third, last] = revisions();
    let host = bed.start().await;
    fs::create_dir(bed.path("made")).unwrap();
    for (name, bytes) in [("a", &first), ("b", &second), ("c", &third)] {
        bed.replace(&format!("made/{name}.wasm"), bytes);
    }
    fs::rename(bed.path("made"), bed.path("later")).unwrap();
    // The first of them is there, the others are still being compiled.
    host.logged(&["plugin loaded", "\"a\""]).await;
    bed.replace("later/d.wasm", &last);
    host.runs("d", &last).await;
}

#[tokio::test]
async fn a_removed_file_takes_its_plugin_with_it_and_what_waited_is_held_until_it_is_back() {
    let settings = |concurrency| {
        format!(
            "{NOTICED}[plugin.actor]\ncall_timeout_ms = 3_600_000\nattempts_max = 2\nconcurrency = {concurrency}\n"
        )
    };
    let bed = Bed::new(&settings(2));
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    // Two that run for long, one behind them, and one that waits for its second attempt.
    host.send(&told("evt_waits", "retry-after 1")).await;
    host.send(&told("evt_later", "retry-after 3600000")).await;
    host.event_when("evt_later", "it waits", |event| event["state"] == "waiting").await;
    assert_eq!(host.settled("evt_waits").await["state"], "dead");
    for id in ["evt_long_1", "evt_long_2"] {
        host.send(&told(id, "loop")).await;
        host.event_when(id, "it runs", |event| event["state"] == "running").await;
    }
    host.send(&told("evt_behind", "well")).await;

    fs::remove_file(bed.plugin_file("actor")).unwrap();
    host.gone("actor").await;
    host.logged(&["plugin removed", "actor"]).await;
    for id in ["evt_behind", "evt_later"] {
        let event = host.event_when(id, "it is held", |event| event["state"] == "held").await;
        assert_eq!(event["deliveries"][0]["plugin"], "actor", "{event}");
    }
    assert_eq!(host.event("evt_long_1").await.unwrap()["state"], "running", "calls in flight go on");
    assert_eq!(host.send(&told("evt_nobody", "well")).await.json["deliveries"], 0);

    bed.configure(&settings(3));
    host.logged(&["configuration changed"]).await;
    bed.install("actor", &guest("actor"));
    let event = host.event_when("evt_behind", "it is done", |event| event["state"] == "done").await;
    assert_eq!(event["deliveries"][0]["attempts"].as_array().unwrap().len(), 1, "{event}");
    assert_eq!(host.event("evt_later").await.unwrap()["state"], "waiting");
    assert_eq!(host.event("evt_nobody").await.unwrap()["state"], "unhandled");
}

#[tokio::test]
async fn what_is_no_plugins_file_is_left_alone_and_a_bad_name_is_told() {
    let bed = Bed::new(NOTICED);
    let [bytes] = revisions();
    for name in ["notes.txt", ".actor.wasm", "actor.wasm.part", "actor", "ACTOR.WASM", "wasm", ".wasm"] {
        fs::write(bed.path("plugins").join(name), &bytes).unwrap();
    }
    fs::create_dir(bed.path("plugins/folder.wasm")).unwrap();
    symlink("nowhere", bed.path("plugins/dangling.wasm")).unwrap();
    fs::write(bed.path("plugins/no name.wasm"), &bytes).unwrap();
    let host = bed.start().await;
    fs::write(bed.path("plugins/-dash.wasm"), &bytes).unwrap();
    for name in ["no name.wasm", "-dash.wasm"] {
        host.logged(&["WARN", name, "is no plugin"]).await;
    }
    bed.install("z", &bytes);
    host.runs("z", &bytes).await;
    let (_, plugins) = host.api("/api/v1/plugins").await;
    let names: Vec<&str> =
        plugins["items"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["z"]);
}

#[tokio::test]
async fn a_touched_file_or_the_same_content_again_swaps_nothing() {
    let bed = Bed::new(NOTICED);
    let [bytes, other] = revisions();
    bed.install("actor", &bytes);
    let host = bed.start().await;
    let before = host.plugin("actor").await.unwrap();
    File::options()
        .write(true)
        .open(bed.plugin_file("actor"))
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    seen(&bed, &host, "z1", &other).await;
    bed.install("actor", &bytes);
    seen(&bed, &host, "z2", &other).await;
    fs::write(bed.plugin_file("actor"), &bytes).unwrap();
    seen(&bed, &host, "z3", &other).await;
    assert_eq!(host.plugin("actor").await.unwrap(), before);
    let loaded = |line: &&str| {
        line.contains("\"actor\"") && (line.contains("plugin loaded") || line.contains("swapped"))
    };
    assert_eq!(bed.log().lines().filter(loaded).count(), 1);
}

/// Waits until the host has looked at what was changed before: it looks at files in the order of their
/// names, and `later` comes after them.
async fn seen(bed: &Bed, host: &Host<'_>, later: &str, bytes: &[u8]) {
    bed.install(later, bytes);
    host.runs(later, bytes).await;
}

#[tokio::test]
async fn what_no_notification_tells_of_is_found_at_the_next_look() {
    let bed = Bed::new("[plugins]\nrescan_interval_ms = 200\n");
    let [first, second] = revisions();
    fs::create_dir(bed.path("far")).unwrap();
    bed.replace("far/first.wasm", &first);
    bed.replace("far/second.wasm", &second);
    // A link to a link: neither the directory nor the file at the end changes.
    fs::create_dir(bed.path("between")).unwrap();
    symlink("../far/first.wasm", bed.path("between/link")).unwrap();
    symlink("../between/link", bed.plugin_file("actor")).unwrap();
    let host = bed.start().await;
    runs(&host, &first, "evt_first").await;
    relink(&bed, "between/link", "../far/second.wasm");
    runs(&host, &second, "evt_second").await;
}
