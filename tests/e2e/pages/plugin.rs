//! The page of a plugin: pushing a revision, reading the difference, going back, and deciding about what waits.

use std::fs;

use hookyard::event::Digest;
use serde_json::json;

use super::browser::Browser;
use super::visitor::{Visitor, with_file};
use super::{address, first_token};
use crate::access::create;
use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest, wait_until};

/// The first digits of a digest, as pages show them.
fn digits(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()[..12].to_owned()
}

/// Waits until the revision in force is this one.
async fn wait_in_force(host: &RunningHost<'_>, plugin: &str, bytes: &[u8]) {
    let digest = Digest::of(bytes).to_string();
    host.wait_plugin(plugin, "the revision is in force", |plugin| plugin["revision"] == digest.as_str())
        .await;
}

#[tokio::test]
async fn a_revision_is_pushed_after_its_difference_was_read_and_is_gone_back_from() {
    let dir = HostDir::new("");
    let (old, new) = (guest("stats"), guest("conformance-rust"));
    dir.install("desk", &old);
    fs::write(dir.path("desk.wasm"), &new).unwrap();
    let host = dir.start().await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/plugins").await;
    browser.press("j").await;
    browser.press(super::browser::ENTER).await;
    browser.wait_at(&format!("{base}/plugins/desk")).await;
    browser.wait_text(&digits(&old)).await;

    browser.click("#push summary").await;
    browser.fill("#push-form input[name=file]", dir.path("desk.wasm").to_str().unwrap()).await;
    browser.fill("#push-form input[name=note]", "<b>as agreed</b>").await;
    browser.click("#push-form button[value=true]").await;
    browser.wait_text("Difference that this file would make").await;
    let difference = browser.run("return document.querySelector('#difference').innerText").await.to_string();
    assert!(difference.contains(&digits(&old)) && difference.contains(&digits(&new)), "{difference}");
    let gained =
        "return [...document.querySelectorAll('#difference .gained')].map((row) => row.innerText).join()";
    let gained = browser.run(gained).await.to_string();
    assert!(gained.contains("conformance.*"), "{gained}");
    assert!(host.plugin("desk").await.unwrap()["revision"].as_str().unwrap().starts_with(&digits(&old)));

    browser.click("#difference button.main").await;
    browser.wait_at(&format!("{base}/plugins/desk?pushed=")).await;
    wait_in_force(&host, "desk", &new).await;
    let text = browser.text().await;
    assert!(text.contains("<b>as agreed</b>") && text.contains("was pushed"), "{text}");

    // Back to the one before, with the reason.
    browser.fill(".note-field input", "it is slower").await;
    browser.click(".revisions button[name=digest]").await;
    wait_in_force(&host, "desk", &old).await;
    browser.wait_text("it is slower").await;
    browser.click(".revisions tr:nth-child(2) a").await;
    browser.wait_for("the difference is shown", "return !document.querySelector('#difference').hidden").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_waiting_revision_is_approved_with_its_difference_in_sight() {
    let dir = HostDir::new("");
    let (narrow, wide) = (guest("stats"), guest("conformance-rust"));
    dir.install("desk", &narrow);
    let host = dir.start().await;
    wait_until("the file is recorded", async || {
        (dir.run(&["plugin", "history", "desk"]).code == 0).then_some(())
    })
    .await;
    drop(host);
    dir.configure("[plugins]\napproval = \"widening\"\n");
    let host = dir.start().await;
    dir.replace("wide.wasm", &wide);
    let pushed =
        dir.run(&["plugin", "push", "desk", dir.path("wide.wasm").to_str().unwrap(), "--note", "new types"]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(800, 1000, "dark").await;
    browser.log_in(&base, &first_token(&dir), "/plugins").await;
    browser.wait_text(&format!("revision {} waits for approval", digits(&wide))).await;
    browser.click("a[href='/plugins/desk']").await;
    browser.wait_at(&format!("{base}/plugins/desk")).await;
    let text = browser.text().await;
    assert!(text.contains("conformance.*") && text.contains("new types"), "{text}");
    browser.fill("#difference input[name=note]", "read and agreed").await;
    browser.click("#difference button.main").await;
    wait_in_force(&host, "desk", &wide).await;
    browser.wait_text("approved by").await;
    assert!(browser.text().await.contains("read and agreed"));
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn each_role_has_the_buttons_that_it_may_press() {
    let dir = HostDir::new("[plugin.desk]\nhttp = [\"https://sms.example.gn\"]\n");
    dir.install("desk", &guest("conformance-rust"));
    let host = dir.start().await;
    host.send(&Event::with_payload("conformance.a", "evt_1", &json!({ "do": "store" }))).await;
    host.wait_drained().await;
    let other = distinct_copy(&guest("conformance-rust"), 1);
    dir.replace("other.wasm", &other);
    assert_eq!(dir.run(&["plugin", "push", "desk", dir.path("other.wasm").to_str().unwrap()]).code, 0);
    let forms = ["/pause\"", "/pin\"", "name=\"digest\"", "/push\"", "/desk/store\""];
    for (role, seen) in [
        ("read", [false, false, false, false, false]),
        ("operate", [true, true, true, false, true]),
        ("deploy", [false, false, false, true, false]),
        ("admin", [true, true, true, true, true]),
    ] {
        let visitor =
            Visitor::logged_in(&host, &create(&dir, &[role, "--role", role, "--plugins", "desk"])).await;
        let page = visitor.get("/plugins/desk").await;
        assert!(page.body.contains("https://sms.example.gn"), "{role}: {}", page.body);
        assert_eq!(forms.map(|form| page.body.contains(form)), seen, "{role}: {}", page.body);
        for (action, may) in [("pause", seen[0]), ("resume", seen[0]), ("pin", seen[1]), ("unpin", seen[1])] {
            let answer = visitor.submit(&format!("/plugins/desk/{action}"), &[]).await;
            assert_eq!(
                answer.status.as_u16(),
                if may { 303 } else { 403 },
                "{role} {action}: {}",
                answer.body
            );
        }
        let approve = visitor.submit("/plugins/desk/approve", &[("digest", "abcd")]).await;
        assert_eq!(approve.status.as_u16() == 403, role != "admin", "{role}: {}", approve.body);
        let store = visitor.get("/plugins/desk/store?prefix=co").await;
        assert_eq!(store.status.as_u16(), if seen[4] { 200 } else { 403 }, "{role}: {}", store.body);
        assert_eq!(store.body.contains("counter"), seen[4], "{role}: {}", store.body);
    }
    let admin = Visitor::logged_in(&host, &first_token(&dir)).await;
    let entry = admin.get("/plugins/desk/store?bucket=conformance&key=keys").await;
    assert!(entry.body.contains("counter") && entry.body.contains("<pre"), "{}", entry.body);
    for (path, status) in
        [("/plugins/none", 404), ("/plugins/none/store", 404), ("/plugins/desk?to=ffff", 404)]
    {
        assert_eq!(admin.get(path).await.status.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_file_is_pushed_by_a_form_of_this_session_only() {
    let dir = HostDir::new("");
    let (old, new) = (guest("stats"), distinct_copy(&guest("stats"), 7));
    dir.install("desk", &old);
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let token = visitor.get("/plugins/desk").await.form_token();
    let send = async |visitor: &Visitor, fields: &[(&str, &str)], file: &[u8]| {
        let request = visitor.request(reqwest::Method::POST, "/plugins/desk/push");
        visitor.send(with_file(request.header("origin", visitor.base()), fields, file)).await
    };
    // The token is the first field, of this session, and no other file follows the one that was shown.
    for fields in [&[][..], &[("form_token", "00")], &[("note", "x"), ("form_token", &token)]] {
        assert_eq!(send(&visitor, fields, &new).await.status.as_u16(), 403, "{fields:?}");
    }
    let shown = [("form_token", token.as_str()), ("seen", &Digest::of(&old).to_string())];
    assert_eq!(send(&visitor, &shown, &new).await.status.as_u16(), 409);
    let refused = send(&visitor, &[("form_token", &token)], b"nothing").await;
    assert!(refused.body.contains("The host refuses this file."), "{}", refused.body);
    let read = Visitor::logged_in(&host, &create(&dir, &["dashboard", "--role", "read"])).await;
    let own = read.get("/plugins/desk").await.form_token();
    assert_eq!(send(&read, &[("form_token", &own)], &new).await.status.as_u16(), 403);
    assert!(host.plugin("desk").await.unwrap()["revision"] == Digest::of(&old).to_string().as_str());
    let dry = send(&visitor, &[("form_token", &token), ("dry_run", "true")], &new).await;
    assert!(dry.body.contains("Difference that this file would make"), "{}", dry.body);
    let pushed = send(&visitor, &[("form_token", &token), ("note", "by hand")], &new).await;
    assert_eq!(pushed.location(), format!("/plugins/desk?pushed={}", Digest::of(&new)), "{}", pushed.body);
    wait_in_force(&host, "desk", &new).await;
}
