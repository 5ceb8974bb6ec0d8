//! Dead letters: read by group, replayed and discarded in bulk, and hidden from those who may not see or act.

use serde_json::json;

use super::browser::Browser;
use super::visitor::Visitor;
use super::{address, first_token};
use crate::access::create;
use crate::support::{Event, HostDir, Partner, Reply, RunningHost, guest, wait_until};

/// What the guest of the conformance suite emits before it rejects, to no effect.
const GRANT: &str = "[plugin.desk]\nemit = [\"conformance.never\"]\n";

/// Events that the first revision rejects. The next one handles all but a few, and takes its time.
async fn fill(host: &RunningHost<'_>, good: usize, bad: usize) {
    for number in 0..good + bad {
        let act = if number < good { "busy 15" } else { "reject" };
        let payload = json!({ "act": act, "phone": "+224 622 00 00 01" });
        host.send(&Event::with_payload("conformance.a", &format!("evt_{number}"), &payload)).await;
    }
    host.wait_drained().await;
}

/// The number of unresolved dead letters.
fn dead(dir: &HostDir) -> usize {
    let listed = dir.run(&["delivery", "list", "--state", "dead", "--limit", "500", "--json"]).json();
    listed["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn dead_letters_are_replayed_in_bulk_with_progress_and_their_failures_listed() {
    let dir = HostDir::new("");
    dir.install("desk", &guest("conformance-rust"));
    let host = dir.start().await;
    fill(&host, 200, 4).await;
    dir.install("desk", &guest("actor"));
    host.wait_revision("desk", &guest("actor")).await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/").await;
    browser.press("gd").await;
    browser.wait_at(&format!("{base}/dead-letters")).await;
    browser.wait_text("204 dead letters in 1 group").await;
    browser.press("j").await;
    browser.press(super::browser::ENTER).await;
    browser.wait_at(&format!("{base}/dead-letters/list?plugin=desk")).await;
    browser.wait_text("what is \"\"?").await;

    browser.click("button[name=action][value=replay]").await;
    browser.wait_text("204 deliveries will run again").await;
    let first = "return document.querySelectorAll('#plan tbody tr').length";
    assert_eq!(browser.run(first).await, 5, "the first five");
    assert_eq!(dead(&dir), 204, "nothing has changed");
    browser.fill("#plan input[name=note]", "the plugin is mended").await;
    browser.click("#plan button.main").await;
    browser.wait_at(&format!("{base}/replays/")).await;
    let replay = browser.run("return location.pathname").await.as_str().unwrap().to_owned();
    // The progress is the replay's own: it goes on while nobody looks.
    browser.press("go").await;
    browser.wait_for("the overview is there", "return location.pathname === '/'").await;
    browser.go(&format!("{base}{replay}")).await;
    browser.wait_text("told to").await;
    host.wait_drained().await;
    wait_until("the good ones are done", async || (dead(&dir) == 4).then_some(())).await;
    let entries = dir.run(&["audit", "list", "--action", "replay.begin", "--json"]).json();
    assert!(entries.to_string().contains("the plugin is mended"), "{entries}");

    // Those that failed again are a group of their own, of the new revision.
    browser.go(&format!("{base}/dead-letters")).await;
    browser.wait_text("4 dead letters in 1 group").await;
    browser.click("button[name=action][value=discard]").await;
    browser.wait_text("4 deliveries will be discarded").await;
    browser.click("#plan button.danger").await;
    browser.wait_at(&format!("{base}/replays/")).await;
    wait_until("they are resolved", async || (dead(&dir) == 0).then_some(())).await;
    browser.go(&format!("{base}/dead-letters")).await;
    browser.wait_text("There is no dead letter.").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_group_is_of_one_plugin_one_reason_and_one_revision() {
    let dir = HostDir::new(GRANT);
    dir.install("desk", &guest("conformance-rust"));
    let host = dir.start().await;
    for (id, reason) in [("evt_1", "no room"), ("evt_2", "no room"), ("evt_3", "no room here")] {
        let payload = json!({ "do": "reject", "reason": reason });
        host.send(&Event::with_payload("conformance.a", id, &payload)).await;
    }
    host.wait_drained().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let page = visitor.get("/dead-letters").await.body;
    assert!(page.contains("3 dead letters in 2 groups"), "{page}");
    let revision = host.plugin("desk").await.unwrap()["revision"].as_str().unwrap()[..12].to_owned();
    let path =
        format!("/dead-letters/list?plugin=desk&reason=no+room&whole_reason=true&failed_on={revision}");
    assert!(page.contains(&path.replace('&', "&#38;")), "{path}: {page}");
    let list = visitor.get(&path).await.body;
    assert!(list.contains("evt_1") && list.contains("evt_2") && !list.contains("evt_3"), "{list}");
    let none = visitor.get("/dead-letters/list?failed_on=0000").await.body;
    assert!(none.contains("No dead letter matches."), "{none}");
    assert_eq!(visitor.get("/dead-letters/list?failed_on=xyz").await.status.as_u16(), 400);

    // The plan of a group counts the group.
    let group =
        [("plugin", "desk"), ("reason", "no room"), ("whole_reason", "true"), ("failed_on", &revision)];
    let filters = [&group[..], &[("action", "replay")]].concat();
    let plan = visitor.submit("/dead-letters/plan", &filters).await;
    let path = plan.location().to_owned();
    wait_until("it is counted", async || {
        visitor.get(&path).await.body.contains("2 deliveries will run again").then_some(())
    })
    .await;
    let begun = visitor.submit(&path, &[("note", "again")]).await;
    assert!(begun.location().starts_with("/replays/"), "{}", begun.body);
    // A replay that changed something is no plan.
    let replay = begun.location().trim_start_matches("/replays/").to_owned();
    assert_eq!(visitor.submit(&format!("/dead-letters/plan/{replay}"), &[]).await.status.as_u16(), 404);
}

#[tokio::test]
async fn readers_see_masks_and_no_buttons_and_their_forms_are_refused() {
    let dir = HostDir::new(&format!("personal = [\"/data/object/phone\", \"/data/object/reason\"]\n{GRANT}"));
    dir.install("desk", &guest("conformance-rust"));
    let host = dir.start().await;
    let payload = json!({ "do": "reject", "reason": "no: +224 620 1", "phone": "+224 620 1" });
    host.send(&Event::with_payload("conformance.a", "evt_1", &payload)).await;
    host.wait_drained().await;
    let read = Visitor::logged_in(&host, &create(&dir, &["dashboard", "--role", "read"])).await;
    for path in ["/dead-letters", "/dead-letters/list?plugin=desk"] {
        let page = read.get(path).await.body;
        assert!(page.contains("[masked]") && !page.contains("+224 620 1"), "{page}");
        assert!(!page.contains("/dead-letters/plan") && !page.contains("name=\"action\""), "{page}");
    }
    assert_eq!(read.get("/dead-letters/list?reason=224").await.status.as_u16(), 403);
    let plan = read.submit("/dead-letters/plan", &[("action", "replay")]).await;
    assert_eq!(plan.status.as_u16(), 403, "{}", plan.body);
    let effects = [("action", "replay"), ("of", "effects"), ("plugin", "desk")];
    let effects = read.submit("/dead-letters/plan", &effects).await;
    assert_eq!(effects.status.as_u16(), 403, "{}", effects.body);
    // A token for one plugin acts on that plugin only.
    let own =
        Visitor::logged_in(&host, &create(&dir, &["own", "--role", "operate", "--plugins", "desk"])).await;
    assert!(!own.get("/dead-letters").await.body.contains("name=\"action\""));
    assert!(own.get("/dead-letters?plugin=desk").await.body.contains("name=\"action\""));
    assert_eq!(own.submit("/dead-letters/plan", &[("action", "replay")]).await.status.as_u16(), 403);
    let plan = own.submit("/dead-letters/plan", &[("action", "replay"), ("plugin", "desk")]).await;
    assert_eq!(plan.status.as_u16(), 303, "{}", plan.body);
    let other =
        Visitor::logged_in(&host, &create(&dir, &["other", "--role", "operate", "--plugins", "x"])).await;
    let page = other.get("/dead-letters").await.body;
    assert!(!page.contains("evt_1") && !page.contains("desk"), "{page}");
    assert_eq!(other.get(plan.location()).await.status.as_u16(), 403);
}

/// Three events whose requests are all dead: two with one answer, and one with another.
async fn dead_effects<'a>(dir: &'a HostDir, partner: &Partner) -> RunningHost<'a> {
    dir.configure(&format!(
        "[effects]\nattempts_max = 1\nbackoff_base_ms = 1\n[plugin.outbox]\nhttp = [\"{}\"]\n",
        partner.origin()
    ));
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    for (number, path) in ["sms", "sms", "gone"].into_iter().enumerate() {
        let id = format!("evt_{number}");
        let payload = json!({ "do": "http", "url": format!("{}/{path}", partner.origin()), "text": "x" });
        host.send(&Event::with_payload("told", &id, &payload)).await;
        host.wait_event(&id, "its effect is dead", |event| {
            event["deliveries"][0]["effects"][0]["state"] == "dead"
        })
        .await;
    }
    host
}

