//! The pages of the audit log, over plain HTTP and in a browser.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::browser::Browser;
use super::visitor::Visitor;
use super::{address, first_token};
use crate::access::create;
use crate::support::{HostDir, guest};

#[tokio::test]
async fn entries_are_filtered_by_the_address_and_show_the_states_before_and_after() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    assert_eq!(dir.run(&["plugin", "pause", "actor", "--note", "the SMS gateway is down"]).code, 0);
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).code, 0);
    for number in 0..60 {
        create(&dir, &[&format!("t{number}"), "--role", "read"]);
    }
    let found = visitor.get("/audit?action=plugin&target=actor&actor=first-start&within=1h").await.body;
    assert!(found.contains("plugin.pause") && found.contains("the SMS gateway is down"), "{found}");
    assert!(!found.contains("token.create"), "{found}");
    assert_eq!(found.matches("Remove filter").count(), 4, "{found}");
    assert!(visitor.get("/audit?actor=nobody").await.body.contains("No entry matches."));

    // The list goes on page by page, and back.
    let first = visitor.get("/audit?action=token").await.body;
    assert!(first.contains("50 entries") && first.contains("t59") && !first.contains(">t3<"), "{first}");
    let (_, older) = first.split_once("class=\"pager\"").unwrap();
    let older = older.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let second = visitor.get(&older.replace("&amp;", "&")).await.body;
    assert!(second.contains(">t3<") && second.contains("href=\"/audit?action=token\""), "{second}");

    let listed = dir.run(&["audit", "list", "--action", "plugin.pause", "--json"]).json();
    let entry = visitor.get(&format!("/audit/{}", listed["items"][0]["number"])).await.body;
    for part in
        ["Before", "After", "class=\"differs\"", "the SMS gateway is down", "first-start", "127.0.0.1"]
    {
        assert!(entry.contains(part), "{part}: {entry}");
    }
    assert!(entry.contains(listed["items"][0]["hash"].as_str().unwrap()));
    assert_eq!(visitor.get("/audit/999999").await.status, StatusCode::NOT_FOUND);
    assert_eq!(visitor.get("/audit?cursor=x").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_chain_is_checked_and_all_of_it_is_a_file() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for number in 0..3 {
        create(&dir, &[&format!("t{number}"), "--role", "read"]);
    }
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let check = visitor.get("/audit/check").await.body;
    let verified = dir.run(&["audit", "verify", "--json"]).json();
    let head = format!("{}:{}", verified["head"]["number"], verified["head"]["hash"].as_str().unwrap());
    assert!(check.contains("whole") && check.contains(&head), "{check}");
    let other = head.replace(|c: char| c.is_ascii_hexdigit() && c.is_ascii_lowercase(), "0");
    let number = verified["head"]["number"].to_string();
    let other = format!("{number}:{}", &other.split_once(':').unwrap().1);
    let broken = visitor.get(&format!("/audit/check?expect={other}")).await.body;
    assert!(broken.contains("broken"), "{broken}");
    assert_eq!(visitor.get("/audit/check?expect=x").await.status, StatusCode::BAD_REQUEST);

    let file = visitor.get("/audit/export").await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"audit.jsonl\"");
    let lines: Vec<Value> = file.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let exported = dir.run(&["audit", "export"]).out;
    let expected: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, expected);
    assert_eq!(lines[0]["number"], json!(1));

    // Nobody else sees any of it.
    for role in ["read", "operate"] {
        let other = Visitor::logged_in(&host, &create(&dir, &[role, "--role", role])).await;
        assert!(!other.get("/").await.body.contains("href=\"/audit\""), "{role}");
        for path in ["/audit", "/audit/1", "/audit/check", "/audit/export"] {
            assert_eq!(other.get(path).await.status, StatusCode::FORBIDDEN, "{role} {path}");
        }
    }
}

#[tokio::test]
async fn the_chain_is_checked_in_the_open_list_and_new_entries_wait() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.mark_streams().await;
    browser.log_in(&base, &first_token(&dir), "/audit").await;
    browser.wait_stream().await;
    browser.wait_for("it is checked", "return !!document.querySelector('#chain .state.done')").await;
    create(&dir, &["ops", "--role", "operate"]);
    let news =
        "const news = document.querySelector('.news'); return !news.hidden && news.innerText === '1 new'";
    browser.wait_for("news wait", news).await;
    assert!(!browser.text().await.contains("ops"));
    browser.run("document.querySelector('.news').click()").await;
    let shown = "return document.querySelector('main').innerText.includes('ops')";
    browser.wait_for("the new entry is there", shown).await;
    assert_eq!(browser.complaints().await, [""; 0]);
    drop(host);
}