fn answer(path: &str) -> Reply {
    if path.contains("gone") { Reply::text(404, "no such number") } else { Reply::text(500, "not well") }
}

#[tokio::test]
async fn dead_effects_are_replayed_by_group_after_a_dry_run() {
    let partner = Partner::start(|_, request: &_| answer(&request.path)).await;
    let dir = HostDir::new("");
    let host = dead_effects(&dir, &partner).await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let page = visitor.get("/dead-letters").await.body;
    assert!(page.contains("3 dead effects in 2 groups"), "{page}");
    assert!(page.contains("no such number") && page.contains("not well"), "{page}");

    let asked = partner.requests().len();
    let group = [("of", "effects"), ("plugin", "outbox"), ("reason", "404"), ("action", "replay")];
    let plan = visitor.submit("/dead-letters/plan", &group).await;
    let path = plan.location().to_owned();
    let page = wait_until("it is counted", async || {
        let page = visitor.get(&path).await.body;
        page.contains("1 effect will be attempted again").then_some(page)
    })
    .await;
    assert!(page.contains("POST http") && page.contains("Replay 1 effect"), "{page}");
    assert_eq!(partner.requests().len(), asked, "a dry run asks nobody");

    let begun = visitor.submit(&path, &[("note", "the number is back")]).await;
    let replay = begun.location().to_owned();
    assert!(replay.starts_with("/replays/"), "{}", begun.body);
    let page = wait_until("it has failed again", async || {
        let page = visitor.get(&replay).await.body;
        page.contains("evt%5F2#d").then_some(page)
    })
    .await;
    assert!(page.contains("Replay dead effects of outbox") && page.contains("Due again"), "{page}");
    visitor.set_cookie("hookyard-language", "fr");
    let page = visitor.get(&replay).await.body;
    assert!(page.contains("Rejouer les effets en échec définitif de outbox"), "{page}");
}

#[tokio::test]
async fn dead_effects_are_discarded_in_a_browser() {
    let partner = Partner::start(|_, request: &_| answer(&request.path)).await;
    let dir = HostDir::new("");
    let host = dead_effects(&dir, &partner).await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/dead-letters").await;
    browser.wait_text("3 dead effects in 2 groups").await;
    browser.click("section[aria-labelledby=effects] form.acts button[value=discard]").await;
    browser.wait_text("3 effects will be discarded").await;
    let first = "return document.querySelectorAll('#plan tbody tr').length";
    assert_eq!(browser.run(first).await, 3);
    browser.click("#plan button.danger").await;
    browser.wait_at(&format!("{base}/replays/")).await;
    wait_until("they are resolved", async || {
        let left = dir.run(&["effect", "list", "--state", "dead", "--json"]).json();
        left["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    browser.go(&format!("{base}/dead-letters")).await;
    browser.wait_text("There is no dead letter.").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
